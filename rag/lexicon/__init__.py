"""Domain words that the program matches on, kept as data in this folder's YAML files."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from rag.resources import read_yaml


def load(name: str) -> Any:  # noqa: ANN401 - the shape differs by file; the caller knows its own
    """Return the content of ``rag/lexicon/{name}.yaml``; read once, so callers must not change it."""
    return read_yaml("rag.lexicon", f"{name}.yaml")


@cache
def cue(name: str, key: str) -> re.Pattern[str]:
    """Return the regular expression that stands under ``key`` in ``rag/lexicon/{name}.yaml``, compiled."""
    return re.compile(load(name)[key])
