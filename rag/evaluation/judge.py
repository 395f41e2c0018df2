"""Judging by a model: optional, advisory, never part of the gate.

A judge's mean stands in a line of its own in the reports; thresholds cannot name it.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

from rag.errors import GoldError
from rag.evaluation.case import Answer
from rag.evaluation.gold import GoldQuestion


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's opinion of one answer: a score from 0 to 1 and its reason."""

    score: float
    reason: str


class Judge(Protocol):
    """Anything with a name that can judge an answer."""

    @property
    def name(self) -> str:
        """Name shown in reports, such as the model's."""

    def judge(self, question: GoldQuestion, answer: Answer) -> Judgement | None:
        """Return an opinion, or None when it has none."""


def load_judge(reference: str) -> Judge:
    """Return the judge that a ``module:function`` makes.

    Raises:
        GoldError: the reference names nothing that can be called.
    """
    module, _, function = reference.partition(":")
    try:
        return cast(Judge, getattr(importlib.import_module(module), function)())
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise GoldError(
            f"Cannot make a judge from --judge {reference!r}: {error}. "
            "Give module:function, a function without arguments that returns a judge."
        ) from error
