"""Word's automatic paragraph numbers, rendered as a reader sees them (ECMA-376 part 1, section 17.9)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from docx.oxml.ns import qn

from rag.loading.blocks import is_wide

_DIGITS = "〇一二三四五六七八九"
_LEGAL_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_CHINESE_FORMATS = frozenset(
    "chineseCounting chineseCountingThousand japaneseCounting taiwaneseCounting taiwaneseCountingThousand "
    "ideographDigital taiwaneseDigital japaneseDigitalTenThousand koreanDigital2".split()
)


@dataclass(frozen=True, slots=True)
class Number:
    """A rendered number; ``is_section`` where it numbers sections in Chinese numerals rather than list items."""

    text: str
    is_section: bool


@dataclass(frozen=True, slots=True)
class _Level:
    format: str
    template: str
    start: int
    suffix: str
    legal: bool


class Numbering:
    """The numbering definitions of one document and their running counts."""

    def __init__(self, root: Any) -> None:  # noqa: ANN401 - an lxml element
        self._lists: dict[str, str] = {}
        self._levels: dict[tuple[str, int], _Level] = {}
        self._overrides: dict[tuple[str, int], int] = {}
        self._counts: dict[str, dict[int, int]] = {}
        self._begun: set[tuple[str, int]] = set()
        if root is not None:
            self._read(root)

    def next_number(self, sources: Sequence[Any]) -> Number | None:
        """Count one paragraph and return its number, or None where it shows none.

        Args:
            sources: The paragraph and then its styles, nearest first.

        Returns:
            The number as shown, trailing space included.
        """
        list_id, level = _numbering_of(sources)
        if list_id is None or list_id not in self._lists:
            return None
        abstract = self._lists[list_id]
        definition = self._levels.get((abstract, level))
        if definition is None:
            return None
        counts = self._counts.setdefault(abstract, {})
        if (list_id, level) in self._overrides and (list_id, level) not in self._begun:
            counts[level] = self._overrides[list_id, level]
        else:
            counts[level] = counts.get(level, definition.start - 1) + 1
        self._begun.add((list_id, level))
        for deeper in [other for other in counts if other > level]:
            del counts[deeper]
        return self._render(abstract, definition, counts)

    def _render(self, abstract: str, definition: _Level, counts: dict[int, int]) -> Number | None:
        if definition.format == "none" and "%" in definition.template:
            return None
        if definition.format == "bullet":
            return Number("", is_section=False)

        def shown(match: re.Match[str]) -> str:
            level = int(match[1]) - 1
            other = self._levels.get((abstract, level), definition)
            value = counts.get(level, other.start)
            return render_number(value, "decimal" if definition.legal else other.format)

        text = re.sub(r"%([1-9])", shown, definition.template)
        spaced = text and definition.suffix != "nothing" and not is_wide(text[-1])
        return Number(text + " " if spaced else text, is_section=definition.format in _CHINESE_FORMATS)

    def _read(self, root: Any) -> None:  # noqa: ANN401
        for abstract in root.iter(qn("w:abstractNum")):
            for level in abstract.findall(qn("w:lvl")):
                key = (_value(abstract, "w:abstractNumId"), int(_value(level, "w:ilvl", "0")))
                self._levels[key] = _level(level)
        for number in root.iter(qn("w:num")):
            list_id = _value(number, "w:numId")
            self._lists[list_id] = _child_value(number, "w:abstractNumId", "")
            for override in number.findall(qn("w:lvlOverride")):
                start = _child_value(override, "w:startOverride", "")
                if start.isdigit():
                    self._overrides[list_id, int(_value(override, "w:ilvl", "0"))] = int(start)


def render_number(value: int, number_format: str) -> str:
    """Return a number in one of Word's formats; an unknown format is shown in decimal."""
    if number_format in _CHINESE_FORMATS:
        return _chinese(value, _DIGITS, ("", "十", "百", "千"))
    if number_format.startswith(("chineseLegal", "ideographLegal")):
        return _chinese(value, _LEGAL_DIGITS, ("", "拾", "佰", "仟"))
    if number_format == "ideographTraditional" and 1 <= value <= 10:
        return _STEMS[value - 1]
    if number_format == "ideographZodiac" and 1 <= value <= 12:
        return _BRANCHES[value - 1]
    if number_format.startswith("decimalEnclosedCircle") and 1 <= value <= 20:
        return chr(0x2460 + value - 1)
    if number_format.startswith("decimalFullWidth"):
        return "".join(chr(0xFF10 + int(digit)) for digit in str(value))
    if number_format == "decimalZero":
        return f"{value:02d}"
    if number_format in ("lowerLetter", "upperLetter") and value >= 1:
        letters = chr(ord("a") + (value - 1) % 26) * ((value - 1) // 26 + 1)
        return letters.upper() if number_format == "upperLetter" else letters
    if number_format in ("lowerRoman", "upperRoman"):
        roman = _roman(value)
        return roman.upper() if number_format == "upperRoman" else roman
    return "" if number_format == "none" else str(value)


def _chinese(value: int, digits: str, units: tuple[str, ...]) -> str:
    if not 0 < value < 10_000:
        return str(value)
    text = ""
    for power in range(3, -1, -1):
        digit = value // 10**power % 10
        if digit:
            text += digits[digit] + units[power]
        elif text and value % 10**power and not text.endswith("零"):
            text += "零"
    return text[1:] if text.startswith("一十") else text


def _roman(value: int) -> str:
    text = ""
    for amount, letters in _ROMAN:
        while value >= amount and len(text) < 40:
            text += letters
            value -= amount
    return text


def _numbering_of(sources: Sequence[Any]) -> tuple[str | None, int]:
    """Return list id and level, each from the nearest source that names it; list id 0 means no number."""
    list_id: str | None = None
    level: int | None = None
    for source in sources:
        properties = source.find(f"{qn('w:pPr')}/{qn('w:numPr')}")
        if properties is None:
            continue
        found = _child_value(properties, "w:ilvl", "")
        level = int(found) if level is None and found.isdigit() else level
        list_id = list_id or _child_value(properties, "w:numId", "") or None
    return (None if list_id == "0" else list_id), level or 0


def _level(element: Any) -> _Level:  # noqa: ANN401
    start = _child_value(element, "w:start", "1")
    return _Level(
        format=_child_value(element, "w:numFmt", "decimal"),
        template=_child_value(element, "w:lvlText", ""),
        start=int(start) if start.isdigit() else 1,
        suffix=_child_value(element, "w:suff", "tab"),
        legal=element.find(qn("w:isLgl")) is not None,
    )


def _value(element: Any, name: str, default: str = "") -> str:  # noqa: ANN401
    return str(element.get(qn(name), default))


def _child_value(element: Any, name: str, default: str) -> str:  # noqa: ANN401
    child = element.find(qn(name))
    return _value(child, "w:val", default) if child is not None else default
