"""What the reader is told about the chat model's part, in the question's language."""

from __future__ import annotations

from typing import Any

from rag.generation.failure import ModelFailure
from rag.resources import read_yaml
from rag.types import Language

SHOWN = 60
"""Characters of a statement that a note repeats."""


def _notes() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read_yaml("rag.generation", "wording.yaml")
    return found


def told(language: Language, key: str, /, **values: object) -> str:
    """Return a note in a language, filled in."""
    return str(_notes()[language][key]).format(**values)


def reason(language: Language, table: str, key: str, detail: str = "") -> str:
    """Return a reason in a language from one of the tables of reasons."""
    return str(_notes()[language][table][key]).format(detail=detail)


def failure_reason(language: Language, failure: ModelFailure) -> str:
    """Say why the model gave nothing usable."""
    return reason(language, "failures", failure.kind)


def short(statement: str) -> str:
    """Return a statement as a note repeats it."""
    statement = " ".join(statement.split())
    return statement if len(statement) <= SHOWN else statement[: SHOWN - 1] + "…"
