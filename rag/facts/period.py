"""Which year a figure is for, and whether it is planned. Pure functions."""

from __future__ import annotations

import re
from functools import partial

from rag import lexicon
from rag.facts.clauses import BORDER, Place
from rag.types import SectionKind

EXPLICIT = re.compile(r"(?<!\d)(20\d\d)(?=年)")


_cue = partial(lexicon.cue, "facts")


def year_of(folded: str, place: Place, report_year: int | None, planned: bool, since: int = 0) -> int | None:
    """Return the year that a figure of a sentence is for.

    The nearest year named before it counts, in its own clause or an earlier one (2022年为7件，2023年的22件); one that
    the sentence only compares with (比上年少8件) counts for nothing but the figure of that year itself (上年的17件).

    Args:
        folded: The sentence.
        place: The figure in its clause.
        report_year: The year the report is about.
        planned: True if the figure is meant for later.
        since: Offset from which years count: for the later state of a thing, where the earlier one ends.
    """
    for start, end, year in reversed(_named(folded[: place.figure.start], report_year)):
        if start < since or year != report_year and not _reaches(folded, place, start, end):
            continue
        return year
    if report_year is None:
        return None
    return report_year + 1 if planned else report_year


def _reaches(folded: str, place: Place, start: int, end: int) -> bool:
    """Tell whether a year named before a figure, other than the report's, is the figure's.

    In the figure's own clause it is, unless it is only compared with (比上年少8件). From an earlier clause it reaches
    on where it began that clause as its time (去年受理30件，办结28件), not as a figure's own (上年为36件，下降19.4%).
    """
    between = folded[end : place.figure.start]
    compared = _cue("compared").search(folded[:start]) is not None
    if start >= place.left:
        return not (compared and _cue("change").search(between))
    clause_start = max((match.end() for match in BORDER.finditer(folded, 0, start)), default=0)
    own = re.match(r"(同期)?(的|为|是|有)?\d", between.strip())
    changed = _cue("change").search(folded[place.left : place.right])
    begins = re.fullmatch(r"[在于至对而但]?|截至", folded[clause_start:start].strip()) is not None
    return begins and not (compared or own or changed or re.search(r"[)）]", between))


def _named(text: str, report_year: int | None) -> list[tuple[int, int, int]]:
    """Return (start, end, year) of the years that a text names, in order; those that begin a period are left out."""
    found = [
        (match.start(), match.end() + 1, int(match[1]))
        for match in EXPLICIT.finditer(text)
        if not _cue("since").match(text[match.end() :]) and not _in_title(text, match.start())
    ]
    if report_year is not None:
        for name, shift in (("this_year", 0), ("last_year", -1), ("next_year", 1)):
            found += [(match.start(), match.end(), report_year + shift) for match in _cue(name).finditer(text)]
    return sorted(found)


def _in_title(text: str, position: int) -> bool:
    return text.rfind("《", 0, position) > text.rfind("》", 0, position)


def year_in_label(label: str, report_year: int | None) -> int | None:
    """Return the year that a table's row or column names, else the report's."""
    named = _named(label, report_year)
    return named[-1][2] if named else report_year


def without_year(label: str) -> str:
    """Return a table's label without the year and the unit that it names."""
    label = re.sub(r"20\d\d年(度)?", " ", label)
    label = re.sub(r"[(（](单位)?[:：]?[^()（）]{1,5}[)）]", " ", label)
    return " ".join(_cue("last_year").sub(" ", _cue("this_year").sub(" ", label)).split())


def is_planned(folded: str, place: Place, section: SectionKind, report_year: int | None) -> bool:
    """Tell whether a figure is meant for later: told as a plan, or standing among the plans with nothing against it."""
    clause = folded[place.left : place.right]
    if lexicon.cue("polarity", "already").search(folded[: place.right]):
        return False
    named = [int(match[1]) for match in EXPLICIT.finditer(clause)]
    if report_year is not None and named and max(named) <= report_year:
        return False
    if report_year is not None and named and min(named) > report_year:
        return True
    if section is SectionKind.PLAN:
        return True
    return bool(
        _cue("next_year").search(clause) or _cue("planned_clause").search(folded[place.left : place.figure.start])
    )
