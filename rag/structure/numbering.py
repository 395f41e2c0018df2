"""The number that a heading or an item begins with: 一、 （一） 1. 1.1 （1） ① 第一部分."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from rag.folding import fold
from rag.lexicon import load

_LEXICON = load("structure")
_NUMERALS = _LEXICON["numerals"]
_UNITS = {numeral: index % 10 + 1 for index, numeral in enumerate(_NUMERALS)}
_NOT_NUMBERING = re.compile(_LEXICON["not_numbering"])
_NOT_CHINESE = re.compile(_LEXICON["not_chinese_numbering"])


_LONGEST_NUMBERING = 40
"""Characters looked at; more than any number needs."""


class Style(IntEnum):
    """Numbering styles, in the order in which they usually enclose one another."""

    PART = 0
    CHAPTER_SECTION = 1
    CHINESE = 2
    CHINESE_BRACKETED = 3
    ARABIC = 4
    DECIMAL = 5
    ARABIC_BRACKETED = 6
    CIRCLED = 7


@dataclass(frozen=True, slots=True)
class Numbering:
    """A number at the beginning of a line.

    Attributes:
        style: How it is written.
        values: Its value; one for each level of a decimal number.
        end: Where the text after it begins.
    """

    style: Style
    values: tuple[int, ...]
    end: int


_PATTERNS: tuple[tuple[Style, re.Pattern[str]], ...] = (
    (
        Style.PART,
        re.compile(rf"第\s*([{_NUMERALS}]{{1,3}}|\d{{1,2}})\s*(?:部分|方面|章|编|篇)(?![是的为中])[、:.,\s]*"),
    ),
    (Style.CHAPTER_SECTION, re.compile(rf"第\s*([{_NUMERALS}]{{1,3}}|\d{{1,2}})\s*节(?![是的为中课])[、:.\s]*")),
    (Style.CHINESE, re.compile(rf"([{_NUMERALS}]{{1,3}})\s*[、.,]\s*")),
    (Style.CHINESE_BRACKETED, re.compile(rf"[(〔\[【]\s*([{_NUMERALS}]{{1,3}})\s*[)〕\]】]\s*[、.]?\s*")),
    (Style.DECIMAL, re.compile(r"(\d{1,2}(?:\.\d{1,2}){1,2})\s*[、.]?\s*(?![\d%])")),
    (Style.ARABIC, re.compile(r"(\d{1,2})\s*[.、]\s*(?!\d)")),
    (Style.ARABIC_BRACKETED, re.compile(r"[(〔\[【]?\s*(\d{1,2})\s*[)〕\]】]\s*[、.]?\s*")),
)

_SPACED = re.compile(rf"([{_NUMERALS}]{{1,3}})\s+([^\s,。;:、!?]+)")
_LONGEST_SPACED = 20
"""一 成绩: without a mark only a line that is nothing else is numbered."""


def parse_numbering(text: str) -> Numbering | None:
    """Return the number that ``text`` begins with, or None.

    A number that counts or dates is none: ``1.5万元``, ``12.4宪法日``, ``二、三级网格员``.
    """
    circled = ord(text[0]) - ord("①") + 1 if text else 0
    if 1 <= circled <= 20:
        return Numbering(Style.CIRCLED, (circled,), 1)
    folded = fold(text[:_LONGEST_NUMBERING])
    if _NOT_NUMBERING.match(folded) or _NOT_CHINESE.match(folded):
        return None
    if len(text) <= _LONGEST_SPACED and (spaced := _SPACED.fullmatch(folded)):
        return Numbering(Style.CHINESE, (_value(spaced[1]),), spaced.start(2))
    for style, pattern in _PATTERNS:
        match = pattern.match(folded)
        if match and match.end() < len(text):
            return Numbering(style, tuple(_value(part) for part in match[1].split(".")), match.end())
    return None


def _value(numeral: str) -> int:
    """Read 1–99 in either script."""
    if numeral.isdecimal():
        return int(numeral)
    ten = next((index for index, character in enumerate(numeral) if character in "十拾"), None)
    if ten is None:
        return _UNITS[numeral[-1]]
    tens = _UNITS[numeral[ten - 1]] if ten else 1
    return tens * 10 + (_UNITS[numeral[ten + 1]] if ten + 1 < len(numeral) else 0)
