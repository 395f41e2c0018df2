"""Answers over every report: coverage first, then each office with its verdict, quote and marker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rag.answering.draft import Draft
from rag.answering.quoting import cite_sentence
from rag.answering.wording import phrase, phrases, quoted, report_name
from rag.citations import Marker
from rag.questions import Question
from rag.retrieval import Sentence
from rag.survey import Judgement, Predicate
from rag.types import Context, Language, ReportMeta, Route, Survey, SurveyRow, Verdict

QUOTE_LENGTH = 120
SHOWN_ORDER = (Verdict.YES, Verdict.MIXED, Verdict.NO, Verdict.NEEDS_REVIEW)


def answer_from_survey(
    question: Question,
    predicate: Predicate,
    judged: Sequence[tuple[ReportMeta, Judgement]],
    contexts: Sequence[Context],
) -> Draft:
    """State the coverage, then list every report that bears on the predicate.

    Args:
        question: The question.
        predicate: What was asked of each report.
        judged: Every report in scope with its judgement.
        contexts: Paragraphs that retrieval found, to follow the evidence.
    """
    language = question.language
    marker = Marker()
    markers: dict[str, list[int]] = {}
    for verdict in (*SHOWN_ORDER, Verdict.NOT_MENTIONED):
        # Markers count in the order of the text.
        markers |= {
            meta.id: _cite(judgement, predicate, marker) for meta, judgement in judged if judgement.verdict is verdict
        }
    rows = tuple(
        SurveyRow(meta.id, meta.source, meta.office, meta.region, meta.year, judgement.verdict, tuple(markers[meta.id]))
        for meta, judgement in judged
    )
    survey = Survey(searched=len(rows), reports=len(rows), rows=rows)
    notes = tuple(
        phrase(language, "instruction_note", source=meta.source) for meta, judgement in judged if judgement.instruction
    )
    silent = all(row.verdict is Verdict.NOT_MENTIONED for row in rows)
    parts = [_coverage(rows, predicate, language)]
    if silent:
        parts.append(phrase(language, _refusal(predicate), name=_name(predicate)))
    elif question.route is Route.COUNT:
        parts.insert(0, _count(rows, predicate, language))
    elif not any(row.verdict in (Verdict.YES, Verdict.MIXED) for row in rows):
        parts.append(phrase(language, "none_yes", predicate=_label(Verdict.YES, predicate, language)))
    quotes = {citation.marker: citation.quote for citation in marker.citations}
    for verdict in SHOWN_ORDER:
        section = _section(verdict, judged, markers, quotes, predicate, language)
        if section:
            parts.append(section)
    route = Route.REFUSED if silent else question.route
    return Draft("\n\n".join(parts), route, marker.citations, _contexts(judged, contexts), survey=survey, notes=notes)


def fills_contexts(judged: Sequence[tuple[ReportMeta, Judgement]], wanted: int) -> bool:
    """Tell whether the evidence alone makes up an answer's contexts, each paragraph once, of which ``wanted`` are due.

    Then nothing that retrieval finds would be among them, and there is no need to load a model for it.
    """
    passages = [evidence.sentence.passage for _, judgement in judged for evidence in judgement.evidence]
    places = {(passage.report.id, passage.paragraph.number) for passage in passages}
    return wanted <= len(places) == len(passages)


def _cite(judgement: Judgement, predicate: Predicate, marker: Marker) -> list[int]:
    markers = []
    for evidence in judgement.evidence:
        sentence = evidence.sentence
        markers.append(cite_sentence(sentence, marker, _focus_place(sentence, predicate), QUOTE_LENGTH).marker)
    return list(dict.fromkeys(markers))


def _focus_place(sentence: Sentence, predicate: Predicate) -> tuple[int, int]:
    return next(predicate.focus.positions(sentence.folded), (0, 1))


def _refusal(predicate: Predicate) -> str:
    """Return the phrase for reports none of which decides: they may mention the thing, and not what is asked of it."""
    asked = (("change", predicate.change), ("planned", predicate.planned), ("degree", predicate.degree))
    return next((f"{kind}_refusal" for kind, is_asked in asked if is_asked), "survey_refusal")


def _name(predicate: Predicate) -> str:
    return predicate.name


def _label(verdict: Verdict, predicate: Predicate, language: Language) -> str:
    asked = (
        ("silence", predicate.silence),
        ("mention", predicate.mention),
        ("planned", predicate.planned),
        ("degree", predicate.degree),
        ("lack", predicate.lack),
        (predicate.change, bool(predicate.change)),
    )
    kind = next((name for name, is_asked in asked if is_asked), "yes")
    stated = phrase(language, f"predicate_{kind}", name=_name(predicate))
    return phrases(language, "verdicts")[verdict.value].format(predicate=stated)


def _coverage(rows: Sequence[SurveyRow], predicate: Predicate, language: Language) -> str:
    counts = phrase(language, "semicolon").join(
        phrase(language, "verdict_count", count=count, label=_label(verdict, predicate, language))
        for verdict in (*SHOWN_ORDER, Verdict.NOT_MENTIONED)
        if (count := sum(row.verdict is verdict for row in rows)) or verdict is Verdict.YES
    )
    return phrase(language, "coverage", searched=len(rows), reports=len(rows), counts=counts)


def _count(rows: Sequence[SurveyRow], predicate: Predicate, language: Language) -> str:
    counted = [row for row in rows if row.verdict is Verdict.YES]
    label = _label(Verdict.YES, predicate, language)
    if not counted:
        return phrase(language, "count_none", predicate=label)
    offices = {(row.office, row.region) if row.office else (row.source, None) for row in counted}
    return phrase(language, "count_lead", offices=len(offices), reports=len(counted), total=len(rows), predicate=label)


def _section(
    verdict: Verdict,
    judged: Sequence[tuple[ReportMeta, Judgement]],
    markers: Mapping[str, Sequence[int]],
    quotes: Mapping[int, str],
    predicate: Predicate,
    language: Language,
) -> str:
    lines = []
    for meta, judgement in judged:
        if judgement.verdict is verdict:
            shown = " ".join(quoted(language, quotes[number], number) for number in markers[meta.id])
            lines.append(f"- {report_name(meta, language)}: {shown}")
    if not lines:
        return ""
    return "\n".join([f"**{_label(verdict, predicate, language)}**", "", *lines])


def _contexts(judged: Sequence[tuple[ReportMeta, Judgement]], contexts: Sequence[Context]) -> tuple[Context, ...]:
    """Put the paragraphs of the evidence first, those that decide before those that do not."""
    order = {verdict: index for index, verdict in enumerate(SHOWN_ORDER)}
    ranked = sorted(
        (
            (order[judgement.verdict], -evidence.coverage, position, evidence.sentence.passage)
            for _, judgement in judged
            if judgement.evidence
            for position, evidence in enumerate(judgement.evidence)
        ),
        key=lambda item: item[:3],
    )
    found = {
        (passage.report.id, passage.paragraph.number): Context(passage.report, passage.paragraph, round(-coverage, 4))
        for _, coverage, _, passage in ranked
    }
    for context in contexts:
        found.setdefault((context.report.id, context.paragraph.number), context)
    return tuple(found.values())[: max(len(contexts), len(ranked))]
