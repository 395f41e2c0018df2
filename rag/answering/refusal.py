"""Refusals: the reports do not say; what was searched, and the nearest passages as such."""

from __future__ import annotations

from collections.abc import Sequence

from rag.answering.draft import Draft
from rag.answering.quoting import cite_sentence
from rag.answering.wording import office_name, phrase, quoted, report_name
from rag.citations import Marker
from rag.questions import Question
from rag.retrieval import Retrieval, Scope
from rag.retrieval.passages import Passage
from rag.types import Context, ReportMeta, Route

NEAREST_SHOWN = 3
NAMES_SHOWN = 12


def refuse(question: Question, scope: Scope, retrieval: Retrieval, reason: str = "refusal") -> Draft:
    """Say that the reports in scope do not say it, what was searched, and what comes nearest.

    Args:
        question: The question.
        scope: The reports searched.
        retrieval: What was found.
        reason: The phrase that opens the refusal.
    """
    language = question.language
    if scope.absent_years and question.offices and reason == "refusal":
        opening = phrase(
            language,
            "refusal_no_year",
            years=phrase(language, "separator").join(map(str, scope.absent_years)),
            office=office_name(scope.metas[0], language),
        )
    else:
        opening = phrase(language, reason)
    marker = Marker()
    nearest = _nearest(retrieval.contexts, question, marker)
    lines = [opening, "", searched(scope.metas, question)]
    if nearest:
        lines += ["", phrase(language, "nearest"), *nearest]
    return Draft("\n".join(lines), Route.REFUSED, marker.citations, retrieval.contexts)


def refuse_scope(question: Question, available: Sequence[ReportMeta]) -> Draft:
    """Say that no report is in scope: an office that is not in the corpus, or filters that match nothing."""
    language = question.language
    if question.unknown_offices:
        names = phrase(language, "separator").join(question.unknown_offices)
        opening = phrase(language, "refusal_unknown_office", name=names)
    else:
        opening = phrase(language, "refusal_no_scope")
    offices = dict.fromkeys(office_name(meta, language) for meta in available)
    shown = phrase(language, "separator").join(list(offices)[:NAMES_SHOWN]) + (
        "…" if len(offices) > NAMES_SHOWN else ""
    )
    text = opening + (("" if language == "zh" else " ") + phrase(language, "available", names=shown) if offices else "")
    return Draft(text, Route.REFUSED)


def searched(metas: Sequence[ReportMeta], question: Question) -> str:
    """Say which reports were searched; named if they are few."""
    language = question.language
    names = ""
    if len(metas) <= 6:
        listed = phrase(language, "separator").join(report_name(meta, language) for meta in metas)
        names = f"（{listed}）" if language == "zh" else f" ({listed})"
    return phrase(language, "searched", count=len(metas), names=names)


def _nearest(contexts: Sequence[Context], question: Question, marker: Marker) -> list[str]:
    lines = []
    telling = [context for context in contexts if context.paragraph.kind in ("body", "table_row")]
    for context in telling[:NEAREST_SHOWN]:
        passage = Passage(context.report, context.paragraph)
        if not passage.sentences:
            continue
        wanted = [concept for concept in question.concepts if concept.words]
        sentence = max(
            passage.sentences, key=lambda sentence: sum(concept.mentioned(sentence.folded) for concept in wanted)
        )
        citation = cite_sentence(sentence, marker, (0, 1))
        name = report_name(context.report, question.language)
        lines.append(f"- {name}: {quoted(question.language, citation.quote, citation.marker)}")
    return lines
