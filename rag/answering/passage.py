"""Answers from passages: the sentences that answer, verbatim, best first, grouped by report."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, takewhile

from rag import lexicon
from rag.answering.draft import Draft
from rag.answering.figures import BEST_QUALITY, QUALITY_OF_NONE, FigureFinder, fact_of, heaviest_of
from rag.answering.quoting import cite_sentence
from rag.answering.refusal import refuse
from rag.answering.wording import gloss, phrase, quoted, report_name
from rag.citations import Marker
from rag.figures import Figure
from rag.folding import fold
from rag.questions import Question
from rag.retrieval import Match, Passage, Retrieval, Scope, Sentence, Weighted
from rag.retrieval.matching import is_instruction, mention_strength
from rag.retrieval.retriever import WHOLE_SCOPE_REPORTS
from rag.types import Fact, Language, ReportMeta, Route, SectionKind

ENOUGH_COVERAGE = 0.33
"""Share of the question's weight that a sentence, with its surroundings, must meet; else the reports do not say."""
ENOUGH_WITHOUT_HEAVIEST = 0.45
ENOUGH_DIRECT = 0.2
"""Share that it must meet by its own words."""
NEARLY_AS_GOOD = 0.85
QUALITY_WEIGHT = 0.3
"""What it adds to a sentence's score that its figure is surely the one asked for."""
SENTENCES, LIST_ITEMS, REPORTS = 3, 8, 5
LONGEST_RUN_IN_HEADING = 32
LONGEST_ITEM = 160
"""Characters of a list's item, with the sentences that explain it."""
CONTINUES = lexicon.cue("asked", "continues")
OUTCOME_ASKED = lexicon.cue("asked", "outcome_asked")
OUTCOME_SENTENCES = 2
"""Sentences after the one that names a thing, in which its outcome is told."""
HOLDER = lexicon.cue("asked", "holder")
ITEM = lexicon.cue("asked", "item")

Quotable = Callable[[], Sequence[Passage]]


@dataclass(frozen=True)
class ReportAnswer:
    """What one report answers: its sentences, best first, and the figure asked for."""

    meta: ReportMeta
    sentences: tuple[Sentence, ...]
    figures: tuple[Figure, ...] = ()
    figure_sentence: Sentence | None = None


def answer_from_passages(question: Question, scope: Scope, retrieval: Retrieval, quotable: Quotable) -> Draft:
    """Answer from the sentences that meet the question, or refuse.

    Args:
        question: The question.
        scope: The reports searched.
        retrieval: What retrieval found in them.
        quotable: Returns every passage of the reports in scope (of many: of those found) that may be quoted, each once,
            report by report. Called where a section is listed or its heading cited.
    """
    finder = FigureFinder(question, retrieval.weighted)
    if question.sections and not [
        item for item in retrieval.weighted if item.present and item.concept.kind not in ("light", "translated")
    ]:
        listed = _section_items(question, quotable())
        if listed:
            return _compose(question, scope, retrieval, listed, finder, quotable)
    heaviest = heaviest_of(retrieval.weighted)
    answering = (match for match in retrieval.matches if heaviest and _answers(match, heaviest))
    if _asks_holder(question):
        # 书记叫什么名字: a sentence that only names the post is no answer.
        answering = (match for match in answering if HOLDER.search(match.sentence.folded))
    first = next(answering, None)
    if first is None:
        return refuse(question, scope, retrieval)
    if "number" in question.asked:
        good = _settling_the_number(chain([first], answering), finder)
        if not good:
            return refuse(question, scope, retrieval, "refusal_no_figure")
    else:
        good = [first, *takewhile(lambda match: match.score >= NEARLY_AS_GOOD * first.score, answering)]
    answers = [_with_what_follows(answer, question, quotable) for answer in _by_report(good, question, finder)]
    return _compose(question, scope, retrieval, answers, finder, quotable)


