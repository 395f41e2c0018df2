"""Embedding beside the rest of a run: while one group of texts is embedded, files are read and reports committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Embedder
from rag.ingestion.waiting import Stopped, result_of


class EmbeddingBeside:
    """Has an embedder embed one group at a time in a thread of its own. Leaving it gives up what is under way.

    Attributes:
        embedded: Texts embedded so far.
        seconds: Time that took.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.embedded = 0
        self.seconds = 0.0
        self._embedder = embedder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedding")
        self._under_way: Future[NDArray[np.float32]] | None = None
        self._finished = self._told = 0
        self._given_up = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up what is under way, and wait for its end."""
        self._given_up = True
        self._thread.shutdown(cancel_futures=True)

    @property
    def busy(self) -> bool:
        """Whether texts are being embedded."""
        return self._under_way is not None and not self._under_way.done()

    def start(self, texts: Sequence[str]) -> None:
        """Begin to embed texts; those before them must have been fetched."""
        self._under_way = self._thread.submit(self._embed, texts)

    def result(self, while_waiting: Callable[[], None]) -> NDArray[np.float32]:
        """Return one row a text, shape (texts, dimension), of the texts begun last.

        Args:
            while_waiting: Called now and then; may raise to give up.

        Raises:
            EmbeddingError: they cannot be embedded.
        """
        assert self._under_way is not None, "texts are fetched once they were begun"
        matrix = result_of(self._under_way, while_waiting)
        self._under_way = None
        return matrix

    def finished(self) -> int:
        """Return how many texts were finished since this was last asked."""
        told, self._told = self._told, self._finished
        return self._told - told

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, 0), np.float32)
        started = time.perf_counter()
        matrix = self._embedder.embed_passages(texts, self._note)
        self.seconds += time.perf_counter() - started
        self.embedded += len(texts)
        return matrix

    def _note(self, count: int) -> None:
        if self._given_up:
            raise Stopped
        self._finished += count
