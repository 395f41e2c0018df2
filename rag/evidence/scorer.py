"""What judges statements: for each, how probable it is that it answers the question, and by which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from rag.embedding.embedder import Progress

LABELS = ("irrelevant", "near", "yes", "no", "planned")
"""What a statement may be to a question, in the order of the outputs; training/LABELS.md says what each means."""

HEADING_CHARACTERS = 20
"""Chosen: a longer heading seldom says more about what stands under it."""
HEADINGS_JOINED = " > "


@dataclass(frozen=True, slots=True)
class Passage:
    """A statement as a scorer reads it.

    Attributes:
        text: The statement.
        context: What it is read in: office, year, heading, head of the table.
    """

    text: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer makes of one statement.

    Attributes:
        irrelevant: Probability that it has nothing to do with the question.
        near: Probability that it is about the matter and does not answer.
        yes: Probability that it answers, or says that it is so as asked.
        no: Probability that it says that it is not so.
        planned: Probability that it is only planned, required or hoped for.
        span: Offsets in the statement of the shortest words that answer; the whole statement where none are told.
    """

    irrelevant: float
    near: float
    yes: float
    no: float
    planned: float
    span: tuple[int, int]

    @classmethod
    def of(cls, probabilities: Sequence[float], span: tuple[int, int]) -> Self:
        """Return the score of probabilities in the order of ``LABELS``."""
        irrelevant, near, yes, no, planned = probabilities
        return cls(irrelevant, near, yes, no, planned, span)

    @property
    def relevance(self) -> float:
        """Probability that it says something to the question, whichever way."""
        return self.yes + self.no + self.planned


class Scorer(Protocol):
    """Judges statements; the same pair always gets the same score. Safe to use from several threads."""

    @property
    def name(self) -> str:
        """Identity stored with a score: scores under one name may be taken for one another."""

    def score(self, question: str, passages: Sequence[Passage], on_progress: Progress | None = None) -> list[Score]:
        """Return a score for each passage, in order.

        Raises:
            ScoringError: the scorer cannot be loaded or run.
        """


def context_of(office: str | None, year: int | None, path: Sequence[str], header: str = "") -> str:
    """Return the context that a statement is read in: office and year, headings, head of the table.

    A heading is cut after ``HEADING_CHARACTERS``, so that the statement itself is most of what is read.
    """
    named = " ".join(filter(None, (office, str(year) if year else None)))
    headings = HEADINGS_JOINED.join(heading[:HEADING_CHARACTERS] for heading in path)
    return " | ".join(filter(None, (named, headings, header)))
