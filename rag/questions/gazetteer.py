"""The offices and regions of a corpus, by all the names that people give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial

from rag import lexicon
from rag.folding import fold
from rag.types import ReportMeta

OFFICE_SUFFIX = lexicon.cue("scope", "office_suffix")
REGION_SUFFIX = lexicon.cue("scope", "region_suffix")
LATIN = re.compile("[a-z]")
KEPT_PATTERNS = 20_000
"""Names whose patterns are kept; compiling a few hundred takes longer than all the rest of a question."""
SHORTEST_KEY = 2
"""Characters that a name's beginning is looked up by; a shorter one is looked up whole."""


@dataclass(frozen=True, slots=True)
class OfficeSpan:
    """Characters ``start:end`` of a text that name an office, with the last report of that office and region."""

    start: int
    end: int
    meta: ReportMeta


class Gazetteer:
    """Finds the names of a corpus's offices and regions in a text. Immutable, so it can be shared between threads.

    Args:
        metas: The reports of the corpus.
    """

    def __init__(self, metas: Iterable[ReportMeta]) -> None:
        self.metas = tuple(metas)
        self._offices = list({(meta.office, meta.region): meta for meta in self.metas if meta.office}.values())
        self._regions = sorted({meta.region for meta in self.metas if meta.region})
        self._office_names = _Names([_office_name(meta) for meta in self._offices])
        self._region_names = _Names([_region_name(region) for region in self._regions])

    @cached_property
    def years(self) -> frozenset[int]:
        """The years that the reports are about."""
        return frozenset(meta.year for meta in self.metas if meta.year)

    def offices_in(self, folded: str) -> list[OfficeSpan]:
        """Return where a folded text names an office in any form: its name, a variant, its short name, its pinyin."""
        return [
            OfficeSpan(start, end, self._offices[place]) for place, start, end in self._office_names.spans_in(folded)
        ]

    def regions_in(self, folded: str) -> dict[str, list[tuple[int, int]]]:
        """Return the regions that a folded text names, each with the characters that do."""
        named: dict[str, list[tuple[int, int]]] = {}
        for place, start, end in self._region_names.spans_in(folded):
            named.setdefault(self._regions[place], []).append((start, end))
        return named


@dataclass(frozen=True, slots=True)
class _Name:
    """One name in all its forms; the patterns are made when they are wanted.

    Attributes:
        beginnings: Texts of which one stands in whatever ``written`` matches.
        written: Returns the pattern of its Chinese forms.
        stem: What is written in pinyin of it.
        spoken: Returns the pattern of that.
    """

    beginnings: tuple[str, ...]
    written: Callable[[], re.Pattern[str]]
    stem: str
    spoken: Callable[[], re.Pattern[str]]


class _Names:
    """Many names, of which few stand in a text: found by what each begins with, not by looking for every one."""

    def __init__(self, names: Sequence[_Name]) -> None:
        self._names = names
        self._beginnings = _Beginnings(name.beginnings for name in names)

    @cached_property
    def _sounds(self) -> _Beginnings:
        return _Beginnings(_first_sounds(name.stem) for name in self._names)

    def spans_in(self, folded: str) -> Iterator[tuple[int, int, int]]:
        """Yield (place of the name, start, end) for each time that one stands in a text, name by name."""
        written = self._beginnings.standing_in(folded)
        spoken = self._sounds.standing_in(folded) if LATIN.search(folded) else set()
        for place in sorted(written | spoken):
            name = self._names[place]
            patterns = [name.written()] if place in written else []
            if place in spoken and _may_sound(name.stem, folded):
                patterns.append(name.spoken())
            yield from ((place, *match.span()) for pattern in patterns for match in pattern.finditer(folded))


class _Beginnings:
    """Which of many names may stand in a text, by what each begins with in one of its forms."""

    def __init__(self, names: Iterable[Iterable[str]]) -> None:
        self._names: dict[str, list[tuple[str, int]]] = {}
        for place, beginnings in enumerate(names):
            for beginning in beginnings:
                self._names.setdefault(beginning[:SHORTEST_KEY], []).append((beginning, place))

    def standing_in(self, folded: str) -> set[int]:
        """Return the places of the names of which a beginning stands in a text."""
        keys = {folded[at : at + length] for length in range(1, SHORTEST_KEY + 1) for at in range(len(folded))}
        return {
            place for key in keys & self._names.keys() for beginning, place in self._names[key] if beginning in folded
        }


