"""Words of the interface, in Chinese and English."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from rag.languages import language_of
from rag.types import Language

__all__ = ["language_of", "load_texts", "say"]


@cache
def load_texts() -> Any:  # noqa: ANN401 - plain entries and the example templates differ in shape
    """Return the content of ``texts.yaml``; callers must not change it."""
    return yaml.safe_load((files("rag.ui") / "texts.yaml").read_text(encoding="utf-8"))


def say(key: str, language: Language, **values: object) -> str:
    """Return the interface text ``key`` with its ``{name}`` places filled in; plain text, not HTML."""
    template: str = load_texts()[key][language]
    return template.format(**values) if values else template
