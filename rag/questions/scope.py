"""Which reports a question is about: the offices, regions and years it names."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

import rjieba

from rag import lexicon
from rag.folding import fold
from rag.questions.gazetteer import Gazetteer, short_name
from rag.types import Language

GENERIC_BEFORE_OFFICE = lexicon.cue("scope", "generic_before_office")
YEAR = lexicon.cue("scope", "year")
YEAR_LIST = lexicon.cue("scope", "year_list")
"""22、23年, 22 23 24年, 21到23年."""
YEAR_SPAN = lexicon.cue("scope", "year_span")
UNNAMED = lexicon.cue("scope", "unnamed")
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


def find_mentions(question: str, gazetteer: Gazetteer, language: Language) -> Mention:
    """Find the offices and years of the corpus that a question names.

    Args:
        question: The question as typed.
        gazetteer: The names of the corpus.
        language: The question's language.
    """
    found, rest = _find_offices(fold(question), gazetteer)
    years, rest = _find_years(rest, gazetteer.years)
    unknown = _unknown_chinese(rest) if language == "zh" else _unknown_english(question, rest)
    unnamed = UNNAMED.search(rest)
    if unnamed:
        rest = rest[: unnamed.start()] + " " * len(unnamed[0]) + rest[unnamed.end() :]
    return Mention(found, years, () if unnamed else unknown, unnamed is not None, rest)


def _find_offices(folded: str, gazetteer: Gazetteer) -> tuple[tuple[tuple[str, str | None], ...], str]:
    spans = gazetteer.offices_in(folded)
    # A longer name covers a shorter one inside it: 北云溪街道 is not 云溪街道.
    kept = [
        span
        for span in spans
        if not any(
            other.start <= span.start and span.end <= other.end and other.end - other.start > span.end - span.start
            for other in spans
        )
    ]
    regions = gazetteer.regions_in(folded)
    offices = {
        (span.meta.office or "", span.meta.region): span.start for span in sorted(kept, key=lambda span: -span.start)
    }
    if any(region in regions for _, region in offices):
        regions_of = {
            office: {region for other, region in offices if other == office and region} for office, _ in offices
        }
        # A report that leaves its region out is of the region named if no other region has such an office.
        narrowed = {
            key: start
            for key, start in offices.items()
            if key[1] in regions or (key[1] is None and len(regions_of[key[0]]) == 1)
        }
        names_left = {short_name(office) for office, _ in narrowed}
        offices = narrowed | {key: start for key, start in offices.items() if short_name(key[0]) not in names_left}
    rest = folded
    region_spans = [span for spans_of_one in regions.values() for span in spans_of_one]
    for start, end in [*((span.start, span.end) for span in kept), *(region_spans if offices else [])]:
        rest = rest[:start] + " " * (end - start) + rest[end:]
    return tuple(sorted(offices, key=lambda key: (offices[key], key[1] or ""))), rest


def named_regions(question: str, gazetteer: Gazetteer) -> tuple[str, ...]:
    """Return the regions of the corpus that a question names."""
    return tuple(sorted(gazetteer.regions_in(fold(question))))


def _find_years(folded: str, plausible: Set[int]) -> tuple[tuple[int, ...], str]:
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
