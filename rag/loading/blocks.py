"""Visible text: what of a character run a reader sees, and how runs become blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.types import Block, BlockKind

CELL_SEPARATOR = " | "

_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_LINE_BREAKS = re.compile("\r\n|[\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_EDGES = " \t\x1f\u00a0\u3000\u200c\u200d\u180e"
_WIDE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff“”‘’—…·]")


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text in one typeface; it may hold line breaks."""

    text: str
    bold: bool = False


def visible(text: str) -> str:
    """Return the text without control and zero-width characters, white space trimmed at both ends."""
    return _INVISIBLE.sub("", text).strip().strip(_EDGES).strip()


def split_lines(text: str) -> list[str]:
    """Cut at every kind of line break, vertical tab and form feed included."""
    return _LINE_BREAKS.split(text)


def is_wide(character: str) -> bool:
    """Tell whether the character is Chinese script or full-width punctuation, set without spaces around it."""
    return bool(_WIDE.match(character))


def join_pieces(pieces: Iterable[str]) -> str:
    """Join the lines of one paragraph or cell: no space next to Chinese script or inside a number."""
    joined = ""
    for piece in filter(None, map(visible, pieces)):
        if joined:
            before, after = joined[-1], piece[0]
            tight = is_wide(before) or is_wide(after) or (before.isdigit() and after.isdigit())
            joined += "" if tight else " "
        joined += piece
    return joined


def line_blocks(
    runs: Iterable[Run],
    *,
    kind: BlockKind = "text",
    level: int | None = None,
    gap_before: bool = True,
    prefix: str = "",
) -> list[Block]:
    """Turn the runs of one paragraph into a block a line; only the first stands after a gap.

    Args:
        runs: Text in reading order.
        kind: Kind of every block.
        level: Heading level of every block.
        gap_before: Whether the first block stands after a gap.
        prefix: List number shown before the first line.

    Returns:
        The blocks; lines without visible text give none.
    """
    blocks: list[Block] = []
    for line in _lines(runs):
        text = visible("".join(run.text for run in line))
        if text:
            emphasized = kind != "heading" and all(run.bold for run in line if visible(run.text))
            first = not blocks
            blocks.append(
                Block(
                    text=prefix + text if first else text,
                    kind=kind,
                    level=level,
                    emphasized=emphasized,
                    gap_before=gap_before and first,
                )
            )
    return blocks


def table_row(cells: Sequence[str], *, page: int | None = None, gap_before: bool = False) -> Block | None:
    """Return a table row as one block, or None for a row without text."""
    texts = [visible(cell) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    if not any(texts):
        return None
    text = visible(CELL_SEPARATOR.join(texts))
    return Block(text=text, kind="table_row", page=page, gap_before=gap_before)


def _lines(runs: Iterable[Run]) -> list[list[Run]]:
    lines: list[list[Run]] = [[]]
    for run in runs:
        first, *others = split_lines(run.text)
        lines[-1].append(Run(first, run.bold))
        lines.extend([Run(other, run.bold)] for other in others)
    return lines
