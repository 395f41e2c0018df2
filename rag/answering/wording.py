"""The sentences that answers are made of, in the question's language."""

from __future__ import annotations

from typing import Any

from rag.figures import Figure
from rag.questions import pinyin_name, short_name
from rag.resources import read_yaml
from rag.types import Language, ReportMeta


def _phrases() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read_yaml("rag.answering", "phrases.yaml")
    return found


def phrase(language: Language, key: str, /, **values: object) -> str:
    """Return a phrase in a language, filled in."""
    return str(_phrases()[language][key]).format(**values)


def phrases(language: Language, name: str) -> dict[str, str]:
    """Return a table of phrases in a language."""
    return dict(_phrases()[language][name])


def office_name(meta: ReportMeta, language: Language, *, with_region: bool = True) -> str:
    """Return how an answer calls an office; in English with its name in pinyin first."""
    if not meta.office:
        return phrase(language, "unknown_office", source=meta.source)
    region = meta.region if with_region else None
    if language == "zh":
        return f"{meta.office}（{region}）" if region else meta.office
    kinds = _phrases()["en"]["office_kinds"]
    kind = next((english for suffix, english in kinds.items() if meta.office.endswith(suffix)), "Office")
    place = f", {region}" if region else ""
    return f"{pinyin_name(short_name(meta.office))} {kind} ({meta.office}{place})"


def report_name(meta: ReportMeta, language: Language) -> str:
    """Return how an answer calls a report: office and year."""
    office = office_name(meta, language)
    if meta.year is None:
        return phrase(language, "report_no_year", office=office)
    return phrase(language, "report_year", office=office, year=meta.year)


def quoted(language: Language, quote: str, marker: int) -> str:
    """Return a quote in quotation marks with its marker."""
    return phrase(language, "quote", quote=" ".join(quote.split("\n")), marker=f"[{marker}]")


def gloss(figure: Figure, language: Language) -> str:
    """Return an English reading of a figure in brackets; nothing in Chinese."""
    if language == "zh":
        return ""
    table = _phrases()["en"]
    value = number_text(figure.value) + (f"–{number_text(figure.high)}" if figure.high is not None else "")
    unit = table["units"].get(figure.unit, "")
    if unit == "%":
        return ""
    if not unit:
        return f" ({table['qualifiers'].get(figure.qualifier, '')}{value}{unit})"
    return f" ({table['qualifiers'].get(figure.qualifier, '')}{value} {unit})"


def number_text(value: float) -> str:
    """Return a number without a needless decimal point."""
    return (
        f"{value:g}"
        if abs(value) < 1e6 and value != int(value)
        else f"{value:.0f}"
        if value == int(value)
        else f"{value:.2f}"
    )
