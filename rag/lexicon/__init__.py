"""Domain words that the program matches on, kept as data in this folder's YAML files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def load(name: str) -> Any:  # noqa: ANN401 - the shape differs by file; the caller knows its own
    """Return the content of ``rag/lexicon/{name}.yaml``; read once, so callers must not change it."""
    return yaml.safe_load((files("rag.lexicon") / f"{name}.yaml").read_text(encoding="utf-8"))
