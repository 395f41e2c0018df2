"""Feedback as the book hands it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rag.types import Answer, Filters, Turn

Rating = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a reader made of one answer.

    Attributes:
        id: Its id.
        turn: The turn that was answered.
        owner: Who gave it.
        rating: Whether the answer was of use.
        reason: Why, in the reader's words.
        right_answer: What the answer should have said, in the reader's words.
        given: When, in UTC (ISO 8601).
        answer: The answer, whole.
        filters: What its question was restricted to.
        history: The turns before it, oldest first.
        identity: What gave the answer: model, chunking, corpus hash, engine.
    """

    id: str
    turn: str
    owner: str
    rating: Rating
    reason: str
    right_answer: str
    given: str
    answer: Answer
    filters: Filters
    history: tuple[Turn, ...]
    identity: dict[str, Any]
