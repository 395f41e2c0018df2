"""Domain words that the program matches on, kept as data in this folder's YAML files."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def load(name: str) -> Any:  # noqa: ANN401 - the shape differs by file; the caller knows its own
    """Return the content of ``rag/lexicon/{name}.yaml``; read once, so callers must not change it."""
    return yaml.load((files("rag.lexicon") / f"{name}.yaml").read_text(encoding="utf-8"), _LOADER)


@cache
def cue(name: str, key: str) -> re.Pattern[str]:
    """Return the regular expression that stands under ``key`` in ``rag/lexicon/{name}.yaml``, compiled."""
    return re.compile(load(name)[key])
