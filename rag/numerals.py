"""Numerals in Arabic digits, in Chinese ones and in both (1万2千): how they are written and what they are worth."""

from __future__ import annotations

import math
import re

import cn2an

ARABIC = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
CHINESE = r"[一二三四五六七八九十百千万亿两零〇]+"
SCALES = {"十": 10, "百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000}

_DIGITS = "零一二三四五六七八九"
_MIXED = r"\d+(?:\.\d+)?[亿万千百]万?(?:\d+[亿万千百十]万?){0,3}\d+[亿万千百十]?万?"
# 百 in 三百分点 is the unit's; a numeral is taken whole or not at all, so that long runs of digits cost no more.
_WHOLE_CHINESE = r"(?:(?!百分[点之])[一二三四五六七八九十百千万亿两零〇])++(?:点[零〇一二三四五六七八九]++)?"
NUMERAL = rf"(?>{_MIXED}|{ARABIC}|(?:(?<![一二三四五六七八九十百千万亿两零〇])|(?<=唯[一二])){_WHOLE_CHINESE})"
"""A numeral in running text."""
_LONGEST = 40
"""Characters of a numeral not all in Arabic digits that anybody writes, at most."""
_ESTIMATES = frozenset([*(_DIGITS[digit : digit + 2] for digit in range(1, 9)), "三五"])
_BETWEEN = re.compile(
    r"(?P<before>|.{0,20}[十百千万亿])(?P<low>[一二三四五六七八九])(?P<high>[一二三四五六七八九])(?P<scale>[十百千万亿]*)"
)


def parse_number(text: str) -> float:
    """Return the value of a numeral in Arabic or Chinese digits or both; 百 alone is 100, as in 百余场.

    Raises:
        ValueError: the text is no numeral, or longer than any that counts something. Arabic digits alone never raise.
    """
    if text.isdecimal():  # most are no more than that
        return float(text)
    text = text.replace(",", "").strip().replace("两", "二").replace("〇", "零")
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if len(text) > _LONGEST:
        raise ValueError(f"a numeral of {len(text)} characters")
    if re.match(r"\d", text):
        return _mixed(text)
    whole, point, fraction = text.partition("点")
    if whole[:1] in ("百", "千", "万"):
        whole = "一" + whole
    if not point:
        return float(_chinese(whole))
    return float(f"{_chinese(whole)}.{''.join(str(_DIGITS.index(digit)) for digit in fraction)}")


def _chinese(text: str) -> int:
    try:
        return int(cn2an.cn2an(text, "smart"))
    except (KeyError, IndexError, TypeError) as error:  # which cn2an lets out of 亿一十 and the like
        raise ValueError(f"{text!r} is no numeral") from error


def between(text: str) -> tuple[float, float] | None:
    """Return the two ends of an estimate by neighbouring digits (三四, 二三十, 十七八, 三五百), or None for any other.

    Raises:
        ValueError: it reads like an estimate and its ends are no numerals.
    """
    match = None if text.isdecimal() else _BETWEEN.fullmatch(text)
    if not match or match["low"] + match["high"] not in _ESTIMATES:
        return None
    low, high = (match["before"] + match[end] + match["scale"] for end in ("low", "high"))
    return parse_number(low), parse_number(high)


def _mixed(text: str) -> float:
    """Add up 1亿2千万: each part is worth less than the one before it."""
    total, last = 0.0, math.inf
    for part in re.finditer(r"(\d+(?:\.\d+)?)([亿万千百十]*)", text):
        scale = math.prod(SCALES[character] for character in part[2])
        value = float(part[1]) * scale
        if value >= last:
            raise ValueError(f"{text!r} is no numeral: its parts do not fall")
        total, last = total + value, float(scale)
    return total
