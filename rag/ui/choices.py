"""What a reader can set beside the question: what to answer from, and the way of answering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rag.questions import distinct_offices
from rag.types import Filters, Language, ReportMeta, Route, SectionKind
from rag.ui.texts import say

AUTOMATIC = "auto"
Fields = tuple[list[str], list[int], list[str], str, list[str], bool]
"""Values of the fields: offices, years, regions, way of answering, kinds of section, without the chat model."""
NOTHING_CHOSEN: Fields = ([], [], [], AUTOMATIC, [], False)
_ROUTES = tuple(route for route in Route if route is not Route.REFUSED)


@dataclass(frozen=True, slots=True)
class Choices:
    """What is set for the next questions.

    Attributes:
        filters: What they are restricted to.
        route: How they are answered; None: as their wording suggests.
        extractive: True to answer without the chat model.
    """

    filters: Filters
    route: Route | None
    extractive: bool = False

    @classmethod
    def read(
        cls,
        offices: Sequence[str] | None,
        years: Sequence[int] | None,
        regions: Sequence[str] | None,
        route: str | None,
        kinds: Sequence[str] | None = None,
        extractive: bool | None = False,
    ) -> Self:
        """Read the fields' values; an emptied field restricts nothing."""
        filters = Filters(
            offices=tuple(offices or ()),
            years=tuple(int(year) for year in years or ()),
            regions=tuple(regions or ()),
            section_kinds=tuple(kind for kind in SectionKind if kind in (kinds or ())),
        )
        return cls(filters, next((known for known in _ROUTES if known == route), None), bool(extractive))

    def values(self, known: Filters) -> Fields:
        """Return the fields' values; what no report has any more is left out."""
        return (
            [name for name in self.filters.offices if name in known.offices],
            [year for year in self.filters.years if year in known.years],
            [name for name in self.filters.regions if name in known.regions],
            self.route.value if self.route else AUTOMATIC,
            [kind.value for kind in self.filters.section_kinds],
            self.extractive,
        )


def known_choices(reports: Sequence[ReportMeta]) -> Filters:
    """Return all that reports can be restricted to: names in order, the latest year first."""
    return Filters(
        offices=tuple(sorted({report.office for report in reports if report.office})),
        years=tuple(sorted({report.year for report in reports if report.year}, reverse=True)),
        regions=tuple(sorted({report.region for report in reports if report.region})),
    )


def route_names(language: Language) -> list[tuple[str, str]]:
    """Return the ways of answering with their names, the automatic choice first."""
    return [
        (say("route_auto", language), AUTOMATIC),
        *((say(f"route_{route}", language), route.value) for route in _ROUTES),
    ]


def kind_names(language: Language) -> list[tuple[str, str]]:
    """Return the kinds of section that answers can be restricted to, with their names."""
    return [(say(f"kind_{kind}", language), kind.value) for kind in SectionKind if kind is not SectionKind.OTHER]


def inventory(reports: Sequence[ReportMeta], language: Language) -> str:
    """Return how many reports of how many offices and which years there are, in words."""
    if not reports:
        return say("corpus_empty", language)
    offices = distinct_offices([(report.office, report.region) for report in reports if report.office])
    years = known_choices(reports).years
    if not years:
        return say("corpus_undated", language, reports=len(reports), offices=offices)
    span = str(years[0]) if len(years) == 1 else f"{years[-1]}–{years[0]}"
    return say("corpus", language, reports=len(reports), offices=offices, years=span)
