"""The language that a browser asks for."""

from __future__ import annotations

from rag.types import Language


def language_of(accept_language: str | None) -> Language:
    """Choose the language from an ``Accept-Language`` header (RFC 9110, 12.5.4); Chinese if it names neither."""
    weighted = [_weighted(item) for item in (accept_language or "").split(",")]
    for tag, weight in sorted(weighted, key=lambda pair: -pair[1]):
        primary = tag.split("-")[0].strip().lower()
        if weight > 0 and primary in {"zh", "en"}:
            return "zh" if primary == "zh" else "en"
    return "zh"


def _weighted(item: str) -> tuple[str, float]:
    tag, _, parameter = item.partition(";")
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return tag, 1.0
    try:
        return tag, float(value)
    except ValueError:
        return tag, 0.0
