"""A report's title, office, region, year and date of issue, as far as its own text tells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from rag.folding import fold
from rag.lexicon import load
from rag.structure.dates import find_date, is_date, names_period, plain_years, years_in
from rag.structure.offices import (
    OfficeName,
    canonical_office,
    office_names,
    office_variants,
    own_region,
)
from rag.structure.overrides import MetaOverrides
from rag.types import Paragraph, ReportMeta, SectionKind

_LEXICON = load("structure")
_TITLE_WORDS: list[str] = _LEXICON["title"]["words"]
_PLAN_WORDS = re.compile("|".join(_LEXICON["plan_words"]))
_REPORT_YEAR = re.compile(_LEXICON["report_year"])
_DATE_LABEL = re.compile(_LEXICON["date_label"])
_LISTED = re.compile(r"^\s*[、和与及]")
_NOT_SUBJECT = re.compile(_LEXICON["not_subjects"])
_ADDRESSEE = re.compile(_LEXICON["addressee"])
_SINCE = re.compile(r"^\s*年?(以来|起)")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The places that metadata are read from, in the order of their weight."""

    title: list[str]
    signature: list[str]
    opening: list[str]
    headings: list[str]
    body: list[str]
    past: list[str]
    debris: list[str]


def read_metadata(
    report_id: str, source: str, declared_title: str | None, paragraphs: Sequence[Paragraph]
) -> ReportMeta:
    """Read a report's metadata from its own paragraphs; what they do not tell stays None."""
    parts = _parts(paragraphs)
    named = _office(parts)
    return ReportMeta(
        id=report_id,
        source=source,
        title=_title(parts.title, declared_title),
        office=named.canonical if named else None,
        region=_region(parts, named),
        year=_year(parts),
        issued=_issued(parts),
    )


def with_overrides(meta: ReportMeta, overrides: MetaOverrides | None) -> ReportMeta:
    """Let the user's metadata win, then fill in the office's variants and say what is unknown."""
    if overrides is not None:
        given = {name: getattr(overrides, name) for name in ("region", "year", "title", "issued")}
        meta = replace(meta, **{name: value for name, value in given.items() if value is not None})
        if overrides.office is not None:
            meta = replace(meta, office=canonical_office(overrides.office) or overrides.office)
    variants = tuple(form for form in office_variants(meta.office or "") if form != meta.office)
    unknown = tuple(f"{name} unknown" for name in ("title", "office", "region", "year") if getattr(meta, name) is None)
    return replace(meta, office_variants=variants, notes=unknown)


def _parts(paragraphs: Sequence[Paragraph]) -> _Parts:
    body = [p for p in paragraphs if p.kind in ("body", "table_row")]
    first_heading = next((p.number for p in paragraphs if p.section is not None), len(paragraphs) + 1)
    opening = [p.text for p in body if p.number < first_heading][:4] or [p.text for p in body[:1]]
    past = [p.text for p in body if p.section_kind not in (SectionKind.PLAN, SectionKind.OTHER)]
    return _Parts(
        title=[p.text for p in paragraphs if p.kind == "title"],
        signature=[p.text for p in paragraphs if p.kind == "closing"],
        opening=opening,
        headings=[p.path[0] for p in paragraphs if len(p.path) == 1 and p.section_kind != SectionKind.PLAN],
        body=[p.text for p in body],
        past=past or [p.text for p in body if p.section_kind != SectionKind.PLAN],
        debris=[p.text for p in paragraphs if p.kind == "debris"],
    )


def _title(lines: Sequence[str], declared: str | None) -> str | None:
    """Join the title's lines; a page's own title serves only if it names a report."""
    if lines:
        tidy = [re.sub(r"\s+", " ", line) for line in lines]
        named = [index for index, line in enumerate(tidy) if any(word in fold(line) for word in _TITLE_WORDS)]
        first = named[-2] + 1 if len(named) > 1 else 0
        joined = "".join(tidy[first:])
        return joined
    if declared:
        pieces = [piece.strip() for piece in re.split(r"[_|]|\s[-–—]\s", declared)]
        return next((piece for piece in pieces if any(word in fold(piece) for word in _TITLE_WORDS)), None)
    return None


def _office(parts: _Parts) -> OfficeName | None:
    """Return the office that title, signature or opening name, else the one that the text keeps naming."""
    for texts in (parts.title, parts.signature):
        named = _most_named([office for text in texts for office in office_names(text) if office.bounded], least=1)
        if named:
            return named
    return _most_named(_subjects(parts.opening), least=1) or _most_named(_subjects(parts.body), least=2)


def _subjects(texts: Iterable[str]) -> list[OfficeName]:
    """Return the offices that running text names as doing something; those in a list, or 与 another, are others."""
    subjects: list[OfficeName] = []
    for text in texts:
        for office in office_names(text):
            listed = _LISTED.match(fold(text[office.end : office.end + 3])) or text[: office.start].endswith("、")
            if office.bounded and not listed and not _NOT_SUBJECT.match(office.region or office.stem):
                subjects.append(office)
    return subjects


def _most_named(offices: Sequence[OfficeName], least: int) -> OfficeName | None:
    counts = Counter(office.canonical for office in offices).most_common(2)
    if not counts or counts[0][1] < least or (len(counts) > 1 and counts[0][1] == counts[1][1]):
        return None
    same = [office for office in offices if office.canonical == counts[0][0]]
    return next((office for office in same if office.region), same[0])


def _region(parts: _Parts, named: OfficeName | None) -> str | None:
    if named is None:
        return None
    if named.region:
        return named.region
    for texts in (parts.title, parts.signature, parts.opening, parts.body):
        regions = {o.region for o in _subjects(texts) if o.canonical == named.canonical and o.region}
        if len(regions) == 1:
            return regions.pop()
    addressees = {match[1] for text in parts.opening if (match := _ADDRESSEE.fullmatch(fold(text)))}
    if len(addressees) == 1:
        return addressees.pop()
    return own_region("\n".join(parts.body))


def _year(parts: _Parts) -> int | None:
    title = "".join(parts.title)
    for text in (title, *parts.opening):
        year = _first_year(text)
        if year is not None:
            return year
        if text is title and names_period(title):
            return None
    named = [year for heading in parts.headings for year in _reported_years(heading)]
    if named:
        return min(named)
    counts = Counter(year for text in parts.past for year in _reported_years(text)).most_common(2)
    if not counts or (len(counts) > 1 and counts[0][1] == counts[1][1]):
        return None
    return counts[0][0]


def _first_year(text: str) -> int | None:
    """Return the year that 现将…年 names, else the first that is neither a plan's nor the beginning of a period."""
    years = _reported_years(text)
    if not years:
        return None
    stated = _REPORT_YEAR.search(plain_years(text))
    if stated and int(stated[1]) in years:
        return int(stated[1])
    return years[0]


def _reported_years(text: str) -> list[int]:
    years: list[int] = []
    for year, start, end in years_in(text):
        before, after = fold(text[max(0, start - 2) : start]), fold(text[end : end + 12])
        since = before.endswith(("自", "从")) or (bool(before.strip(" ,。")) and _SINCE.match(after))
        if not since and not _PLAN_WORDS.search(re.split("[,。;、和]", after)[0]):
            years.append(year)
    return years


def _issued(parts: _Parts) -> date | None:
    """Return the date under the signature, else the one that the page names as its date of issue."""
    dates = [find_date(text) for text in reversed(parts.signature) if is_date(text) or office_names(text)]
    labelled = [find_date(text) for text in parts.debris if _DATE_LABEL.search(fold(text))]
    return next((found for found in [*dates, *labelled] if found), None)
