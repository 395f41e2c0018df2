"""Comparisons and totals: a figure of each report side by side, differences and sums shown with their terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag import lexicon
from rag.answering.asked_for import preferred_units
from rag.answering.draft import Draft
from rag.answering.figures import FigureFinder, fact_of, heaviest_of
from rag.answering.passage import meets_enough
from rag.answering.quoting import cite_sentence
from rag.answering.wording import gloss, number_text, office_name, phrase, quoted
from rag.citations import Marker
from rag.figures import Figure, convertible
from rag.questions import Concept, Question, distinct_offices
from rag.retrieval import Match, Retrieval, Scope, Sentence, Weighted
from rag.types import Citation, Fact, Language, ReportMeta

NONE_QUALITY = 0.4
"""How surely a sentence that states none answers, beside a figure's nearness."""
NONE_COVERAGE = 0.5
"""Share of the question that it must meet: another matter's none is no 0."""


@dataclass(frozen=True)
class Row:
    """One line of a comparison: an office and year with its figure, or None where it is not disclosed.

    Attributes:
        meta: The report that states it.
        year: The year that the figure is for.
        sentence: The sentence that states it.
        figure: The figure, or None.
        none_stated: True if the sentence says that there was none.
        quality: How surely it answers; comparable within one question.
    """

    meta: ReportMeta
    year: int | None
    sentence: Sentence | None = None
    figure: Figure | None = None
    none_stated: bool = False
    quality: float = 0.0

    @property
    def value(self) -> float | None:
        """The figure's value; 0 where the report says that there was none."""
        if self.figure is not None:
            return self.figure.value
        return 0.0 if self.none_stated else None

    @property
    def shown(self) -> str:
        """The figure as written; 0 where the report says that there was none."""
        return self.figure.text if self.figure is not None else "0"

    @property
    def inexact(self) -> bool:
        """True if the figure is told as about, over or the like."""
        return self.figure is not None and self.figure.qualifier not in ("exact", "percent")


def _one_office(rows: Sequence[Row]) -> bool:
    return distinct_offices([(row.meta.office or row.meta.source, row.meta.region) for row in rows]) == 1


def _readable_in(rows: Sequence[Row], unit: str) -> list[Row]:
    """Return the rows whose figure can be read in a unit; a stated none can be read in any."""
    return [row for row in rows if row.figure is None or convertible(row.figure.unit, unit) is not None]


def tabulate(question: Question, scope: Scope, retrieval: Retrieval) -> list[Row]:
    """Return one row an office and year: every report in scope, and the absent years that another report states.

    Figures side by side count the same thing, so where they differ in unit, the unit is taken in which the rows
    together answer most surely.
    """
    statements = _Statements(question, retrieval)
    rows = _rows(question, scope, statements, None)
    units = list(dict.fromkeys(row.figure.unit for row in rows if row.figure))
    if not question.total and any(convertible(unit, units[0]) is None for unit in units):
        agreed = (_rows(question, scope, statements, unit) for unit in units)
        best = max(agreed, key=lambda table: sum(row.quality for row in table))
        kept = {(row.meta.id, row.year): row for row in rows if row.value is not None}
        return [_like(row, kept.get((row.meta.id, row.year)), best) for row in best]
    return rows


def _like(row: Row, own: Row | None, table: Sequence[Row]) -> Row:
    """Return an undisclosed row's own figure, where its unit counts what the table's does (人 beside 人次)."""
    if row.value is not None or own is None or own.figure is None:
        return row
    units = {other.figure.unit for other in table if other.figure}
    alike = any(
        own.figure.unit in group and units & set(group) for group in lexicon.load("asked")["same_unit"].values()
    )
    return own if alike else row


class _Statements:
    """What each report states of the matter: its sentences that meet the question, and their figures."""

    def __init__(self, question: Question, retrieval: Retrieval) -> None:
        self._finder = FigureFinder(question, retrieval.weighted)
        self._matches: dict[str, list[Match]] = {}
        for match in retrieval.matches:
            if meets_enough(match):
                self._matches.setdefault(match.sentence.passage.report.id, []).append(match)

    def row(self, meta: ReportMeta, year: int | None, unit: str | None) -> Row:
        """Return a report's row; with a year that is not its own, only of sentences that name the year."""
        best = Row(meta, year or meta.year)
        for match in self._matches.get(meta.id, ()):
            if year is not None and match.sentence.names_year(year) is None:
                continue
            row = self._row_from(match, year, unit)
            if row is not None and row.quality > best.quality:
                best = row
        return best

    def _row_from(self, match: Match, year: int | None, unit: str | None) -> Row | None:
        """Return what a sentence states of the matter, or None."""
        sentence, meta = match.sentence, match.sentence.passage.report
        figure = self._finder.figure(sentence, year if year is not None else _named_own_year(sentence, meta), unit)
        if figure is not None:
            quality = match.score + 0.5 * self._finder.quality(sentence, figure)
            return Row(meta, year or meta.year, sentence, figure, quality=quality)
        if match.coverage >= NONE_COVERAGE and self._finder.states_none(sentence):
            quality = match.score + NONE_QUALITY
            return Row(meta, year or meta.year, sentence, none_stated=True, quality=quality)
        return None


