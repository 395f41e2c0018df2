"""What an answer missed, in words: the reasons behind low scores, for a reader of the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rag.evaluation import survey_metrics
from rag.evaluation.answer_metrics import false_refusal, language_right, lead_figure_right, missing_facts, refusal_right
from rag.evaluation.case import Case
from rag.evaluation.citation_metrics import is_verbatim, markers_resolve, uncited_evidence
from rag.evaluation.retrieval_metrics import evidence_ranks


@dataclass(frozen=True, slots=True)
class Miss:
    """One shortcoming: its kind, to filter by, and what exactly."""

    kind: str
    detail: str


def missed(case: Case) -> list[Miss]:
    """Return everything a right answer would have shown and this one does not."""
    return [*_answer(case), *_retrieval(case), *_citations(case), *_survey(case)]


def _answer(case: Case) -> Iterator[Miss]:
    if refusal_right(case) == 0:
        yield Miss("not refused", "the reports do not say, yet an answer was given")
    if false_refusal(case) == 1:
        yield Miss("false refusal", "the reports say, yet the answer was refused")
    if lead_figure_right(case) == 0:
        yield Miss("wrong figure first", "the figure put forward is not the one asked for")
    if language_right(case) == 0:
        yield Miss("wrong language", f"the answer should be in {case.question.language!r}")
    for fact in missing_facts(case):
        yield Miss("fact missing", " / ".join(fact))


def _retrieval(case: Case) -> Iterator[Miss]:
    for item, rank in zip(case.question.evidence, evidence_ranks(case), strict=True):
        if rank is None or rank > 10:
            yield Miss("evidence not retrieved", f"{item.source}: {item.quote}")


def _citations(case: Case) -> Iterator[Miss]:
    for item in uncited_evidence(case):
        yield Miss("evidence not cited", f"{item.source}: {item.quote}")
    for citation in case.answer.get("citations", ()):
        if case.texts is not None and not is_verbatim(citation, case.texts):
            yield Miss("quote not verbatim", f"[{citation['marker']}] {citation['source']}: {citation['quote']}")
    if markers_resolve(case) == 0:
        yield Miss("markers", "a marker has no citation, or the answer has no marker at all")


def _survey(case: Case) -> Iterator[Miss]:
    reports = case.question.reports
    if reports is None or survey_metrics.survey_f1(case) is None:
        return
    yes, no = survey_metrics.sources_with(case, "yes"), survey_metrics.sources_with(case, "no")
    yield from (Miss("wrong yes", source) for source in sorted(yes - reports.yes))
    yield from (Miss("missed yes", source) for source in sorted(reports.yes - yes))
    yield from (Miss("missed no", source) for source in sorted(reports.no - no))
    yield from (Miss("report without row", source) for source in sorted(survey_metrics.uncovered(case)))
