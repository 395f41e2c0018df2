"""Citation ids, and citations cut from stored paragraphs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.errors import CitationError, MalformedCitation
from rag.types import Citation, Paragraph, ReportMeta

CITATION_ID = re.compile(
    r"(?P<report>[0-9a-f]{12})-p(?P<paragraph>[1-9][0-9]{0,8})-s(?P<start>0|[1-9][0-9]{0,8})-e(?P<end>[1-9][0-9]{0,8})"
)


@dataclass(frozen=True, slots=True)
class CitationAddress:
    """Where a citation id points: characters ``start:end`` of a report's paragraph."""

    report_id: str
    paragraph: int
    start: int
    end: int

    def __str__(self) -> str:
        """The citation id."""
        return f"{self.report_id}-p{self.paragraph}-s{self.start}-e{self.end}"


def parse_citation_id(text: str) -> CitationAddress:
    """Read a citation id.

    Raises:
        CitationError: it ends before it begins.
        MalformedCitation: it is not of the form ``3f9ac1d2b07e-p14-s120-e141``.
    """
    match = CITATION_ID.fullmatch(text.strip())
    if not match:
        raise MalformedCitation(
            f"{text!r} is no citation id. An id looks like 3f9ac1d2b07e-p14-s120-e141; "
            "answers list theirs under citations."
        )
    if int(match["start"]) >= int(match["end"]):
        raise CitationError(f"{text!r} ends before it begins. An id looks like 3f9ac1d2b07e-p14-s120-e141.")
    return CitationAddress(match["report"], int(match["paragraph"]), int(match["start"]), int(match["end"]))


def cut_citation(report: ReportMeta, paragraph: Paragraph, start: int, end: int, marker: int = 0) -> Citation:
    """Cut a citation from a stored paragraph; its quote is verbatim by construction.

    Raises:
        CitationError: the offsets lie outside the paragraph.
    """
    if not 0 <= start < end <= len(paragraph.text):
        raise CitationError(
            f"Paragraph {paragraph.number} of {report.source} has {len(paragraph.text)} characters; "
            f"{start}–{end} is outside."
        )
    return Citation(
        marker=marker,
        id=str(CitationAddress(report.id, paragraph.number, start, end)),
        report_id=report.id,
        office=report.office,
        region=report.region,
        year=report.year,
        section=paragraph.path,
        paragraph=paragraph.number,
        start=start,
        end=end,
        quote=paragraph.text[start:end],
        source=report.source,
    )


class Marker:
    """Hands out markers 1, 2, 3 … to the citations of one answer, the same one to the same place."""

    def __init__(self) -> None:
        self._citations: dict[str, Citation] = {}

    def cite(self, report: ReportMeta, paragraph: Paragraph, start: int, end: int) -> Citation:
        """Return the citation of characters ``start:end`` of a paragraph, with its marker."""
        key = str(CitationAddress(report.id, paragraph.number, start, end))
        if key not in self._citations:
            self._citations[key] = cut_citation(report, paragraph, start, end, len(self._citations) + 1)
        return self._citations[key]

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The citations so far, by marker."""
        return tuple(self._citations.values())
