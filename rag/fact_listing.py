"""Facts for people and other programs: chosen by what they count, as text, CSV or JSON, each with its citation."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rag.citations import cut_citation
from rag.facts import StatedFact
from rag.folding import fold
from rag.questions.concepts import find_concepts
from rag.types import Citation, Paragraph, ReportMeta

COLUMNS = (
    *("office", "region", "year", "indicator", "value", "high", "unit", "qualifier", "planned"),
    *("quote", "citation", "source"),
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class CitedFact:
    """A fact with the citation of the clause that states it, marker 0."""

    fact: StatedFact
    citation: Citation


def about(facts: Iterable[StatedFact], indicator: str) -> list[StatedFact]:
    """Return the facts whose indicator holds the text, or another word for it (上访 for 信访, petition)."""
    wanted = fold(indicator.strip())
    concepts, _ = find_concepts(indicator, "zh")
    words = {wanted, *(word for concept in concepts if fold(concept.name) == wanted for word in concept.words)}
    return [fact for fact in facts if any(word in fold(fact.indicator) for word in words)]


def with_citations(
    facts: Iterable[StatedFact],
    metas: Mapping[str, ReportMeta],
    paragraphs: Mapping[str, tuple[Paragraph, ...]],
) -> list[CitedFact]:
    """Return each fact with its citation, ordered as the reports are; those of a report gone meanwhile are left out."""
    by_number = {
        (report_id, paragraph.number): paragraph for report_id, group in paragraphs.items() for paragraph in group
    }
    place = {report_id: index for index, report_id in enumerate(metas)}
    return [
        CitedFact(
            fact,
            cut_citation(metas[fact.report_id], by_number[fact.report_id, fact.paragraph], fact.start, fact.end),
        )
        for fact in sorted(
            (fact for fact in facts if fact.report_id in place and (fact.report_id, fact.paragraph) in by_number),
            key=lambda fact: place[fact.report_id],
        )
    ]


def fact_to_dict(cited: CitedFact) -> dict[str, Any]:
    """Return a fact as the columns of the export."""
    fact, citation = cited.fact, cited.citation
    return {
        **{name: getattr(fact, name) for name in COLUMNS[:9]},
        "quote": citation.quote,
        "citation": citation.id,
        "source": citation.source,
    }


def facts_to_csv(facts: Iterable[CitedFact]) -> str:
    """Return facts as CSV with a header; a text that a spreadsheet would run as a formula is led by an apostrophe."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for cited in facts:
        writer.writerow({name: _cell(value) for name, value in fact_to_dict(cited).items()})
    return stream.getvalue().rstrip("\n")


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return number_text(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def show_facts(facts: Iterable[CitedFact]) -> str:
    """Return one line a fact, its citation last."""
    lines = [_line(cited) for cited in facts]
    return "\n".join([*lines, f"{len(lines)} facts"])


def _line(cited: CitedFact) -> str:
    fact = cited.fact
    amount = number_text(fact.value) + (f"–{number_text(fact.high)}" if fact.high is not None else "") + fact.unit
    told = [word for word in (fact.qualifier, "planned" if fact.planned else "") if word not in ("", "exact")]
    office = f"{fact.region or ''}{fact.office or '(office unknown)'}"
    note = f" ({', '.join(told)})" if told else ""
    return f"{office} {fact.year or '(year unknown)'}  {fact.indicator}: {amount}{note}  {cited.citation.id}"


def number_text(value: float) -> str:
    """Return a number without needless decimals."""
    return str(int(value)) if value == int(value) else f"{value:.10g}"