def _rows(question: Question, scope: Scope, statements: _Statements, unit: str | None) -> list[Row]:
    """Return the rows, with figures in one unit only if it is given."""
    rows = [statements.row(meta, None, unit) for meta in scope.metas]
    for year in scope.absent_years:
        stated = [statements.row(meta, year, unit) for meta in scope.metas]
        found = [row for row in stated if row.value is not None]
        rows.extend(found or ([Row(scope.metas[0], year)] if question.offices and scope.metas else []))
    of_office: dict[str, list[ReportMeta]] = {}
    for meta in scope.metas:
        of_office.setdefault(meta.office or "", []).append(meta)
    rows = [
        _told_elsewhere(row, of_office[row.meta.office], statements, unit)
        if row.value is None and row.year is not None and row.meta.office is not None
        else row
        for row in rows
    ]
    if question.years:
        rows = [row for row in rows if row.year in question.years or row.year is None]
    return sorted(rows, key=lambda row: (row.meta.office or "", row.year or 0, row.meta.region or ""))


def _told_elsewhere(row: Row, namesakes: Sequence[ReportMeta], statements: _Statements, unit: str | None) -> Row:
    """Return the row with what another year's report of the same office states of its year, if one does."""
    same = (
        meta
        for meta in namesakes
        if meta.id != row.meta.id and (meta.region == row.meta.region or None in (meta.region, row.meta.region))
    )
    told = (statements.row(meta, row.year, unit) for meta in same)
    return next((found for found in told if found.value is not None), row)


def _named_own_year(sentence: Sentence, meta: ReportMeta) -> int | None:
    return meta.year if meta.year is not None and str(meta.year) in sentence.folded else None


def answer_by_comparison(question: Question, scope: Scope, retrieval: Retrieval, rows: Sequence[Row]) -> Draft:
    """Show the figures side by side with what follows from them; every number cited or computed from cited ones."""
    language = question.language
    marker = Marker()
    lines = [phrase(language, "compare_table"), "|---|---|---|---|"]
    facts: list[Fact] = []
    quotes: list[str] = []
    for row in rows:
        citation = _cite(row, marker)
        lines.append(_table_line(row, citation, language))
        if citation is None or row.sentence is None:
            continue
        line = f"- {quoted(language, citation.quote, citation.marker)}"
        if line not in quotes:
            quotes.append(line)
        if row.figure is not None:
            facts.append(fact_of(row.figure, row.sentence, question, row.year, citation.marker))
    conclusion = _conclusion(question, rows)
    text = "\n\n".join([*conclusion, "\n".join(lines), "\n".join(quotes)])
    return Draft(
        text,
        question.route,
        marker.citations,
        retrieval.contexts,
        facts=tuple(facts),
        notes=_renamed(rows, retrieval.weighted, language),
    )


def _renamed(rows: Sequence[Row], weighted: Sequence[Weighted], language: Language) -> tuple[str, ...]:
    """Warn where one office calls what is counted by different names in different years."""
    heaviest = heaviest_of(weighted)
    if heaviest is None or not _one_office([row for row in rows if row.sentence]):
        return ()
    names = {row.year: _name_in(row.sentence, heaviest.concept) for row in rows if row.sentence}
    known = {name for name in names.values() if name}
    # One name inside the other (信访, 信访案件) is the same name.
    if len(known) < 2 or any(all(short in name for name in known) for short in known):
        return ()
    told = (phrase(language, "renamed_name", year=year, name=name) for year, name in names.items() if name)
    return (phrase(language, "renamed", names=phrase(language, "separator").join(told)),)


def _name_in(sentence: Sentence, concept: Concept) -> str:
    return next((sentence.text[start:end] for start, end in concept.positions(sentence.folded)), "")


def _cite(row: Row, marker: Marker) -> Citation | None:
    if row.sentence is None:
        return None
    around = (row.figure.start, row.figure.end) if row.figure else (0, 1)
    return cite_sentence(row.sentence, marker, around)


