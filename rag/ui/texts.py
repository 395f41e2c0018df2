"""Words of the interface, in Chinese and English."""

from __future__ import annotations

from typing import Any

from rag.languages import language_of
from rag.resources import read_yaml
from rag.types import Language

__all__ = ["language_of", "load_texts", "say"]


def load_texts() -> Any:  # noqa: ANN401 - plain entries and the example templates differ in shape
    """Return the content of ``texts.yaml``; callers must not change it."""
    return read_yaml("rag.ui", "texts.yaml")


def say(key: str, language: Language, **values: object) -> str:
    """Return the interface text ``key`` with its ``{name}`` places filled in; plain text, not HTML."""
    template: str = load_texts()[key][language]
    return template.format(**values) if values else template
