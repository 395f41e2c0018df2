"""Years and dates in the forms that reports write them."""

from __future__ import annotations

import re
from datetime import date

from rag.folding import fold

_DIGITS = str.maketrans("〇○零一二三四五六七八九", "000123456789")
_CHINESE_YEAR = re.compile(r"[二一][〇○零o一二三四五六七八九]{3}(?=\s*年)")
_CHINESE_DAY = re.compile(r"(?<=年)\s*([一二三四五六七八九十]{1,3})\s*月(?:\s*([一二三四五六七八九十]{1,3})\s*日)?")
_DATE = re.compile(r"(?<!\d)((?:19|20)\d{2})\s*(?:年|[-/.])\s*(\d{1,2})\s*(?:月|[-/.])\s*(\d{1,2})(?!\d)\s*日?")
_QUOTED = re.compile(r"《[^《》]*》")
_RANGE = re.compile(r"(?:19|20)\d{2}\s*年?\s*(?:[-—–~]+|至|到)\s*(?:19|20)?\d{2}\s*年?")
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d{2})\s*年")


def plain_years(text: str) -> str:
    """Fold ``text`` and write Chinese years as digits; the length stays."""
    folded = fold(text)
    return _CHINESE_YEAR.sub(lambda match: match[0].replace("o", "0").translate(_DIGITS), folded)


def years_in(text: str) -> list[tuple[int, int, int]]:
    """Return (year, start, end) of each year named outside 《》 and ranges such as 2021—2025年."""
    plain = plain_years(text)
    for pattern in (_QUOTED, _RANGE):
        plain = pattern.sub(lambda match: " " * len(match[0]), plain)
    return [(int(match[1]), match.start(), match.end()) for match in _YEAR.finditer(plain)]


def names_period(text: str) -> bool:
    """Tell whether ``text`` names a range of years such as 2021—2025年."""
    return bool(_RANGE.search(plain_years(text)))


def find_date(text: str) -> date | None:
    """Return the first full date in ``text``."""
    plain = _CHINESE_DAY.sub(_day_in_digits, plain_years(text))
    for match in _DATE.finditer(plain):
        try:
            return date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            continue
    return None


def without_dates(text: str) -> str:
    """Return ``text`` folded, a blank in place of each date."""
    plain = _CHINESE_DAY.sub(_day_in_digits, plain_years(text))
    return re.sub(r"(?:19|20)\d{2}\s*年[\d\s年月日]*|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}", " ", plain)


def is_date(text: str) -> bool:
    """Tell whether ``text`` is a date, with or without brackets, and nothing else."""
    plain = _CHINESE_DAY.sub(_day_in_digits, plain_years(text)).strip(" ()[]")
    return bool(_DATE.fullmatch(plain) or re.fullmatch(r"(?:19|20)\d{2}\s*年\s*\d{1,2}\s*月(\s*\d{1,2}\s*日)?", plain))


def _day_in_digits(match: re.Match[str]) -> str:
    day = f"{_number(match[2])}日" if match[2] else ""
    return f"{_number(match[1])}月{day}"


def _number(numeral: str) -> int:
    units = " 一二三四五六七八九"
    tens, ten, rest = numeral.partition("十")
    if not ten:
        return units.find(numeral[-1])
    return (units.find(tens) if tens else 1) * 10 + (units.find(rest) if rest else 0)
