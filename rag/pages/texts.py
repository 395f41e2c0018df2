"""Words of the pages, in Chinese and English."""

from __future__ import annotations

from rag.resources import read_yaml
from rag.types import Language


def say(key: str, language: Language, **values: object) -> str:
    """Return the text ``key`` with its ``{name}`` places filled in; plain text, not HTML."""
    return str(read_yaml("rag.pages", "texts.yaml")[key][language]).format(**values)