def _with_what_follows(answer: ReportAnswer, question: Question, quotable: Quotable) -> ReportAnswer:
    """Add what stands under a heading to an answer that would be headings alone; of a person, what names one."""
    heading = answer.sentences[0]
    path = heading.passage.paragraph.path
    if not path or any(sentence.passage.paragraph.kind != "heading" for sentence in answer.sentences):
        return answer
    under = [
        sentence
        for passage in quotable()
        if passage.report.id == answer.meta.id
        and passage.paragraph.kind in ("body", "table_row")
        and passage.paragraph.path[: len(path)] == path
        for sentence in passage.sentences
        if not is_instruction(sentence.folded)
    ]
    naming = [sentence for sentence in under if HOLDER.search(sentence.folded)] if "person" in question.asked else []
    return replace(answer, sentences=(heading, *(naming or under)[:SENTENCES]))


def _asks_holder(question: Question) -> bool:
    """Tell whether a question asks who holds a post."""
    posts = set(lexicon.load("asked")["posts"])
    return "person" in question.asked and any(posts & set(concept.words) for concept in question.concepts)


def meets_enough(match: Match) -> bool:
    """Tell whether a sentence meets enough of the question's weight, and enough by its own words."""
    return match.coverage >= ENOUGH_COVERAGE and match.direct >= ENOUGH_DIRECT


def _answers(match: Match, heaviest: Weighted) -> bool:
    """Tell whether a sentence meets enough of the question, the heaviest concept among it."""
    if not meets_enough(match):
        return False
    passage = match.sentence.passage
    met = mention_strength(heaviest.concept, f"{passage.heading} {passage.folded}") > 0
    # An everyday word may be put otherwise in the report; a term of the field or a quoted one may not.
    return met or (not heaviest.concept.is_term and match.coverage >= ENOUGH_WITHOUT_HEAVIEST)


def _settling_the_number(matches: Iterable[Match], finder: FigureFinder) -> list[Match]:
    """Return the sentences that give the figure asked for or say that there was none, the surest first.

    Of these, a report's later ones are shown only before the next report's first, so it is enough to know those that
    come before the surest of so many reports as are shown.

    Args:
        matches: Sentences, best first. Looked at until none that follows can be the surest or nearly as good as it, or
            can be shown.
        finder: Finds the figure that the question asks for.
    """
    scored: list[tuple[float, Match]] = []
    surest: tuple[float, float] | None = None
    of_report: dict[str, float] = {}
    last_shown = -math.inf
    for match in matches:
        at_most = match.score + QUALITY_WEIGHT * BEST_QUALITY
        if surest and at_most < surest[0] and match.score < NEARLY_AS_GOOD * surest[1]:
            break
        if at_most <= last_shown:
            break
        if any(
            match.score + QUALITY_WEIGHT * quality <= last_shown for quality in finder.qualities_at_most(match.sentence)
        ):
            continue
        figures = finder.figures(match.sentence)
        if figures or finder.states_none(match.sentence):
            near = max((finder.quality(match.sentence, figure) for figure in figures), default=QUALITY_OF_NONE)
            sureness = match.score + QUALITY_WEIGHT * near
            scored.append((sureness, match))
            surest = max(surest or (sureness, match.score), (sureness, match.score), key=lambda item: item[0])
            if match.score >= NEARLY_AS_GOOD * surest[1]:
                report_id = match.sentence.passage.report.id
                of_report[report_id] = max(sureness, of_report.get(report_id, sureness))
                last_shown = (
                    min(heapq.nlargest(REPORTS, of_report.values())) if len(of_report) >= REPORTS else last_shown
                )
    return [match for _, match in sorted(scored, key=lambda item: -item[0])]


