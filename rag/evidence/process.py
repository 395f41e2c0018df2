"""Scoring in the child process that embeds statements: ``python -m rag.evidence.process`` does both.

One after the other: a question waits for the embedding under way. Who takes in files while people ask has an embedding
process of its own for that (``rag.embedding.process``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.child_process import ChildDied, Tell, serve
from rag.embedding.embedder import Progress
from rag.embedding.process import ModelChild, ProcessEmbedder, embedding_handler
from rag.errors import ScoringError
from rag.evidence.reader import Reader
from rag.evidence.retriever import load_retriever
from rag.evidence.scorer import Passage, Score
from rag.evidence.verdicts import Thresholds
from rag.settings import Settings

_Request = list[str] | tuple[str, list[Passage]]
"""Texts to embed, or a question and the passages to score."""


class ProcessReader:
    """Scores in a child process, which also embeds: a crash or want of memory there is an error here, no more.

    Args:
        settings: Say which weights and which embedding model.
        ranked_lower: Have the operating system rank the child lower than this process.
    """

    def __init__(self, settings: Settings, *, ranked_lower: bool = False) -> None:
        self._settings = settings
        self._here = Reader(settings)  # names the weights; it never loads them
        self._child = ModelChild(settings, ranked_lower=ranked_lower, module="rag.evidence.process")
        self.embedder = ProcessEmbedder(settings, child=self._child, here=load_retriever(settings))
        """Embeds statements in the same child, as the retriever does."""

    @property
    def name(self) -> str:
        """Identity stored with a score."""
        return self._here.name

    @property
    def thresholds(self) -> Thresholds:
        """Probabilities from which a verdict is given."""
        return self._here.thresholds

    @property
    def child_pid(self) -> int | None:
        """Process id of the child; None while there is none."""
        return self._child.pid

    def score(self, question: str, passages: Sequence[Passage], on_progress: Progress | None = None) -> list[Score]:
        """Return a score for each passage, in order. A child that died is replaced once.

        Raises:
            ScoringError: the weights cannot be loaded or run, or the process died twice.
        """
        if not passages:
            return []
        try:
            scores: list[Score] = self._child.ask((question, list(passages)), on_progress)
        except (ChildDied, OSError, MemoryError) as error:
            raise ScoringError(
                f"The process that reads statements failed ({error}). Ask again; if memory ran out, set "
                f"RAG_EMBEDDING_BATCH below {self._settings.embedding_batch}, or RAG_READER to 'none'."
            ) from error
        return scores

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._child.close()


def _handler(setup: tuple[Settings, bool]) -> Callable[[_Request, Tell], NDArray[np.float32] | list[Score]]:
    embed = embedding_handler(setup, load_retriever)
    reader = Reader(setup[0])

    def answer(request: _Request, tell: Tell) -> NDArray[np.float32] | list[Score]:
        return reader.score(*request, tell) if isinstance(request, tuple) else embed(request, tell)

    return answer


if __name__ == "__main__":
    serve(_handler)
