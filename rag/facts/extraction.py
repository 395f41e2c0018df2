"""From a report to its facts. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from rag import lexicon
from rag.facts.clauses import Place, places
from rag.facts.indicator import Indicator, indicator_of
from rag.facts.period import is_planned, without_year, year_in_label, year_of
from rag.facts.stated import StatedFact
from rag.facts.statements import states_something
from rag.figures import Figure, parse_figures
from rag.folding import fold
from rag.structure.sentences import split_sentences
from rag.tables import cell_figures
from rag.types import Paragraph, Report, ReportMeta, SectionKind

STATEMENTS = ("body", "table_row")


def extract_facts(report: Report) -> tuple[StatedFact, ...]:
    """Return every figure that a report states, in order, with what it counts and the year it is for."""
    facts: list[StatedFact] = []
    header = ""
    for paragraph in report.paragraphs:
        header = (header or paragraph.text) if paragraph.kind == "table_row" else ""
        if paragraph.kind == "table_row":
            facts.extend(_facts_of_row(report.meta, paragraph, header))
        elif paragraph.kind in STATEMENTS:
            facts.extend(_facts_of_text(report.meta, paragraph))
    return tuple(facts)


def _facts_of_text(meta: ReportMeta, paragraph: Paragraph) -> Iterator[StatedFact]:
    folded = fold(paragraph.text)
    figures = [figure for figure in parse_figures(paragraph.text) if states_something(folded, figure)]
    if not figures:
        return
    for start, end in split_sentences(paragraph.text):
        inside = [_moved(figure, -start) for figure in figures if start <= figure.start < end]
        yield from _facts_of_sentence(meta, paragraph, folded[start:end], start, inside)


def _facts_of_sentence(
    meta: ReportMeta, paragraph: Paragraph, folded: str, offset: int, figures: list[Figure]
) -> Iterator[StatedFact]:
    known, known_left = "", 0
    previous: Place | None = None
    found = places(folded, figures)
    for index, place in enumerate(found):
        following = found[index + 1] if index + 1 < len(found) else None
        if previous and _is_transition(previous, place):
            indicator = Indicator(known, known, leans=True)
        else:
            indicator = indicator_of(place, known)
        if not indicator.leans:
            known_left = place.left
        known = indicator.root
        planned = is_planned(folded, place, paragraph.section_kind, meta.year)
        year = year_of(folded, place, meta.year, planned)
        if following and _is_earlier_state(place, following) and year == meta.year:
            year = None
        left = known_left if indicator.leans else place.left
        begin, end = _trimmed(paragraph.text, offset + left, offset + max(place.right, place.figure.end))
        yield _fact(meta, paragraph, place.figure, indicator.text, year, planned, begin, end)
        previous = place


def _is_transition(earlier: Place, later: Place) -> bool:
    """Tell whether two figures are the earlier and the later state of one thing: 由92名增加到115名."""
    return later.follows and bool(
        re.search(lexicon.load("facts")["transition"], later.before.strip())
        and earlier.figure.unit == later.figure.unit
    )


def _is_earlier_state(place: Place, following: Place) -> bool:
    before = re.search(lexicon.load("facts")["transition_before"], place.before.strip())
    return before is not None and _is_transition(place, following)


def _facts_of_row(meta: ReportMeta, paragraph: Paragraph, header: str) -> Iterator[StatedFact]:
    row, columns = _without_index_column(paragraph.text, header)
    is_header = paragraph.text == header
    year = _year_of_row(columns, row)
    for figure in cell_figures(row, "" if is_header else columns):
        if figure.label == "年份" or re.fullmatch(r"(19|20)\d\d", figure.text) and not figure.unit:
            continue
        indicator = without_year(figure.label)
        stated = year if year is not None else year_in_label(figure.label, meta.year)
        planned = paragraph.section_kind is SectionKind.PLAN
        if indicator:
            yield _fact(meta, paragraph, figure, indicator, stated, planned, 0, len(paragraph.text))


def _without_index_column(row: str, header: str) -> tuple[str, str]:
    """Blank a first column that only numbers the rows; offsets stay."""
    first = header.lstrip("| ").split("|")[0].strip()
    if not re.match(lexicon.load("facts")["index_column"], fold(first)):
        return row, header
    return _blank_first_cell(row), _blank_first_cell(header)


def _blank_first_cell(row: str) -> str:
    match = re.match(r"[| ]*[^|]*\|", row)
    return " " * match.end() + row[match.end() :] if match else row


def _year_of_row(header: str, row: str) -> int | None:
    """Return the year in a row's column of years."""
    columns, cells = ([cell.strip() for cell in text.strip("| ").split("|")] for text in (header, row))
    if len(columns) != len(cells):
        return None
    for column, cell in zip(columns, cells, strict=True):
        match = re.fullmatch(r"(20\d\d)(年度?)?", fold(cell))
        if match and re.match(lexicon.load("facts")["year_column"], fold(column)):
            return int(match[1])
    return None


def _fact(
    meta: ReportMeta,
    paragraph: Paragraph,
    figure: Figure,
    indicator: str,
    year: int | None,
    planned: bool,
    start: int,
    end: int,
) -> StatedFact:
    return StatedFact(
        report_id=meta.id,
        office=meta.office,
        region=meta.region,
        year=year,
        indicator=indicator,
        value=figure.value,
        high=figure.high,
        unit=figure.unit,
        qualifier=figure.qualifier,
        planned=planned,
        paragraph=paragraph.number,
        start=start,
        end=end,
        text=figure.text,
    )


def _moved(figure: Figure, by: int) -> Figure:
    return replace(figure, start=figure.start + by, end=figure.end + by)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    cut = text[start:end]
    return start + len(cut) - len(cut.lstrip()), end - len(cut) + len(cut.rstrip())