def _by_report(good: Sequence[Match], question: Question, finder: FigureFinder) -> list[ReportAnswer]:
    """Group the sentences that are nearly as good as the best by report, the best report first."""
    best = good[0].score
    limit = LIST_ITEMS if "list" in question.asked or "how" in question.asked else SENTENCES
    chosen: dict[str, list[Sentence]] = {}
    for match in good:
        if match.score < NEARLY_AS_GOOD * best:
            continue
        sentences = chosen.setdefault(match.sentence.passage.report.id, [])
        if len(sentences) < (1 if "number" in question.asked and sentences and len(chosen) > 1 else limit):
            sentences.append(match.sentence)
    answers = []
    for sentences in list(chosen.values())[:REPORTS]:
        extended = _with_continuations(sentences, question, limit)
        figures, place = _figures_of(sentences, finder) if "number" in question.asked else ((), None)
        answers.append(ReportAnswer(sentences[0].passage.report, tuple(extended), figures, place))
    return answers


def _figures_of(sentences: Sequence[Sentence], finder: FigureFinder) -> tuple[tuple[Figure, ...], Sentence | None]:
    """Return the figures to bring forward, from the first sentence that settles the matter; none if it says none."""
    for sentence in sentences:
        if finder.states_none(sentence):
            return (), sentence
        figures = finder.figures(sentence)
        if figures:
            return tuple(figures), sentence
    return (), None


def _with_continuations(sentences: Sequence[Sentence], question: Question, limit: int) -> list[Sentence]:
    """Add what a sentence only announces: the sentence after it that begins 即, 包括, 一是, or its list of items."""
    extended: list[Sentence] = []
    for sentence in sentences:
        if sentence not in extended:
            extended.append(sentence)
        siblings = sentence.passage.sentences
        place = siblings.index(sentence)
        following = siblings[place + 1 : place + 1 + limit]
        run_in_heading = ITEM.search(sentence.folded) is not None and len(sentence.text) < LONGEST_RUN_IN_HEADING
        after = OUTCOME_SENTENCES if OUTCOME_ASKED.search(fold(question.text)) else 0
        announces = sentence.text.rstrip().endswith(("：", ":")) or len(sentence.text) < 12 or run_in_heading
        for index, next_sentence in enumerate(following):
            if (
                not (announces and index == 0)
                and index >= after
                and not CONTINUES.search(next_sentence.folded)
                and not (index and "list" in question.asked and ITEM.search(next_sentence.folded))
            ):
                break
            if next_sentence not in extended:
                extended.append(next_sentence)
    return extended


def _section_items(question: Question, passages: Sequence[Passage]) -> list[ReportAnswer]:
    """List what stands in the sections asked for: their items if they have any, else their sentences."""
    chosen: dict[str, list[Sentence]] = {}
    for passage in passages:
        if passage.paragraph.section_kind in question.sections and passage.paragraph.kind != "title":
            chosen.setdefault(passage.report.id, []).extend(passage.sentences)
    answers = []
    for sentences in list(chosen.values())[:REPORTS]:
        items = [sentence for sentence in sentences if ITEM.search(sentence.folded)]
        top_headings = {sentence for sentence in items if _is_top_heading(sentence)}
        items = [sentence for sentence in items if sentence not in top_headings]
        items = [_explained(item, sentences) for item in items]
        picked = items or [sentence for sentence in sentences if not _is_top_heading(sentence)]
        if picked:
            answers.append(ReportAnswer(picked[0].passage.report, tuple(picked[: LIST_ITEMS + 4])))
    return answers


def _explained(item: Sentence, sentences: Sequence[Sentence]) -> Sentence:
    """Extend an item by the sentences of its paragraph that explain it, up to the next item."""
    end = item.end
    for sentence in sentences[sentences.index(item) + 1 :]:
        if sentence.passage is not item.passage or ITEM.search(sentence.folded):
            break
        if sentence.end - item.start > LONGEST_ITEM:
            break
        end = sentence.end
    return Sentence(item.passage, item.start, end)


def _is_top_heading(sentence: Sentence) -> bool:
    paragraph = sentence.passage.paragraph
    return paragraph.kind == "heading" and len(paragraph.path) <= 1


