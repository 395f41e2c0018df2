"""An answer's text as blocks: the little Markdown that answers are written in, and nothing more.

Paragraphs, headings, lists, quotes, pipe tables, bold and markers such as ``[1]``; every other sign is text, so what a
report holds is never read as Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

BlockKind = Literal["paragraph", "heading", "bullet", "numbered", "quote", "table"]

_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_MARKER = re.compile(r"\[(\d{1,4})\]")
_HEADING = re.compile(r"^#{1,6}\s+")
_BULLET = re.compile(r"^\s*[-*•]\s+")
_NUMBERED = re.compile(r"^\s*(\d{1,3})\.\s+")
_QUOTE = re.compile(r"^\s*>\s?")
_TABLE_ROW = re.compile(r"^\s*\|.*\S")
_TABLE_RULE = re.compile(r"^\s*\|(\s*:?-+:?\s*\|)+\s*$")
_CELL_BORDER = re.compile(r"(?<!\\)\|")
_LINE_KINDS: tuple[tuple[re.Pattern[str], BlockKind], ...] = (
    (_HEADING, "heading"),
    (_BULLET, "bullet"),
    (_QUOTE, "quote"),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one kind; ``marker`` is the number of a marker, whose text is ``[1]``."""

    text: str
    bold: bool = False
    marker: int | None = None


Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One block of an answer.

    Attributes:
        kind: What it is.
        line: Its content, empty in a table.
        number: The number written before an item of a numbered list.
        rows: A table's rows of cells, the head first, all equally long.
    """

    kind: BlockKind
    line: Line = ()
    number: int | None = None
    rows: tuple[tuple[Line, ...], ...] = ()


def parse(markdown: str) -> tuple[Block | None, ...]:
    """Return an answer's blocks; None stands for an empty line, which parts lists."""
    blocks: list[Block | None] = []
    lines = markdown.splitlines()
    at = 0
    while at < len(lines):
        end = _table_end(lines, at)
        blocks.append(_block(lines[at]) if end == at else _table(lines[at:end]))
        at = max(end, at + 1)
    return tuple(blocks)


def parse_line(text: str) -> Line:
    """Return the pieces of one line: text, bold text and markers."""
    return tuple(_pieces(text))


def _table_end(lines: Sequence[str], start: int) -> int:
    """Return the line after the pipe table that begins at ``start``; ``start`` itself where none begins."""
    if not (_TABLE_ROW.match(lines[start]) and start + 1 < len(lines) and _TABLE_RULE.match(lines[start + 1])):
        return start
    end = start + 2
    while end < len(lines) and _TABLE_ROW.match(lines[end]):
        end += 1
    return end


def _table(lines: Sequence[str]) -> Block:
    """Return a pipe table (GitHub Flavored Markdown, 4.10); rows of unequal length are filled up, never cut."""
    rows = [_cells(line) for line in (lines[0], *lines[2:])]
    width = max(len(row) for row in rows)
    return Block("table", rows=tuple((*row, *((),) * (width - len(row))) for row in rows))


def _cells(line: str) -> tuple[Line, ...]:
    parts = _CELL_BORDER.split(line.strip()[1:])
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    return tuple(parse_line(part.replace(r"\|", "|").strip()) for part in parts)


def _block(line: str) -> Block | None:
    if not line.strip():
        return None
    if numbered := _NUMBERED.match(line):
        return Block("numbered", parse_line(line[numbered.end() :]), int(numbered[1]))
    for pattern, kind in _LINE_KINDS:
        if found := pattern.match(line):
            return Block(kind, parse_line(line[found.end() :]))
    return Block("paragraph", parse_line(line))


def _pieces(text: str) -> Iterator[Piece]:
    at = 0
    for bold in _BOLD.finditer(text):
        yield from _marked(text[at : bold.start()], bold=False)
        yield from _marked(bold[1], bold=True)
        at = bold.end()
    yield from _marked(text[at:], bold=False)


def _marked(text: str, *, bold: bool) -> Iterator[Piece]:
    at = 0
    for marker in _MARKER.finditer(text):
        if marker.start() > at:
            yield Piece(text[at : marker.start()], bold)
        yield Piece(marker[0], bold, int(marker[1]))
        at = marker.end()
    if at < len(text):
        yield Piece(text[at:], bold)
