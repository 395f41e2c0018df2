"""The labelled questions that teach what is asked, in ``data/queries`` and ``data/conversations``: a writer a file.

The format and what each field means: ``training/LABELS.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.data import DATA, DataError

Kind = Literal[
    "passage",
    "list",
    "summary",
    "survey",
    "count",
    "total",
    "rank",
    "compare",
    "themes",
    "inventory",
    "cite",
    "talk",
    "outside",
]
Language = Literal["zh", "en"]
Record = TypeVar("Record", bound=BaseModel)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Comparator(_Record):
    """A threshold, or a comparison with the year before.

    Attributes:
        op: What the figure must be to the value.
        value: The value, or both ends of a range; None beside the year before.
        unit: Its unit, as asked.
    """

    op: Literal[">", ">=", "<", "<=", "=", "between", "more_than_last_year", "less_than_last_year"]
    value: float | tuple[float, float] | None = None
    unit: str = ""


class Asked(_Record):
    """One thing asked.

    Attributes:
        kind: What sort of answer it wants.
        query: The thing asked by itself; for a survey or count what a report would say that meets it.
        time: Whether it is about what is done, what is planned, or either.
        offices: Offices named, as typed.
        regions: Regions named, as typed.
        years: Years named.
        relative_year: Years from a year that the question does not give (-1: last year).
        comparator: The threshold, if there is one.
        month: Month asked about.
        quarter: Quarter asked about.
        by: Whose deed, if not the reporting office's.
    """

    kind: Kind
    query: str = ""
    time: Literal["done", "planned", "any"] = "any"
    offices: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    years: tuple[int, ...] = ()
    relative_year: int | None = None
    comparator: Comparator | None = None
    month: int | tuple[int, ...] | None = None
    quarter: int | tuple[int, ...] | None = None
    by: str = ""


class LabelledQuery(_Record):
    """A question and what it asks.

    Attributes:
        q: The question as typed.
        lang: Its language.
        asks: Each thing asked, in order.
        group: Number that the wordings of one question share, within a writer's file.
    """

    q: str = Field(min_length=1)
    lang: Language
    asks: tuple[Asked, ...] = Field(min_length=1)
    group: int | str | None = None


class LabelledTurn(_Record):
    """A turn of a conversation.

    Attributes:
        q: The turn as typed.
        lang: Its language.
        carries: What it takes over from the turns before.
        alone: The turn as it would be asked by itself.
    """

    q: str = Field(min_length=1)
    lang: Language
    carries: Literal["none", "scope", "matter", "both"]
    alone: str = Field(min_length=1)


class Conversation(_Record):
    """Two to four turns."""

    turns: tuple[LabelledTurn, ...] = Field(min_length=2, max_length=4)


def load_queries(folder: Path = DATA) -> list[LabelledQuery]:
    """Return all labelled questions.

    Raises:
        DataError: a line is not as the format asks; the message names file and line.
    """
    return list(_load(folder / "queries", LabelledQuery))


def load_conversations(folder: Path = DATA) -> list[Conversation]:
    """Return all labelled conversations.

    Raises:
        DataError: a line is not as the format asks; the message names file and line.
    """
    return list(_load(folder / "conversations", Conversation))


def _load(folder: Path, kind: type[Record]) -> Iterator[Record]:
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                yield kind.model_validate(json.loads(line))
            except (ValueError, ValidationError) as error:
                raise DataError(f"{path}:{number}: {error}") from error
