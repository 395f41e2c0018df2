"""Words of the pages, in Chinese and English."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml

from rag.types import Language


@cache
def load_texts() -> dict[str, dict[Language, str]]:
    """Return the content of ``texts.yaml``; callers must not change it."""
    return dict(yaml.safe_load((files("rag.pages") / "texts.yaml").read_text(encoding="utf-8")))


def say(key: str, language: Language, **values: object) -> str:
    """Return the text ``key`` with its ``{name}`` places filled in; plain text, not HTML."""
    return load_texts()[key][language].format(**values)
