"""Conversations as the store hands them out."""

from __future__ import annotations

from dataclasses import dataclass

from rag.types import Answer, Filters, Route


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A question with what became of it.

    Attributes:
        id: Tells this turn from any other; asking again makes another.
        conversation: The conversation's id.
        question: As typed.
        filters: What it was restricted to.
        route: The way of answering that was asked for, None where the wording decided.
        asked: When, in UTC (ISO 8601).
        answer: The answer, citations resolved; None while there is none: stopped, failed, or broken off.
        partial: What had been written when it was stopped.
    """

    id: str
    conversation: str
    question: str
    filters: Filters
    route: Route | None
    asked: str
    answer: Answer | None = None
    partial: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation as a list shows it; times are UTC (ISO 8601)."""

    id: str
    title: str
    created: str
    changed: str
    turns: int


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """A conversation with its turns, oldest first."""

    id: str
    title: str
    created: str
    changed: str
    turns: tuple[StoredTurn, ...]
