"""Statements: the sentences and table rows of a report, each with the context that it is read in."""

from __future__ import annotations

from dataclasses import dataclass

from rag.structure.sentences import statement_spans
from rag.tables import with_headers
from rag.types import Paragraph, ParagraphKind, Report

STATED_IN: tuple[ParagraphKind, ...] = ("title", "heading", "body", "table_row")
"""Kinds of paragraph that hold statements; signatures and what is left of a web page hold none."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Characters ``start:end`` of a paragraph that say one thing.

    Attributes:
        paragraph: Number of the paragraph.
        start: Offset of the first character.
        end: Offset after the last.
        text: The characters themselves.
        path: The headings that it stands under, outermost first; a heading does not stand under itself.
        header: For a table row, the first row of its table; else empty.
    """

    paragraph: int
    start: int
    end: int
    text: str
    path: tuple[str, ...]
    header: str


def statements_of(report: Report) -> tuple[Statement, ...]:
    """Return the statements of a report, in order: each sentence of a paragraph, each table row as a whole."""
    return tuple(
        Statement(paragraph.number, start, end, paragraph.text[start:end], _path(paragraph), _header(paragraph, header))
        for paragraph, header in with_headers(report.paragraphs)
        if paragraph.kind in STATED_IN
        for start, end in statement_spans(paragraph.text, whole=paragraph.kind == "table_row")
    )


def _path(paragraph: Paragraph) -> tuple[str, ...]:
    return paragraph.path[:-1] if paragraph.kind == "heading" else paragraph.path


def _header(paragraph: Paragraph, header: str) -> str:
    return header if header != paragraph.text else ""
