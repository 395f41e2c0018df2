"""Which reports a question is about: the offices, regions and years it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import rjieba

from rag import lexicon
from rag.folding import fold
from rag.types import Language, ReportMeta

OFFICE_SUFFIX = lexicon.cue("scope", "office_suffix")
REGION_SUFFIX = lexicon.cue("scope", "region_suffix")
GENERIC_BEFORE_OFFICE = lexicon.cue("scope", "generic_before_office")
YEAR = lexicon.cue("scope", "year")
YEAR_LIST = lexicon.cue("scope", "year_list")
"""22、23年, 22 23 24年, 21到23年."""
YEAR_SPAN = lexicon.cue("scope", "year_span")
UNNAMED = lexicon.cue("scope", "unnamed")
LATIN = re.compile("[a-z]")
KEPT_PATTERNS = 20_000
"""Names whose patterns are kept; compiling a few hundred takes longer than all the rest of a question."""
LONGEST_SPAN = 12
"""Years from one end of a span to the other, at most."""
CHINESE_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")
OPENING_NAME = lexicon.cue("scope", "opening_name")
GENERIC_OPENING = lexicon.cue("scope", "generic_opening")
ENGLISH_UNKNOWN_OFFICE = lexicon.cue("scope", "english_unknown_office")
ENGLISH_NOT_A_NAME = frozenset(
    "which what the this that each every any all how did does do is are was were has have in of list name who"
    " our one no some compare between and or for from".split()
)


@dataclass(frozen=True, slots=True)
class Mention:
    """What a question names of its scope.

    Attributes:
        offices: (office, region) pairs of the corpus that it names; region None where unknown.
        years: Years it names, in order.
        unknown_offices: Names that look like an office and are not in the corpus.
        unnamed: True if it means reports that do not name their office.
        rest: The question with all that blanked out.
    """

    offices: tuple[tuple[str, str | None], ...]
    years: tuple[int, ...]
    unknown_offices: tuple[str, ...]
    unnamed: bool
    rest: str


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


@cache
def _pinyin_pattern(name: str) -> re.Pattern[str]:
    """Match a name in pinyin by any reading of its characters (长埠: Changbu or Zhangbu)."""
    readings = ("(?:" + "|".join(map(re.escape, options)) + ")" for options in _readings(name))
    return re.compile(r"(?<![a-z])" + r"['’\s-]?".join(readings) + r"(?![a-z])")


def find_mentions(question: str, metas: Iterable[ReportMeta], language: Language) -> Mention:
    """Find the offices and years of the corpus that a question names.

    Args:
        question: The question as typed.
        metas: The reports of the corpus.
        language: The question's language.
    """
    rest = fold(question)
    known = {(meta.office, meta.region): meta for meta in metas if meta.office}
    found, rest = _find_offices(rest, list(known.values()))
    years, rest = _find_years(rest, plausible={meta.year for meta in known.values() if meta.year})
    unknown = _unknown_chinese(rest) if language == "zh" else _unknown_english(question, rest)
    unnamed = UNNAMED.search(rest)
    if unnamed:
        rest = rest[: unnamed.start()] + " " * len(unnamed[0]) + rest[unnamed.end() :]
    return Mention(found, years, () if unnamed else unknown, unnamed is not None, rest)


def _find_offices(folded: str, metas: Sequence[ReportMeta]) -> tuple[tuple[tuple[str, str | None], ...], str]:
    spans: list[tuple[int, int, ReportMeta]] = []
    lettered = LATIN.search(folded) is not None
    for meta in metas:
        spans.extend((start, end, meta) for start, end in _name_spans(folded, meta, lettered))
    # A longer name covers a shorter one inside it: 北云溪街道 is not 云溪街道.
    kept = [
        (start, end, meta)
        for start, end, meta in spans
        if not any((s <= start and end <= e) and (e - s) > (end - start) for s, e, _ in spans)
    ]
    named_regions, region_spans = _find_regions(folded, metas)
    offices = {(meta.office or "", meta.region): start for start, _, meta in sorted(kept, key=lambda item: -item[0])}
    if any(region in named_regions for _, region in offices):
        regions_of = {
            office: {region for other, region in offices if other == office and region} for office, _ in offices
        }
        # A report that leaves its region out is of the region named if no other region has such an office.
        narrowed = {
            key: start
            for key, start in offices.items()
            if key[1] in named_regions or (key[1] is None and len(regions_of[key[0]]) == 1)
        }
        names_left = {short_name(office) for office, _ in narrowed}
        offices = narrowed | {key: start for key, start in offices.items() if short_name(key[0]) not in names_left}
    rest = folded
    for start, end in [*((s, e) for s, e, _ in kept), *(region_spans if offices else [])]:
        rest = rest[:start] + " " * (end - start) + rest[end:]
    return tuple(sorted(offices, key=lambda key: (offices[key], key[1] or ""))), rest


def _name_spans(folded: str, meta: ReportMeta, lettered: bool) -> list[tuple[int, int]]:
    """Spans of any form of the office's name, its short name and, in a text with Latin letters, its pinyin."""
    office, variants = meta.office or "", tuple(meta.office_variants)
    spans: list[tuple[int, int]] = []
    if any(form in folded for form in _name_beginnings(office, variants)):
        spans.extend(match.span() for match in _name_pattern(office, variants).finditer(folded))
    if lettered and _may_sound(short_name(office), folded):
        spans.extend(match.span() for match in _english_name_pattern(short_name(office)).finditer(folded))
    return spans