def _compose(
    question: Question,
    scope: Scope,
    retrieval: Retrieval,
    answers: Sequence[ReportAnswer],
    finder: FigureFinder,
    quotable: Quotable,
) -> Draft:
    marker = Marker()
    facts: list[Fact] = []
    parts = []
    for answer in answers:
        quotes = [_bullet(sentence, answer, marker, question.language) for sentence in answer.sentences]
        parts.append("\n".join([_lead(answer, question, finder, marker, quotable), "", *quotes]))
        facts.extend(_facts(answer, marker, question))
    every_one = len(answers) < REPORTS and len(scope.metas) <= WHOLE_SCOPE_REPORTS
    if len(answers) < len(scope.metas) and not every_one:
        parts.append(phrase(question.language, "best_reports", shown=len(answers), count=len(scope.metas)))
    notes: tuple[str, ...] = ()
    if scope.absent_years:
        years = phrase(question.language, "separator").join(map(str, scope.absent_years))
        notes = (phrase(question.language, "absent_year", years=years),)
    return Draft(
        "\n\n".join(parts),
        Route.PASSAGE,
        marker.citations,
        retrieval.contexts,
        facts=tuple(facts),
        notes=notes,
    )


def _lead(
    answer: ReportAnswer,
    question: Question,
    finder: FigureFinder,
    marker: Marker,
    quotable: Quotable,
) -> str:
    language, name = question.language, report_name(answer.meta, question.language)
    if answer.figures:
        shown = phrase(language, "separator").join(
            f"**{figure.text}**{gloss(figure, language)}" for figure in answer.figures
        )
        return phrase(language, "figure_lead", report=name, figure=shown)
    first = answer.sentences[0]
    plan_only = all(s.passage.paragraph.section_kind is SectionKind.PLAN for s in answer.sentences)
    if plan_only and not question.planned and SectionKind.PLAN not in question.sections:
        return phrase(language, "planned_lead", report=name, heading=_top_heading(first, marker, quotable()))
    if ("whether" in question.asked and not question.lack) or "number" in question.asked:
        if finder.states_none(answer.figure_sentence or first):
            return phrase(language, "denied_lead", report=name)
    return phrase(language, "lead", report=name)


def _top_heading(sentence: Sentence, marker: Marker, passages: Sequence[Passage]) -> str:
    """Return the heading of the top section that a sentence stands in, with a marker if it has a line of its own."""
    heading = sentence.passage.paragraph.path[0] if sentence.passage.paragraph.path else ""
    for passage in passages:
        paragraph = passage.paragraph
        if paragraph.kind == "heading" and paragraph.path == (heading,) and passage.report == sentence.passage.report:
            citation = marker.cite(passage.report, paragraph, 0, len(paragraph.text))
            return f"“{heading}”[{citation.marker}]"
    return f"“{heading}”"


def _bullet(sentence: Sentence, answer: ReportAnswer, marker: Marker, language: Language) -> str:
    around = None
    if answer.figures and sentence is answer.figure_sentence:
        around = (answer.figures[0].start, answer.figures[-1].end)
    citation = cite_sentence(sentence, marker, around)
    return f"- {quoted(language, citation.quote, citation.marker)}"


def _facts(answer: ReportAnswer, marker: Marker, question: Question) -> list[Fact]:
    sentence = answer.figure_sentence
    if sentence is None:
        return []
    return [
        fact_of(figure, sentence, question, answer.meta.year, number)
        for figure in answer.figures
        if (number := _marker_of(figure, answer, marker)) is not None
    ]


def _marker_of(figure: Figure, answer: ReportAnswer, marker: Marker) -> int | None:
    """Return the marker of the citation whose quote holds the figure."""
    sentence = answer.figure_sentence
    if sentence is None:
        return None
    return next(
        (
            citation.marker
            for citation in marker.citations
            if citation.report_id == answer.meta.id
            and citation.paragraph == sentence.passage.paragraph.number
            and citation.start <= sentence.start + figure.start
            and sentence.start + figure.end <= citation.end
        ),
        None,
    )
