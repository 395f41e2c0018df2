"""Figures in text: number, unit and how exact it is, with the characters it stands in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from rag import lexicon
from rag.folding import fold
from rag.numerals import CHINESE, NUMERAL, SCALES, between, parse_number

_RANKS = re.compile(r"第(?:[\d一二三四五六七八九十百]{1,4}\s?、\s?)+$")
"""第3、4批: more ranks than one."""
_LONGEST_RANK = 24


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its unit.

    Attributes:
        start: Offset of its first character in the text.
        end: Offset after its last character.
        text: The characters themselves.
        value: The number in ``unit``; for a range its lower end.
        unit: Unit as written, folded.
        qualifier: ``exact``, ``over``, ``about``, ``at_least``, ``under``, ``percent`` or ``range``.
        high: Upper end of a range, else None.
        label: In a table, what its row and column are about, folded; else empty.
    """

    start: int
    end: int
    text: str
    value: float
    unit: str
    qualifier: str
    high: float | None = None
    label: str = ""


@cache
def _pattern() -> re.Pattern[str]:
    words = lexicon.load("units")
    units = "|".join(re.escape(unit) for unit in sorted(words["units"], key=len, reverse=True))
    before = "|".join(word for group in words["before"].values() for word in sorted(group, key=len, reverse=True))
    after = "|".join(word for group in words["after"].values() for word in group)
    behind = "|".join(word for group in words["after_unit"].values() for word in group)
    number, scale, space = NUMERAL, "[万亿千百十]?", r"\s{0,4}"
    return re.compile(
        rf"(?:(?<![履签违特邀解续预])(?P<before>{before}){space})?(?!{words['no_figure']})"
        rf"(?:(?P<fraction>百分之)(?P<percent>{number})"
        rf"|(?<![\d.唯])(?P<number>{number}){space}(?P<scale>{scale})"
        rf"(?:{space}[-~—至到]{space}(?P<high>{number}){space}(?P<high_scale>{scale}))?"
        rf"(?P<after>{after})?(?P<late_scale>[万亿]?){space}(?P<unit>{units}))(?P<behind>{behind})?"
    )


def parse_figures(text: str, folded: str | None = None) -> tuple[Figure, ...]:
    """Return every figure with its unit, in order; years, dates and bare numbers are not figures.

    Args:
        text: The text.
        folded: The same, folded, where that is known already.
    """
    return tuple(_figures(text, fold(text) if folded is None else folded))


def states_figure(text: str, folded: str) -> bool:
    """Tell whether a text, given as it is and folded, has a figure; found out sooner than all its figures."""
    return next(_figures(text, folded), None) is not None


def figure_spans(folded: str) -> list[tuple[int, int]]:
    """Return where the figures of a folded text stand, and what is written like one and is none; found out sooner."""
    return [(_start(match), match.end()) for match in _pattern().finditer(folded)]


def _figures(text: str, folded: str) -> Iterator[Figure]:
    for match in _pattern().finditer(folded):
        figure = _figure(match, text)
        if figure and not _is_part_of_a_name(folded, figure):
            yield figure


def _start(match: re.Match[str]) -> int:
    return match.start("before") if match["before"] else match.start("fraction" if match["fraction"] else "number")


def _figure(match: re.Match[str], text: str) -> Figure | None:
    start = _start(match)
    try:
        value, high, unit = (parse_number(match["percent"]), None, "%") if match["fraction"] else _amount(match)
    except ValueError:
        return None
    if not math.isfinite(value) or (high is not None and not math.isfinite(high)):
        return None
    return Figure(start, match.end(), text[start : match.end()], value, unit, _qualifier(match, high), high)


def _amount(match: re.Match[str]) -> tuple[float, float | None, str]:
    """Return value, upper end and unit. 3万元 is 3 in the unit 万元, as written; so are 3至5万元.

    Raises:
        ValueError: what looks like a numeral is none.
    """
    unit, scale = match["unit"], match["late_scale"] or match["high_scale"] or match["scale"] or ""
    as_written = unit == "元" and scale in ("万", "亿")
    late = SCALES.get(match["late_scale"], 1)
    value, high = _ends(match)
    value, high = value * late, None if high is None else high * late
    if not as_written or (match["high_scale"] and not match["late_scale"] and value < SCALES[scale]):
        return value, high, unit
    return value / SCALES[scale], None if high is None else high / SCALES[scale], scale + unit


def _ends(match: re.Match[str]) -> tuple[float, float | None]:
    """Return the number, or both ends of a range; in 3至5万 the scale is of both.

    Raises:
        ValueError: what looks like a numeral is none.
    """
    scale = SCALES.get(match["scale"], 1)
    estimate = between(match["number"])
    if estimate and not match["high"]:
        return estimate[0] * scale, estimate[1] * scale
    value = parse_number(match["number"]) * scale
    if not match["high"]:
        return value, None
    high = parse_number(match["high"]) * SCALES.get(match["high_scale"], 1)
    last = SCALES.get((match["high"] + match["high_scale"])[-1:], 1)
    shared = scale == 1 and last >= SCALES["万"] and value < high / last
    return value * last if shared else value, high


def _qualifier(match: re.Match[str], high: float | None) -> str:
    for group, place in (("before", "before"), ("after_unit", "behind"), ("after", "after")):
        if match[place]:
            for qualifier, cues in lexicon.load("units")[group].items():
                if match[place] in cues:
                    return str(qualifier)
    if high is not None:
        return "range" if match["high"] else "about"
    return "percent" if match["fraction"] or match["unit"] in ("%", "‰") else "exact"


def _is_part_of_a_name(folded: str, figure: Figure) -> bool:
    """第3名 is a rank, 一名 in 一村一名 or 三项制度 a name; a Chinese 一 is an article more often than a count.

    数十件 and 几十件 say no number.
    """
    preceding = folded[max(0, figure.start - _LONGEST_RANK) : figure.start].rstrip()
    before = preceding[-1:]
    if before in ("第", "之", "每") or _RANKS.search(preceding):
        return True
    numeral = re.match(CHINESE, figure.text)
    if numeral and before in ("几", "数") and numeral[0][0] in SCALES:
        return True
    return bool(numeral and figure.value == 1 and before in ("", "某", "这", "那", "同", "统", "另", "逐"))


def known_unit(text: str) -> bool:
    """Tell whether a text is a unit."""
    return text in lexicon.load("units")["units"]


def convertible(unit: str, other: str) -> float | None:
    """Return the factor that turns ``unit`` into ``other``, or None where they mean different things."""
    if unit == other:
        return 1.0
    for group in lexicon.load("units")["same"]:
        if unit in group and other in group:
            return float(group[unit]) / float(group[other])
    return None
