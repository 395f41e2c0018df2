"""Figures in table rows: a cell's number, with the unit and the meaning that its row and column give it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from rag.figures import Figure, known_unit, parse_figures
from rag.folding import fold
from rag.numerals import ARABIC, CHINESE, parse_number

CELL = re.compile(r"[^|]+")
BARE_NUMBER = re.compile(rf"(?:{ARABIC}|{CHINESE})%?")
UNIT_IN_BRACKETS = re.compile(r"[(（]\s*(?:单位\s*[:：]\s*)?([^()（）]{1,5})\s*[)）]")
UNIT_COLUMN = "单位"


class _Row(Protocol):
    """A paragraph, or one as it is stored."""

    @property
    def text(self) -> str: ...

    @property
    def kind(self) -> str: ...


_Paragraph = TypeVar("_Paragraph", bound=_Row)


def with_headers(paragraphs: Iterable[_Paragraph]) -> Iterator[tuple[_Paragraph, str]]:
    """Yield each paragraph with the first row of the table it stands in; empty for what is no table row."""
    header = ""
    for paragraph in paragraphs:
        header = (header or paragraph.text) if paragraph.kind == "table_row" else ""
        yield paragraph, header


def cell_figures(row: str, header: str) -> tuple[Figure, ...]:
    """Return the figures of a table row; each label says what the row and the column are about.

    Args:
        row: The row's text, cells parted by ``|``.
        header: The table's first row.
    """
    cells = _cells(row)
    columns = [text for _, text in _cells(header)]
    if not cells:
        return ()
    label = cells[0][1]
    figures: list[Figure] = []
    for index, (start, text) in enumerate(cells):
        column = columns[index] if len(columns) == len(cells) else ""
        meaning = fold(f"{label} {column}" if index else column)
        stated = () if known_unit(fold(text)) else parse_figures(text)
        if stated:
            figures += [_moved(figure, start, meaning) for figure in stated]
        elif index and BARE_NUMBER.fullmatch(fold(text)):
            try:
                value = parse_number(fold(text).rstrip("%"))
            except ValueError:
                continue  # 十百 is written in numerals and is no number
            unit = _unit(label, column, dict(zip(columns, (cell for _, cell in cells), strict=False)))
            figures.append(Figure(start, start + len(text), text, value, unit, "exact", label=meaning))
    return tuple(figures)


def _cells(row: str) -> list[tuple[int, str]]:
    found = []
    for match in CELL.finditer(row):
        text = match[0].strip()
        if text:
            found.append((match.start() + len(match[0]) - len(match[0].lstrip()), text))
    return found


def _unit(label: str, column: str, by_column: dict[str, str]) -> str:
    for text in (column, label):
        match = UNIT_IN_BRACKETS.search(text)
        if match and known_unit(fold(match[1])):
            return fold(match[1])
    unit = fold(by_column.get(UNIT_COLUMN, ""))
    return unit if known_unit(unit) else ""


def _moved(figure: Figure, offset: int, label: str) -> Figure:
    return Figure(
        figure.start + offset,
        figure.end + offset,
        figure.text,
        figure.value,
        figure.unit,
        figure.qualifier,
        figure.high,
        label,
    )