@lru_cache(maxsize=KEPT_PATTERNS)
def _name_beginnings(office: str, variants: tuple[str, ...]) -> tuple[str, ...]:
    """Return texts of which one stands in whatever ``_name_pattern`` matches."""
    short = fold(short_name(office))
    forms = {fold(form) for form in (office, *variants)}
    return (*({short} if len(short) >= 2 else ()), *(form for form in forms if len(short) < 2 or short not in form))


def _may_sound(name: str, folded: str) -> bool:
    """Tell whether a reading of every character of a name stands in a text; else no pinyin pattern can match it."""
    return all(any(reading in folded for reading in readings) for readings in _readings(name))


@cache
def _readings(name: str) -> tuple[tuple[str, ...], ...]:
    """Return the readings of each character of a name without tones (长埠: chang or zhang, bu)."""
    from pypinyin import Style, pinyin

    return tuple(tuple(sorted(set(options))) for options in pinyin(name, style=Style.NORMAL, heteronym=True))


@lru_cache(maxsize=KEPT_PATTERNS)
def _name_pattern(office: str, variants: tuple[str, ...]) -> re.Pattern[str]:
    short = short_name(office)
    forms = sorted({fold(form) for form in (office, *variants)}, key=lambda form: (-len(form), form))
    patterns = [re.escape(form) for form in forms]
    if len(short) >= 2:
        patterns.append(re.escape(fold(short)) + r"(?:街道办|街道|街办|办事处|镇|乡|办)?(?![省市县区州])")
    return re.compile("|".join(patterns))


@lru_cache(maxsize=KEPT_PATTERNS)
def _english_name_pattern(short: str) -> re.Pattern[str]:
    suffix = r"(?:['’]s)?(?:\s+(?:sub-?\s?district|street|township|town)(?:\s+office)?)?"
    return re.compile(_pinyin_pattern(short).pattern + suffix)


def _find_regions(folded: str, metas: Sequence[ReportMeta]) -> tuple[set[str], list[tuple[int, int]]]:
    named: set[str] = set()
    spans: list[tuple[int, int]] = []
    lettered = LATIN.search(folded) is not None
    for region in {meta.region for meta in metas if meta.region}:
        beginning, pattern = _region_pattern(region)
        matches = list(pattern.finditer(folded)) if beginning in folded else []
        if lettered and _may_sound(_region_stem(region), folded):
            matches.extend(_english_region_pattern(_region_stem(region)).finditer(folded))
        if matches:
            named.add(region)
            spans.extend(match.span() for match in matches)
    return named, spans


def _region_stem(region: str) -> str:
    return REGION_SUFFIX.sub("", region) or region


