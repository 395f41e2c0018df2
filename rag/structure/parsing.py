"""From a loaded document to a report: paragraphs, sections, metadata."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from rag.structure.headings import Outline, outline, with_context
from rag.structure.lines import Line, read_lines
from rag.structure.metadata import read_metadata, with_overrides
from rag.structure.overrides import MetaOverrides
from rag.types import Document, Paragraph, ParagraphKind, Report, Section, SectionKind

_ID_DIGITS = 12


def parse_report(document: Document, overrides: MetaOverrides | None = None) -> Report:
    """Find a document's paragraphs, headings and metadata.

    Every visible character of the document is in exactly one paragraph, in order. The report's id depends on the
    paragraphs' text alone.

    Args:
        document: The loaded file.
        overrides: Metadata that the user gives, which win over those read.

    Returns:
        The report; what its metadata lack is said in their notes.
    """
    lines = read_lines(document)
    found = outline(lines)
    paragraphs = _paragraphs(lines, found, found.sections)
    report_id = sha256("\n".join(line.text for line in lines).encode()).hexdigest()[:_ID_DIGITS]
    meta = with_overrides(read_metadata(report_id, document.source, document.title, paragraphs), overrides)
    sections = with_context(found.sections, meta.year)
    return Report(meta, sections, _paragraphs(lines, found, sections))


def _paragraphs(lines: Sequence[Line], found: Outline, sections: Sequence[Section]) -> tuple[Paragraph, ...]:
    return tuple(
        Paragraph(
            number=number,
            text=line.text,
            kind=_kind(line, heading),
            section=section,
            path=_path(sections, section),
            section_kind=SectionKind.OTHER if section is None else sections[section].kind,
        )
        for number, (line, section, heading) in enumerate(
            zip(lines, found.section_of, found.is_heading, strict=True), start=1
        )
    )


def _kind(line: Line, heading: bool) -> ParagraphKind:
    return "heading" if heading else line.kind


def _path(sections: Sequence[Section], section: int | None) -> tuple[str, ...]:
    path: list[str] = []
    while section is not None:
        path.insert(0, sections[section].heading)
        section = sections[section].parent
    return tuple(path)
