"""Whether what an answer cites still stands in the store as it did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.types import Citation, QuoteMatch, ReportMeta

MOST_SEARCHED = 60
"""Quotes looked for in newer texts when a conversation is opened; each reads the whole corpus."""


class Library(Protocol):
    """The part of ``rag.pipeline.Rag`` that citations are checked against."""

    def reports(self) -> Sequence[ReportMeta]:
        """Return the inventory."""
        ...

    def find(self, quote: str) -> Sequence[QuoteMatch]:
        """Return the places where a quote stands."""
        ...


@dataclass(frozen=True, slots=True)
class ChangedCitation:
    """A citation whose report's text is no longer the one that was quoted.

    Attributes:
        citation: As it was, with its quote.
        now: Where the same quote stands in the newer text of that office and year, None where it does not.
    """

    citation: Citation
    now: Citation | None


def changed_citations(citations: Iterable[Citation], library: Library) -> dict[str, ChangedCitation]:
    """Return, by citation id, those whose report has changed or gone.

    A report's id is a hash of its text, so a report that is still there is still the same.
    """
    present = {report.id for report in library.reports()}
    gone = {citation.id: citation for citation in citations if citation.report_id not in present}
    return {
        number_id: ChangedCitation(citation, _newer(citation, library) if searched < MOST_SEARCHED else None)
        for searched, (number_id, citation) in enumerate(gone.items())
    }


def _newer(citation: Citation, library: Library) -> Citation | None:
    """Return where the quote stands now, in the report that took the place of the one cited."""
    found = [match.citation for match in library.find(citation.quote)]
    return next((place for place in found if _same_report(place, citation)), None)


def _same_report(one: Citation, other: Citation) -> bool:
    if one.office is None or other.office is None:
        return one.source == other.source
    return (one.office, one.region, one.year) == (other.office, other.region, other.year)
