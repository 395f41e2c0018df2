"""Characters on a page to lines, and the lines that every page repeats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rag.loading.blocks import is_wide, visible

_PAGE_NUMBER = re.compile(
    r"[\s\-—–－_·.•~|]*(?:第\s*)?(?:page\s*)?(?P<number>\d{1,4}|[ivxl]{1,6})\s*页?[\s\-—–－_·.•~|]*"
    r"(?:[/／,，、]?\s*(?:共|of)?\s*\d{1,4}\s*页?)?[\s\-—–－_·.•~|]*",
    re.IGNORECASE,
)
_LONGEST_PAGE_NUMBER = 40
_EDGE_LINES = 3
_MARGIN = 0.13
_SAME_HEIGHT = 4.0
_REPEATED_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Character:
    """A character and its box, in points from the page's top left corner."""

    text: str
    left: float
    right: float
    top: float
    bottom: float
    size: float
    font: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and its box, in points from the page's top left corner."""

    text: str
    page: int
    left: float
    right: float
    top: float
    bottom: float
    size: float
    font: str


def characters_to_lines(characters: Sequence[Character], page: int) -> list[Line]:
    """Gather characters whose boxes share most of their height; lines run from top to bottom."""
    rows: list[list[Character]] = []
    for character in sorted(characters, key=lambda each: ((each.top + each.bottom) / 2, each.left)):
        middle = (character.top + character.bottom) / 2
        if rows and _shares_row(rows[-1], character, middle):
            rows[-1].append(character)
        else:
            rows.append([character])
    lines = [_line(sorted(row, key=lambda each: each.left), page) for row in rows]
    return [line for line in lines if line.text]


def without_furniture(
    pages: Sequence[Sequence[Line]], heights: Sequence[float]
) -> tuple[list[list[Line]], tuple[str, ...]]:
    """Take running headers, footers and page numbers out.

    A line is taken out if pages repeat it at the same height, digits aside, or if it is a bare page number in the
    margin. A single page repeats nothing and so keeps its first and last line.

    Args:
        pages: Each page's lines from top to bottom.
        heights: Each page's height in points.

    Returns:
        The pages' remaining lines, and each removed text once.
    """
    counts: Counter[tuple[str, int, int]] = Counter()
    for lines, height in zip(pages, heights, strict=True):
        keys = {key for line in _edges(lines) for key in _keys(line, height)}
        counts.update(keys)
    needed = max(2, round(_REPEATED_SHARE * len(pages)))
    kept: list[list[Line]] = []
    removed: dict[str, str] = {}
    for lines, height in zip(pages, heights, strict=True):
        remaining = list(lines)
        for last in (False, True):
            for _ in range(_EDGE_LINES):
                if not remaining:
                    break
                line = remaining[-1 if last else 0]
                repeated = any(counts[key] >= needed for key in _keys(line, height)) and len(pages) > 1
                if not repeated and not _is_page_number(line, height, len(pages)):
                    break
                removed.setdefault(_without_digits(line.text), line.text)
                remaining.remove(line)
        kept.append(remaining)
    return kept, tuple(removed.values())


def _shares_row(row: Sequence[Character], character: Character, middle: float) -> bool:
    first = max(row[-8:], key=lambda each: each.size)
    overlap = min(first.bottom, character.bottom) - max(first.top, character.top)
    smaller = min(first.bottom - first.top, character.bottom - character.top)
    return overlap > 0.5 * smaller or first.top <= middle <= first.bottom and smaller <= 0


def _line(row: Sequence[Character], page: int) -> Line:
    text = ""
    previous: Character | None = None
    blank = 0.0
    for character in _without_doubles(row):
        if not character.text.strip():
            blank += character.right - character.left
            continue
        if previous is not None:
            text += _space_between(previous, character, blank > 0)
        text += character.text
        previous, blank = character, 0.0
    inked = [character for character in row if character.text.strip()] or list(row)
    sizes = Counter(round(character.size, 1) for character in inked)
    fonts = Counter(character.font for character in inked)
    return Line(
        text=visible(text),
        page=page,
        left=min(character.left for character in inked),
        right=max(character.right for character in inked),
        top=min(character.top for character in inked),
        bottom=max(character.bottom for character in inked),
        size=sizes.most_common(1)[0][0],
        font=fonts.most_common(1)[0][0],
    )


def _without_doubles(row: Sequence[Character]) -> list[Character]:
    """Drop the second strike of characters drawn twice to look bold."""
    kept: list[Character] = []
    for character in row:
        struck = any(
            other.text == character.text and abs(other.left - character.left) < 0.15 * character.size
            for other in kept[-3:]
        )
        if not struck or not character.text.strip():
            kept.append(character)
    return kept


def _space_between(before: Character, after: Character, written: bool) -> str:
    """Return the space a reader sees: justified Chinese text is set apart a little without any space."""
    gap = after.left - before.right
    size = max(before.size, after.size, 1.0)
    if is_wide(before.text[-1]) and is_wide(after.text[0]):
        return " " if gap > (0.4 if written else 0.9) * size else ""
    if written:
        return " " if gap > 0.1 * size else ""
    mixed = is_wide(before.text[-1]) or is_wide(after.text[0])
    return " " if gap > (0.9 if mixed else 0.25) * size else ""


def _edges(lines: Sequence[Line]) -> list[Line]:
    if len(lines) <= 2 * _EDGE_LINES:
        return list(lines)
    return [*lines[:_EDGE_LINES], *lines[-_EDGE_LINES:]]


def _keys(line: Line, height: float) -> list[tuple[str, int, int]]:
    """Return keys that are equal for equal texts at nearly equal heights, measured from either edge."""
    text = _without_digits(line.text)
    keys = []
    for edge, distance in ((0, line.top), (1, height - line.bottom)):
        band = int(distance // _SAME_HEIGHT)
        keys.append((text, edge, band))
    return keys


def _without_digits(text: str) -> str:
    return "".join(re.sub(r"\d+", "#", text).split())


def _is_page_number(line: Line, height: float, pages: int) -> bool:
    match = _PAGE_NUMBER.fullmatch(line.text) if len(line.text) <= _LONGEST_PAGE_NUMBER else None
    if match is None or not (line.bottom < _MARGIN * height or line.top > (1 - _MARGIN) * height):
        return False
    bare = line.text.strip().isdigit()
    return not bare or int(match["number"]) <= pages + 500 and pages > 1
