"""From a report to its facts. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag import lexicon
from rag.facts.clauses import Place, places
from rag.facts.indicator import LONGEST, PART, Indicator, indicator_of, is_outcome, is_transition, says_nothing
from rag.facts.period import is_planned, without_year, year_in_label, year_of
from rag.facts.stated import StatedFact
from rag.facts.statements import states_something
from rag.figures import Figure, convertible, parse_figures
from rag.folding import fold
from rag.structure.sentences import split_sentences
from rag.tables import cell_figures, with_headers
from rag.types import Paragraph, Report, ReportMeta, SectionKind

STATEMENTS = ("body", "table_row")
SHARES = ("%", "‰", "成", "个百分点", "百分点", "倍")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with the figures that state something; ``offset`` is where it begins in its paragraph."""

    meta: ReportMeta
    paragraph: Paragraph
    folded: str
    offset: int
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """The thing told last, its unit, and where the clause that told it begins in the paragraph."""

    root: str = ""
    unit: str = ""
    left: int = 0


def extract_facts(report: Report) -> tuple[StatedFact, ...]:
    """Return every figure that a report states, in order, with what it counts and the year it is for."""
    facts: list[StatedFact] = []
    for paragraph, header in with_headers(report.paragraphs):
        if paragraph.kind == "table_row":
            facts.extend(_facts_of_row(report.meta, paragraph, header))
        elif paragraph.kind in STATEMENTS:
            facts.extend(_facts_of_text(report.meta, paragraph))
    return tuple(facts)


def _facts_of_text(meta: ReportMeta, paragraph: Paragraph) -> Iterator[StatedFact]:
    folded = fold(paragraph.text)
    figures = [figure for figure in parse_figures(paragraph.text, folded) if states_something(folded, figure)]
    if not figures:
        return
    known = Known()
    for start, end in split_sentences(paragraph.text, folded):
        inside = [_moved(figure, -start) for figure in figures if start <= figure.start < end]
        sentence = Sentence(meta, paragraph, folded[start:end], start, tuple(places(folded[start:end], inside)))
        carried = known if _goes_on(sentence, known) else Known()
        for fact, thing in _facts_of_sentence(sentence, carried):
            known = thing
            yield fact


def _goes_on(sentence: Sentence, known: Known) -> bool:
    """Tell whether a sentence goes on about what the one before it told: 全年22件应诉案件。和解2件."""
    if not sentence.places or sentence.places[0].left > len(PART):
        return False
    first = sentence.places[0]
    return first.figure.unit == known.unit and (is_outcome(first.before) or sentence.folded.startswith(PART))


def _facts_of_sentence(sentence: Sentence, known: Known) -> Iterator[tuple[StatedFact, Known]]:
    """Yield the facts of a sentence, each with the thing that what follows may go on about."""
    meta, paragraph, offset = sentence.meta, sentence.paragraph, sentence.offset
    last = Indicator((), "")
    for previous, place, following in _with_neighbours(sentence.places):
        later_state = previous is not None and _is_transition(previous, place)
        if last.parts and (later_state or says_nothing(place)):
            indicator = Indicator(last.parts, last.root, leans=last.leans)
        else:
            indicator = indicator_of(place, known.root if _may_lean(place, known) else "")
        if not indicator.leans and not (known.root and place.figure.unit in SHARES):
            known = Known(indicator.root, place.figure.unit, offset + place.left)
        planned = is_planned(sentence.folded, place, paragraph.section_kind, meta.year)
        since = previous.figure.end if previous and later_state else 0
        year = year_of(sentence.folded, place, meta.year, planned, since)
        if following and _is_earlier_state(place, following) and year == meta.year:
            year = None
        last = indicator
        if not indicator.text:
            indicator = last = Indicator((_clause_before(sentence, place),), "")
        left = known.left if indicator.leans else offset + place.left
        begin, end = _trimmed(paragraph.text, left, offset + max(place.right, place.figure.end))
        text = _as_written(indicator, paragraph.text)
        yield _fact(meta, paragraph, place.figure, text, year, planned, begin, end), known


def _clause_before(sentence: Sentence, place: Place) -> str:
    """Return the words of the clause before, for a figure whose own clause names nothing: 成员单位多了。由7个增加."""
    text = fold(sentence.paragraph.text[: sentence.offset + place.left]).rstrip(" ,，。;；:：、!?！？(（")
    return re.split(r"[,，。;；:：!?！？()（）\n]", text)[-1].strip()[-LONGEST:]


def _may_lean(place: Place, known: Known) -> bool:
    """A clause goes on about things counted in the same unit; shares and sums of money may be of anything.

    What itself only tells an outcome (立案, 应考) is nothing to go on about.
    """
    unit = place.figure.unit
    if is_outcome(known.root):
        return False
    return convertible(unit, known.unit) is not None or unit in SHARES or unit.endswith("元")


def _with_neighbours(found: Sequence[Place]) -> Iterator[tuple[Place | None, Place, Place | None]]:
    earlier: tuple[Place | None, ...] = (None, *found)
    later: tuple[Place | None, ...] = (*found[1:], None)
    return zip(earlier, found, later, strict=False)


def _as_written(indicator: Indicator, text: str) -> str:
    """Return an indicator's parts as the paragraph writes them."""
    folded = fold(text)
    written = ""
    for part in indicator.parts:
        start = folded.find(part)
        written += text[start : start + len(part)] if start >= 0 else part
    return written


def _is_transition(earlier: Place, later: Place) -> bool:
    """Tell whether two figures are the earlier and the later state of one thing: 由92名增加到115名."""
    return later.follows and is_transition(later.before) and earlier.figure.unit == later.figure.unit


def _is_earlier_state(place: Place, following: Place) -> bool:
    before = lexicon.cue("facts", "transition_before").search(place.before.strip())
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
    if not lexicon.cue("facts", "index_column").match(fold(first)):
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
        if match and lexicon.cue("facts", "year_column").match(fold(column)):
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
