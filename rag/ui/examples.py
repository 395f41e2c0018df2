"""Example questions, made from the reports at hand; only ones that the reports answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from rag.errors import RagError
from rag.questions import pinyin_name, short_name
from rag.types import Language, ReportMeta, SectionKind
from rag.ui.assistant import Assistant
from rag.ui.texts import load_texts

_ASKED_AT_MOST = 8  # trial questions before the page is shown; each takes a tenth of a second or so
_COMPARED_AT_MOST = 3  # trial comparisons among them, until one has both figures
_REPORTS_CONSULTED = 8  # enough to find a report with each kind of section; keeps the page quick on a large store


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A question that may become an example, if its answer has at least so many figures; one is kept of each kind."""

    kind: str
    question: str
    figures: int = 0


def example_questions(
    assistant: Assistant, reports: Sequence[ReportMeta], language: Language, limit: int = 4
) -> tuple[str, ...]:
    """Return up to ``limit`` questions that are answered when asked: over all reports, two years, one report each."""
    kept: dict[str, str] = {}
    asked = 0
    for candidate in _candidates(assistant, reports, language):
        if len(kept) == limit or asked == _ASKED_AT_MOST:
            break
        if candidate.kind not in kept:
            asked += 1
            if _is_answered(assistant, candidate):
                kept[candidate.kind] = candidate.question
    return tuple(kept.values())


def _is_answered(assistant: Assistant, candidate: _Candidate) -> bool:
    try:
        answer = assistant.ask(candidate.question)
    except RagError:
        return False
    return not answer.refused and len(answer.facts) >= candidate.figures


def _candidates(assistant: Assistant, reports: Sequence[ReportMeta], language: Language) -> Iterator[_Candidate]:
    """Yield candidates, those that show most of what the page can do first."""
    over_corpus = _corpus_questions(language) if len(reports) > 1 else iter(())
    by_office = _reports_by_office(reports)
    first = next(over_corpus, None)
    yield from chain(
        [first] if first else [],
        _comparisons(by_office, language),
        _report_questions(assistant, by_office, language),
        over_corpus,
    )


def _corpus_questions(language: Language) -> Iterator[_Candidate]:
    for number, template in enumerate(load_texts()["examples_corpus"]):
        yield _Candidate(f"corpus {number}", template[language])


def _comparisons(by_office: Sequence[Sequence[ReportMeta]], language: Language) -> Iterator[_Candidate]:
    """Yield questions that set an office's two latest years side by side."""
    template: str = load_texts()["examples_compare"][language]
    followed = [reports for reports in by_office if len({report.year for report in reports}) > 1]
    for reports in followed[:_COMPARED_AT_MOST]:
        later, earlier = sorted({report.year for report in reports if report.year}, reverse=True)[:2]
        question = template.format(office=_called(reports[0], language), earlier=earlier, later=later)
        yield _Candidate("compare", question, figures=2)


def _report_questions(
    assistant: Assistant, by_office: Sequence[Sequence[ReportMeta]], language: Language
) -> Iterator[_Candidate]:
    """Yield one question for every kind of section, each about another office as far as there are any."""
    latest = [(reports[0], _section_kinds(assistant, reports[0].id)) for reports in by_office[:_REPORTS_CONSULTED]]
    for kind, template in load_texts()["examples_report"].items():
        chosen = next((item for item in latest if SectionKind(kind) in item[1]), None)
        if chosen:
            question = template[language].format(office=_called(chosen[0], language), year=chosen[0].year)
            yield _Candidate(kind, question)
            latest.remove(chosen)
            latest.append(chosen)


def _called(report: ReportMeta, language: Language) -> str:
    """Return how a question calls an office: in English by its name in pinyin, as the answers do."""
    office = report.office or ""
    return office if language == "zh" else pinyin_name(short_name(office))


def _reports_by_office(reports: Sequence[ReportMeta]) -> list[list[ReportMeta]]:
    """Return each office's dated reports, newest first; offices that share a name are left out, as it names neither."""
    grouped: dict[str, list[ReportMeta]] = defaultdict(list)
    for report in sorted(reports, key=lambda report: (-(report.year or 0), report.source)):
        if report.office and report.year:
            grouped[pinyin_name(short_name(report.office))].append(report)
    return [
        group
        for group in grouped.values()
        if len({report.office for report in group}) == 1
        and len({report.region for report in group if report.region}) < 2
    ]


def _section_kinds(assistant: Assistant, report_id: str) -> frozenset[SectionKind]:
    try:
        return frozenset(section.kind for section in assistant.report(report_id).sections)
    except RagError:
        return frozenset()
