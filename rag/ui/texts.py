"""Words of the interface, in Chinese and English."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from rag.types import Language


@cache
def load_texts() -> Any:  # noqa: ANN401 - plain entries and the example templates differ in shape
    """Return the content of ``texts.yaml``; callers must not change it."""
    return yaml.safe_load((files("rag.ui") / "texts.yaml").read_text(encoding="utf-8"))


def say(key: str, language: Language, **values: object) -> str:
    """Return the interface text ``key`` with its ``{name}`` places filled in; plain text, not HTML."""
    template: str = load_texts()[key][language]
    return template.format(**values) if values else template


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