def _table_line(row: Row, citation: Citation | None, language: Language) -> str:
    figure = phrase(language, "undisclosed") if row.value is None else row.shown
    evidence = f"[{citation.marker}]" if citation else ""
    if row.year != row.meta.year and row.sentence is not None:
        evidence += phrase(language, "stated_by", year=row.year, source_year=row.meta.year)
    return f"| {office_name(row.meta, language)} | {row.year or '—'} | {figure} | {evidence} |"


def _label(row: Row, rows: Sequence[Row], language: Language) -> str:
    """Name a row by what tells it apart: its year where the office is the same, else office and year."""
    return phrase(language, "year", year=row.year) if _one_office(rows) else _office_and_year(row, language)


def _office_and_year(row: Row, language: Language) -> str:
    return phrase(language, "office_year", office=office_name(row.meta, language), year=row.year or "")


def _conclusion(question: Question, rows: Sequence[Row]) -> list[str]:
    known = [row for row in rows if row.value is not None]
    language = question.language
    if question.total:
        return _total(question, known, rows)
    if question.superlative and len(known) > 2:
        return _superlative(question, known, language)
    if len(known) == 2:
        return _difference(known[0], known[1], rows, language)
    if len(known) > 2 and _one_office(known):
        return _difference(known[0], known[-1], rows, language)
    return []


def _difference(first: Row, second: Row, rows: Sequence[Row], language: Language) -> list[str]:
    unit = _shared_unit(first, second)
    if unit is None:
        units = [row.figure.unit if row.figure else "" for row in (first, second)]
        return [phrase(language, "not_comparable", first=units[0], second=units[1])]
    values = [_value_in(row, unit) for row in (first, second)]
    notes = [phrase(language, "inexact")] if first.inexact or second.inexact else []
    figures = [row.shown for row in (first, second)]
    if values[0] == values[1]:
        shown = figures[0] + (gloss(first.figure, language) if first.figure else "")
        return [phrase(language, "same", figure=shown), *notes]
    if values[0] > values[1] and not _one_office(rows):
        # Of two offices the one with more comes first: that is who was asked for.
        first, second, values, figures = second, first, values[::-1], figures[::-1]
    direction = phrase(language, "more" if values[1] > values[0] else "fewer")
    amount = number_text(round(abs(values[1] - values[0]), 6)) + unit
    high, low = (figures[1], figures[0]) if values[1] > values[0] else (figures[0], figures[1])
    return [
        phrase(
            language,
            "difference",
            later=_label(second, rows, language),
            earlier=_label(first, rows, language),
            direction=direction,
            amount=amount,
            high=high,
            low=low,
        ),
        *notes,
    ]


def _shared_unit(first: Row, second: Row) -> str | None:
    """Return the unit both can be read in; a stated none takes the other's."""
    units = [row.figure.unit for row in (first, second) if row.figure is not None]
    if len(units) < 2:
        return units[0] if units else ""
    return units[0] if convertible(units[1], units[0]) is not None else None


def _value_in(row: Row, unit: str) -> float:
    if row.figure is None:
        return 0.0
    return row.figure.value * (convertible(row.figure.unit, unit) or 1.0)


def _superlative(question: Question, known: Sequence[Row], language: Language) -> list[str]:
    unit = next((row.figure.unit for row in known if row.figure), "")
    choose = max if question.superlative == "most" else min
    best = choose(_readable_in(known, unit), key=lambda row: _value_in(row, unit))
    name = _office_and_year(best, language)
    return [phrase(language, question.superlative or "most", office=name, figure=best.shown)]


def _commonest_unit(question: Question, known: Sequence[Row]) -> str:
    """Return the unit that most figures have, one that the question names before others."""
    units = [row.figure.unit for row in known if row.figure]
    named = preferred_units(question)
    return max(units, key=lambda unit: (unit in named, units.count(unit)), default="")


def _total(question: Question, known: Sequence[Row], rows: Sequence[Row]) -> list[str]:
    """Add what may be added: figures of one unit or units that convert into it; name what was left out."""
    language = question.language
    unit = _commonest_unit(question, known)
    added = _readable_in(known, unit)
    if not added:
        return []
    total = round(sum(_value_in(row, unit) for row in added), 6)
    terms = " + ".join(row.shown for row in added)
    parts = [phrase(language, "total", total=number_text(total), unit=unit, terms=terms)]
    left_out = [row for row in rows if row not in added]
    if left_out:
        names = phrase(language, "separator").join(_office_and_year(row, language) for row in left_out)
        parts.append(phrase(language, "total_left_out", names=names))
    if any(row.inexact for row in added):
        parts.append(phrase(language, "inexact"))
    return parts
