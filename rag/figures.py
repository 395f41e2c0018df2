"""Figures in text: number, unit and how exact it is, with the characters it stands in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import cn2an

from rag import lexicon
from rag.folding import fold

ARABIC = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
CHINESE = r"[一二三四五六七八九十百千万亿两零〇]+"
SCALES = {"十": 10, "百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000}


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
    number = rf"(?:{ARABIC}|{CHINESE})"
    return re.compile(
        rf"(?:(?<![履签违特邀解续预])(?P<before>{before})\s*)?(?:(?P<fraction>百分之)(?P<percent>{number})"
        rf"|(?<![\d.唯])(?P<number>{number})\s*(?P<scale>[万亿千百十]?)(?:\s*[-~—至到]\s*(?P<high>{number})\s*(?P<high_scale>[万亿千百十]?))?"
        rf"(?P<after>{after})?(?P<late_scale>[万亿]?)\s*(?P<unit>{units})(?P<behind>{behind})?)"
    )


def parse_number(text: str) -> float:
    """Return the value of a numeral in Arabic or Chinese digits; 百 alone is 100, as in 百余场.

    Raises:
        ValueError: the text is no numeral.
    """
    text = text.replace(",", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    text = text.replace("两", "二").replace("〇", "零")
    if text[:1] in ("百", "千", "万"):
        text = "一" + text
    return float(cn2an.cn2an(text, "smart"))


def parse_figures(text: str) -> tuple[Figure, ...]:
    """Return every figure with its unit, in order; years, dates and bare numbers are not figures."""
    folded = fold(text)
    found = []
    for match in _pattern().finditer(folded):
        figure = _figure(match, text)
        if figure and not _is_part_of_a_name(folded, figure):
            found.append(figure)
    return tuple(found)


def _figure(match: re.Match[str], text: str) -> Figure | None:
    try:
        if match["fraction"]:
            return Figure(
                match.start(), match.end(), text[slice(*match.span())], parse_number(match["percent"]), "%", "percent"
            )
        value = parse_number(match["number"]) * SCALES.get(match["scale"] or "", 1)
        high = parse_number(match["high"]) * SCALES.get(match["high_scale"] or "", 1) if match["high"] else None
    except ValueError:
        return None
    unit, scale = match["unit"], match["late_scale"]
    if unit == "元" and (scale or match["scale"]) in ("万", "亿"):
        # 3万元 is 3 in the unit 万元, as written.
        unit = (scale or match["scale"]) + unit
        value = value if scale else value / SCALES[match["scale"]]
    elif scale:
        value *= SCALES[scale]
    start = match.start("before") if match["before"] else match.start("number")
    return Figure(start, match.end(), text[start : match.end()], value, unit, _qualifier(match), high)


def _qualifier(match: re.Match[str]) -> str:
    words = lexicon.load("units")
    for group, place in (("before", "before"), ("after_unit", "behind"), ("after", "after")):
        for qualifier, cues in words[group].items():
            if match[place] in cues:
                return str(qualifier)
    if match["high"]:
        return "range"
    return "percent" if match["unit"] in ("%", "‰") else "exact"


def _is_part_of_a_name(folded: str, figure: Figure) -> bool:
    """第3名 is a rank, 一名 in 一村一名 or 三项制度 a name; a Chinese 一 is an article more often than a count."""
    before = folded[max(0, figure.start - 1) : figure.start]
    if before in ("第", "之", "每"):
        return True
    numeral = re.match(CHINESE, figure.text)
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
