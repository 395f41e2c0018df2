"""Words of exported files, in Chinese and English."""

from __future__ import annotations

from typing import Any

from rag.resources import read_yaml
from rag.types import Filters, Language, Verdict


def _wording() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read_yaml("rag.exporting", "wording.yaml")
    return found


def word(language: Language, key: str, /, **values: object) -> str:
    """Return a text in a language, filled in."""
    return str(_wording()[language][key]).format(**values)


def verdict_word(language: Language, verdict: Verdict) -> str:
    """Return a verdict in words."""
    return str(_wording()[language]["verdicts"][verdict.value])


def report_words(office: str | None, year: int | None, source: str, language: Language) -> str:
    """Return how a report is named: office and year."""
    named = office or word(language, "office_unknown", source=source)
    return f"{named} · {year_word(year, language)}"


def year_word(year: int | None, language: Language) -> str:
    """Return a year in words."""
    return word(language, "year_unknown") if year is None else word(language, "year_value", year=year)


def scope_words(filters: Filters, language: Language) -> str:
    """Return what a question was restricted to, in words."""
    groups = (filters.regions, filters.offices, tuple(year_word(year, language) for year in filters.years))
    return " · ".join(word(language, "joined").join(group) for group in groups if group)