def _office_name(meta: ReportMeta) -> _Name:
    office, variants = meta.office or "", tuple(meta.office_variants)
    short = short_name(office)
    return _Name(
        _name_beginnings(office, variants),
        partial(_name_pattern, office, variants),
        short,
        partial(_english_name_pattern, short),
    )


def _region_name(region: str) -> _Name:
    stem = _region_stem(region)
    beginning, ending = (fold(stem), r"(?:自治县|新区|[区市县旗])?") if len(stem) > 1 else (fold(region), "")
    return _Name(
        (beginning,), partial(_region_pattern, beginning, ending), stem, partial(_english_region_pattern, stem)
    )


def short_name(office: str) -> str:
    """Return an office's name without its kind: 新华 for 新华街道办事处."""
    return OFFICE_SUFFIX.sub("", office) or office


@cache
def pinyin_name(name: str) -> str:
    """Return a name in capitalised pinyin without tones: Xinhua for 新华."""
    from pypinyin import (
        lazy_pinyin,
    )  # loading its phrases is most of this package's import, and few questions need them

    return "".join(lazy_pinyin(name)).capitalize()


@lru_cache(maxsize=KEPT_PATTERNS)
def _name_beginnings(office: str, variants: tuple[str, ...]) -> tuple[str, ...]:
    """Return texts of which one stands in whatever ``_name_pattern`` matches."""
    short = fold(short_name(office))
    forms = {fold(form) for form in (office, *variants)}
    return (*({short} if len(short) >= 2 else ()), *(form for form in forms if len(short) < 2 or short not in form))


@lru_cache(maxsize=KEPT_PATTERNS)
def _name_pattern(office: str, variants: tuple[str, ...]) -> re.Pattern[str]:
    short = short_name(office)
    forms = sorted({fold(form) for form in (office, *variants)}, key=lambda form: (-len(form), form))
    patterns = [re.escape(form) for form in forms]
    if len(short) >= 2:
        patterns.append(re.escape(fold(short)) + r"(?:街道办|街道|街办|办事处|镇|乡|办)?(?![省市县区州])")
    return re.compile("|".join(patterns))


def _region_stem(region: str) -> str:
    return REGION_SUFFIX.sub("", region) or region


@lru_cache(maxsize=KEPT_PATTERNS)
def _region_pattern(beginning: str, ending: str) -> re.Pattern[str]:
    return re.compile(re.escape(beginning) + ending)


def _first_sounds(name: str) -> Sequence[str]:
    """Return the readings of a name's first character; one of them stands in whatever its pinyin pattern matches."""
    return next(iter(_readings(name)), ())


def _may_sound(name: str, folded: str) -> bool:
    """Tell whether a reading of every character of a name stands in a text; else no pinyin pattern can match it."""
    return all(any(reading in folded for reading in readings) for readings in _readings(name))


@cache
def _readings(name: str) -> tuple[tuple[str, ...], ...]:
    """Return the readings of each character of a name without tones (长埠: chang or zhang, bu)."""
    from pypinyin import Style, pinyin

    return tuple(tuple(sorted(set(options))) for options in pinyin(name, style=Style.NORMAL, heteronym=True))


@cache
def _pinyin_pattern(name: str) -> re.Pattern[str]:
    """Match a name in pinyin by any reading of its characters (长埠: Changbu or Zhangbu)."""
    readings = ("(?:" + "|".join(map(re.escape, options)) + ")" for options in _readings(name))
    return re.compile(r"(?<![a-z])" + r"['’\s-]?".join(readings) + r"(?![a-z])")


@lru_cache(maxsize=KEPT_PATTERNS)
def _english_name_pattern(short: str) -> re.Pattern[str]:
    suffix = r"(?:['’]s)?(?:\s+(?:sub-?\s?district|street|township|town)(?:\s+office)?)?"
    return re.compile(_pinyin_pattern(short).pattern + suffix)


@lru_cache(maxsize=KEPT_PATTERNS)
def _english_region_pattern(stem: str) -> re.Pattern[str]:
    return re.compile(_pinyin_pattern(stem).pattern + r"(?:\s+(?:district|county|city))?")
