"""Which reports a question may be answered from: the user's filters and what the question names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rag.questions import Question
from rag.types import ReportMeta, Route, SectionKind


@dataclass(frozen=True)
class Scope:
    """The reports in scope.

    Attributes:
        metas: Reports to answer from.
        absent_years: Years asked for that none of these reports is about; only sentences that name one count.
        following_plan: True if the plan for the year asked for stands in last year's report, which is in scope.
    """

    metas: tuple[ReportMeta, ...]
    absent_years: tuple[int, ...] = ()
    following_plan: bool = False

    @cached_property
    def ids(self) -> frozenset[str]:
        """Ids of the reports in scope."""
        return frozenset(meta.id for meta in self.metas)


def resolve_scope(question: Question, metas: Sequence[ReportMeta]) -> Scope:
    """Narrow the filtered reports to those that the question names.

    Args:
        question: The question.
        metas: Reports left by the user's filters.
    """
    named = _named(question, metas)
    if not question.years or not named:
        return Scope(tuple(named))
    of_year = [meta for meta in named if meta.year in question.years]
    years = {meta.year for meta in named}
    absent = tuple(year for year in question.years if year not in years)
    if question.planned or SectionKind.PLAN in question.sections:
        # What was planned for a year stands in the report of the year before.
        planning = [meta for meta in named if meta.year is not None and meta.year + 1 in question.years]
        if planning and (absent or question.route in (Route.SURVEY, Route.COUNT)):
            return Scope(tuple(planning), (), following_plan=True)
    if of_year:
        return Scope(tuple(of_year), absent if question.route is Route.COMPARE else ())
    return Scope(tuple(named), absent)


def _named(question: Question, metas: Sequence[ReportMeta]) -> list[ReportMeta]:
    if question.offices:
        offices = {office for office, _ in question.offices}  # which few have, so that few pairs are compared
        return [meta for meta in metas if meta.office in offices and (meta.office, meta.region) in question.offices]
    if question.unnamed:
        return [meta for meta in metas if meta.office is None]
    if question.unknown_offices:
        return []
    if question.regions:
        return [meta for meta in metas if meta.region in question.regions]
    return list(metas)
