"""Lines to paragraphs, by where they begin and end on the page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rag.loading.blocks import join_pieces
from rag.loading.pdf_lines import Line
from rag.types import Block

_BOLD_FONT = re.compile(r"bold|black|heavy|semibold|demi|simhei|黑体|heiti|xbs|小标宋|xiaobiaosong", re.IGNORECASE)
_SENTENCE_END = tuple("。！？；：!?;")
_NUMBERED = re.compile(
    r"[（(]?(?:[一二三四五六七八九十百]{1,4}|\d{1,2})[、.．)）]|第[一二三四五六七八九十]{1,3}[部章节条]|[①-⑳•●]"
)
_LONGEST_HEADING = 60


@dataclass(frozen=True, slots=True)
class _Layout:
    """The measures of a document's body text, in points.

    Attributes:
        size: Font size of most characters.
        font: Font of most characters.
        left: Where most lines that are not indented begin.
        right: Where full lines end.
        pitch: Distance between the tops of successive lines.
        indented: Whether paragraphs begin with an indentation.
    """

    size: float
    font: str
    left: float
    right: float
    pitch: float
    indented: bool


def paragraphs(lines: Sequence[Line], measured: Sequence[Line]) -> list[Block]:
    """Join the lines of each paragraph.

    Args:
        lines: Consecutive lines in reading order.
        measured: All lines of the document, from which its layout is measured.

    Returns:
        A block a paragraph.
    """
    if not lines:
        return []
    layout = _measure(measured)
    groups: list[list[Line]] = [[lines[0]]]
    for before, after in zip(lines, lines[1:], strict=False):
        if _continues(before, after, layout):
            groups[-1].append(after)
        else:
            groups.append([after])
    previous: Line | None = None
    blocks = []
    for group in groups:
        gap = previous is None or _is_gap(previous, group[0], layout)
        blocks.append(_block(group, layout, gap))
        previous = group[-1]
    return blocks


def _measure(lines: Sequence[Line]) -> _Layout:
    sizes: Counter[float] = Counter()
    fonts: Counter[str] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
        fonts[line.font] += len(line.text)
    size = sizes.most_common(1)[0][0]
    body = [line for line in lines if abs(line.size - size) < 0.15 * size] or list(lines)
    right = sorted(line.right for line in body)[int(0.95 * (len(body) - 1))]
    full = [line for line in body if line.right > right - 2.5 * size]
    left = min(line.left for line in full)
    pitches = [
        after.top - before.top
        for before, after in zip(body, body[1:], strict=False)
        if before.page == after.page and 0 < after.top - before.top < 4 * size
    ]
    begins = [line.left - left for line in body]
    indented = sum(1 for begin in begins if 1.2 * size < begin < 3.5 * size) >= 2
    return _Layout(size, fonts.most_common(1)[0][0], left, right, median(pitches or [1.5 * size]), indented)


def _continues(before: Line, after: Line, layout: _Layout) -> bool:
    """Tell whether the second line goes on with the first one's paragraph."""
    if abs(before.size - after.size) > 0.1 * layout.size or _is_gap(before, after, layout):
        return False
    if before.right < layout.right - 2.2 * layout.size:
        return False
    indented = after.left > layout.left + layout.size
    if not before.text.endswith(_SENTENCE_END):
        hanging = after.left < before.left + 4 * layout.size and not _NUMBERED.match(after.text)
        return hanging or not indented
    # A full line that ends a sentence: only the indentation that is missing tells that the paragraph goes on.
    return layout.indented and not indented and not _NUMBERED.match(after.text)


def _is_gap(before: Line, after: Line, layout: _Layout) -> bool:
    if before.page != after.page:
        return False
    return after.top - before.top > 1.35 * layout.pitch + max(0.0, after.size - layout.size)


def _block(group: Sequence[Line], layout: _Layout, gap: bool) -> Block:
    first = group[0]
    indented = first.left > layout.left + 1.2 * layout.size
    text = join_pieces(line.text for line in group)
    return Block(
        text=text,
        emphasized=len(text) <= _LONGEST_HEADING and all(_stands_out(line, layout) for line in group),
        page=first.page,
        gap_before=gap or indented,
    )


def _stands_out(line: Line, layout: _Layout) -> bool:
    larger = line.size >= 1.12 * layout.size
    bold = line.font != layout.font and bool(_BOLD_FONT.search(line.font)) and not _BOLD_FONT.search(layout.font)
    return larger or bold
