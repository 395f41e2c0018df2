"""A scorer that says what it is told: for tests, and to see what the rest makes of a perfect judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag.embedding.embedder import Progress
from rag.evidence.scorer import LABELS, Passage, Score

CERTAIN = 0.96
"""Probability of the label it is told; the others share the rest."""

Judge = Callable[[str, Passage], str | tuple[str, str]]
"""Returns a label for a question and a passage, or a label and the words of the passage that answer."""


class ScriptedScorer:
    """Gives each statement the label that a function says.

    Args:
        judge: Says it.
        name: Identity of the scores.
    """

    def __init__(self, judge: Judge, name: str = "scripted") -> None:
        self._judge = judge
        self.name = name

    def score(self, question: str, passages: Sequence[Passage], on_progress: Progress | None = None) -> list[Score]:
        """Return a score for each passage, in order.

        Raises:
            ValueError: the function says no label, or words that are not in the passage.
        """
        scores = []
        for passage in passages:
            said = self._judge(question, passage)
            label, words = (said, passage.text) if isinstance(said, str) else said
            start = passage.text.index(words)
            scores.append(certain(label, (start, start + len(words))))
            if on_progress:
                on_progress(1)
        return scores


def certain(label: str, span: tuple[int, int]) -> Score:
    """Return a score that is all but sure of a label.

    Raises:
        ValueError: there is no such label.
    """
    if label not in LABELS:
        raise ValueError(f"{label!r} is no label; take one of {', '.join(LABELS)}")
    rest = (1 - CERTAIN) / (len(LABELS) - 1)
    return Score.of([CERTAIN if name == label else rest for name in LABELS], span)