@lru_cache(maxsize=KEPT_PATTERNS)
def _region_pattern(region: str) -> tuple[str, re.Pattern[str]]:
    """Return what a region's name begins with in any form, and the pattern of the forms."""
    stem = _region_stem(region)
    beginning, ending = (fold(stem), r"(?:自治县|新区|[区市县旗])?") if len(stem) > 1 else (fold(region), "")
    return beginning, re.compile(re.escape(beginning) + ending)


@lru_cache(maxsize=KEPT_PATTERNS)
def _english_region_pattern(stem: str) -> re.Pattern[str]:
    return re.compile(_pinyin_pattern(stem).pattern + r"(?:\s+(?:district|county|city))?")


def named_regions(question: str, metas: Sequence[ReportMeta]) -> tuple[str, ...]:
    """Return the regions of the corpus that a question names."""
    return tuple(sorted(_find_regions(fold(question), metas)[0]))


def _find_years(folded: str, plausible: set[int]) -> tuple[tuple[int, ...], str]:
    """Find years written 2023, 23年 or 二〇二三年; a two-digit one only where 年 follows."""
    years: list[int] = []
    rest = folded = YEAR_LIST.sub(lambda found: found[0] if len(found[0]) > 40 else _spell_years(found[0]), folded)
    for match in YEAR.finditer(folded):
        text = match[1] or (match[2] and "20" + match[2]) or (match[3] or "").translate(CHINESE_DIGITS)
        year = int(text) if text else 0
        if match[2] and not (year in plausible or 2010 <= year <= 2035):
            continue
        if year and year not in years:
            years.append(year)
        rest = rest[: match.start()] + " " * (match.end() - match.start()) + rest[match.end() :]
    return _with_years_between(years, folded), rest


def _with_years_between(years: list[int], folded: str) -> tuple[int, ...]:
    """Add the years between the two ends of a span that the question names."""
    span = YEAR_SPAN.search(folded)
    if not span:
        return tuple(years)
    first, last = (int(year) for year in span.groups() if year)
    between = range(first, last + 1) if first < last <= first + LONGEST_SPAN else ()
    return tuple(sorted({*years, *between})) if between else tuple(years)


def _spell_years(listed: str) -> str:
    """Write 年 after every year of a list, and every year of a span."""
    span = re.fullmatch(r"(\d\d)年?\s?[到至—~-]\s?(\d\d)年?", listed)
    if span and int(span[1]) < int(span[2]) <= int(span[1]) + LONGEST_SPAN:
        return "".join(f"{year}年" for year in range(int(span[1]), int(span[2]) + 1))
    return re.sub(r"(\d\d)(?!年)", r"\1年", listed)


def _unknown_chinese(rest: str) -> tuple[str, ...]:
    """Names in front of 街道, 镇 or 乡 that no report of the corpus carries."""
    opening = OPENING_NAME.match(rest)
    if opening and not GENERIC_BEFORE_OFFICE.search(opening[1]) and not GENERIC_OPENING.match(opening[1]):
        return (opening[0].strip(),)
    names = []
    tokens = rjieba.tag(rest)
    for (word, tag), (following, _) in zip(tokens, [*tokens[1:], ("", "")], strict=True):
        whole = re.fullmatch(r"([一-鿿]{2,4})(街道|镇|乡)", word)
        if whole and tag == "ns" and not GENERIC_BEFORE_OFFICE.search(whole[1]):
            names.append(word)
        elif (
            following in ("街道", "街道办", "街道办事处", "镇", "乡")
            and tag in ("nr", "ns", "nz", "nrt", "nrfg", "nt")
            and len(word) >= 2
            and not GENERIC_BEFORE_OFFICE.search(word)
        ):
            names.append(word + following)
    return tuple(names)


def _unknown_english(question: str, rest: str) -> tuple[str, ...]:
    names = []
    for match in ENGLISH_UNKNOWN_OFFICE.finditer(question):
        name = match[1]
        if rest[match.start(1) : match.end(1)].strip() and not (set(name.lower().split()) & ENGLISH_NOT_A_NAME):
            names.append(match[0])
    return tuple(names)
