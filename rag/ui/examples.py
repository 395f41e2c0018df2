"""Example questions, made from the reports at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rag.errors import RagError
from rag.types import Language, ReportMeta, SectionKind
from rag.ui.assistant import Assistant
from rag.ui.texts import load_texts

_REPORTS_CONSULTED = 8  # enough to find a report with each kind of section; keeps the page quick on a large store


def example_questions(
    assistant: Assistant, reports: Sequence[ReportMeta], language: Language, limit: int = 4
) -> tuple[str, ...]:
    """Return up to ``limit`` questions: one over the whole corpus, the others about one report each."""
    over_corpus = _corpus_questions(assistant, language) if len(reports) > 1 else iter(())
    about_reports = list(_report_questions(assistant, reports, language))
    first = next(over_corpus, None)
    questions = [first, *about_reports] if first else about_reports
    while len(questions) < limit and (another := next(over_corpus, None)):
        questions.append(another)
    return tuple(questions[:limit])


def _corpus_questions(assistant: Assistant, language: Language) -> Iterator[str]:
    """Yield the questions over all reports whose key word stands in one."""
    for template in load_texts()["examples_corpus"]:
        try:
            found = assistant.find(template["probe"])
        except RagError:
            continue
        if found:
            yield template[language]


def _report_questions(assistant: Assistant, reports: Sequence[ReportMeta], language: Language) -> Iterator[str]:
    """Yield one question for every kind of section, each about another report as far as there are any."""
    candidates = _candidates(assistant, reports)
    for kind, template in load_texts()["examples_report"].items():
        chosen = next((item for item in candidates if SectionKind(kind) in item[1]), None)
        if chosen:
            yield template[language].format(office=chosen[0].office, year=chosen[0].year)
            candidates.remove(chosen)
            candidates.append(chosen)


def _candidates(assistant: Assistant, reports: Sequence[ReportMeta]) -> list[tuple[ReportMeta, frozenset[SectionKind]]]:
    """Return the latest report of each office, newest first, with the kinds of section that it has."""
    named = (report for report in reports if report.office and report.year)
    newest = sorted(named, key=lambda report: (-(report.year or 0), report.source))
    latest: dict[str | None, ReportMeta] = {}
    for report in newest:
        latest.setdefault(report.office, report)
    return [(report, _section_kinds(assistant, report.id)) for report in list(latest.values())[:_REPORTS_CONSULTED]]


def _section_kinds(assistant: Assistant, report_id: str) -> frozenset[SectionKind]:
    try:
        return frozenset(section.kind for section in assistant.report(report_id).sections)
    except RagError:
        return frozenset()
