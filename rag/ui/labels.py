"""How reports and what a question is restricted to are named on the page."""

from __future__ import annotations

from collections.abc import Iterable

from rag.types import Filters, Language, Route
from rag.ui.texts import say


def office_label(office: str | None, source: str, language: Language) -> str:
    """Return how an office is named; an unknown one shows the file's name."""
    return office or f"{say('office_unknown', language)} ({source})"


def year_label(year: int | None, language: Language) -> str:
    """Return a year in words."""
    return say("year_unknown", language) if year is None else say("year_value", language, year=year)


def report_label(office: str | None, year: int | None, source: str, language: Language) -> str:
    """Return how a report is named on the page."""
    return f"{office_label(office, source, language)} · {year_label(year, language)}"


def scope_label(filters: Filters, language: Language) -> str:
    """Return what the user restricted questions to, in words; empty when nothing is restricted."""
    years = [year_label(year, language) for year in filters.years]
    kinds = [say(f"kind_{kind}", language) for kind in filters.section_kinds]
    parts = (_joined(names, language) for names in (filters.regions, filters.offices, years, kinds))
    return " · ".join(part for part in parts if part)


def reminder(filters: Filters, route: Route | None, language: Language, *, extractive: bool = False) -> str:
    """Return everything that the reader has set for the next questions, in words; empty when nothing is set."""
    said = [say("filters_set", language, scope=scope_label(filters, language))] if filters else []
    if route:
        said.append(say("route_set", language, route=say(f"route_{route}", language)))
    if extractive:
        said.append(say("extractive", language))
    return say("sentence_gap", language).join(said)


def _joined(names: Iterable[str], language: Language) -> str:
    return ("、" if language == "zh" else ", ").join(names)
