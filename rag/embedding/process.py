"""Embedding in a child process, for a process that has other work meanwhile: ``python -m rag.embedding.process``.

Tokenising and the many small steps of a forward pass hold the interpreter; in a child it is another one's. The products
take every core besides: beside a process that serves people the operating system ranks the child lower, and questions
are answered in between.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.child_process import ChildDied, ChildProcess, Tell, serve
from rag.embedding import load_embedder
from rag.embedding.embedder import Embedder, Progress
from rag.embedding.openai_embedder import OPENAI_PREFIX
from rag.errors import EmbeddingError, RagError
from rag.settings import Settings

IDLE_SECONDS = 120.0
"""After so long without work the child goes, and with it its copy of the model."""
_NICE = 10

_Setup = tuple[Settings, bool]
"""The settings, and whether the child is ranked lower."""


def embedder_apart(settings: Settings, *, ranked_lower: bool = False) -> Embedder:
    """Return the embedder for a process that has other work meanwhile.

    Args:
        settings: Say which model.
        ranked_lower: The other work goes first, since people wait for it.

    Raises:
        EmbeddingError: there is no such model.
    """
    is_elsewhere = settings.embedding_model.strip().startswith(OPENAI_PREFIX)  # in the server's process anyway
    return load_embedder(settings) if is_elsewhere else ProcessEmbedder(settings, ranked_lower=ranked_lower)


class ModelChild:
    """A child process that holds models while there is work; safe to use from several threads, one at a time.

    Args:
        settings: Say which models.
        ranked_lower: Have the operating system rank the child lower than this process.
        module: What the child runs.
    """

    def __init__(
        self, settings: Settings, *, ranked_lower: bool = False, module: str = "rag.embedding.process"
    ) -> None:
        self._setup: _Setup = settings, ranked_lower
        self._module = module
        self._lock = threading.Lock()
        self._child: ChildProcess | None = None
        self._timer: threading.Timer | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Process id of the child; None while there is none."""
        child = self._child
        return child.pid if child else None

    def prepare(self) -> None:
        """Have the child load its model, so that the first request need not wait for that; returns at once."""
        with self._lock:
            self._start()
            self._end_when_idle()

    def ask(self, request: object, on_progress: Progress | None) -> Any:  # noqa: ANN401
        """Return the child's answer. A child that died is replaced once.

        Raises:
            ChildDied: it died twice, or was closed.
            OSError: no process can be started.
            RagError: the child's handler raised it.
            MemoryError: the child ran out of memory.
        """
        told = _Told(on_progress or (lambda count: None))
        with self._lock:
            try:
                return self._ask(request, told)
            except ChildDied:
                self._end()
                if self._closed:
                    raise
            try:
                return self._ask(request, told)
            except ChildDied:
                self._end()
                raise

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._closed = True
        if child := self._child:
            child.close()
        with self._lock:
            self._end()

    def _ask(self, request: object, told: _Told) -> Any:  # noqa: ANN401
        child = self._start()
        told.again()
        try:
            return child.ask(request, on_part=told)
        finally:
            self._end_when_idle()

    def _start(self) -> ChildProcess:
        if self._timer:
            self._timer.cancel()
        if self._child is None or not self._child.is_alive:
            self._end()
            self._child = ChildProcess(self._module, self._setup)
        return self._child

    def _end_when_idle(self) -> None:
        self._timer = threading.Timer(IDLE_SECONDS, self._end_idle)
        self._timer.daemon = True
        self._timer.start()

    def _end_idle(self) -> None:
        if self._lock.acquire(blocking=False):  # else it is at work again
            try:
                self._end()
            finally:
                self._lock.release()

    def _end(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._child:
            self._child.close()
        self._child = None


class ProcessEmbedder:
    """Embeds passages in a child process that holds the model while there is work, questions in this one.

    Args:
        settings: Say which model.
        ranked_lower: Have the operating system rank the child lower than this process.
        child: The child, if it is another's too.
        here: The embedder that the child has, for questions and its name; None: the one that the settings name.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ranked_lower: bool = False,
        child: ModelChild | None = None,
        here: Embedder | None = None,
    ) -> None:
        self._settings = settings
        self._here = here or load_embedder(settings)
        self._child = child or ModelChild(settings, ranked_lower=ranked_lower)

    @property
    def name(self) -> str:
        """Identity stored with an index."""
        return self._here.name

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self._here.dimension

    @property
    def child_pid(self) -> int | None:
        """Process id of the child; None while there is none."""
        return self._child.pid

    def prepare(self) -> None:
        """Have the child load the model, so that the first passages need not wait for that; returns at once."""
        self._child.prepare()

    def embed_passages(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """Return one unit row a text, shape (texts, dimension). A child that died is replaced once.

        Raises:
            EmbeddingError: the model cannot be loaded or run, or its process died twice.
        """
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        try:
            vectors: NDArray[np.float32] = self._child.ask(list(texts), on_progress)
        except (ChildDied, OSError, MemoryError) as error:
            raise EmbeddingError(
                f"The process that embeds failed ({error}). Nothing that was in is lost; do it again. If memory ran "
                f"out, set RAG_EMBEDDING_BATCH below {self._settings.embedding_batch}."
            ) from error
        return vectors

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a question, shape (dimension,), embedded in this process.

        Raises:
            EmbeddingError: the model cannot be loaded or run.
        """
        return self._here.embed_query(text)

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._child.close()


class _Told:
    """Passes progress on, each passage once even if a second child begins anew."""

    def __init__(self, report: Progress) -> None:
        self._report = report
        self._most = self._now = 0

    def again(self) -> None:
        """Begin to count anew."""
        self._now = 0

    def __call__(self, count: int) -> None:
        """Count passages, and tell of those not told of before."""
        self._now += count
        if self._now > self._most:
            more, self._most = self._now - self._most, self._now
            self._report(more)


def embedding_handler(
    setup: _Setup, load: Callable[[Settings], Embedder] = load_embedder
) -> Callable[[list[str], Tell], NDArray[np.float32]]:
    """Return what embeds a list of texts in a child, its model loaded."""
    settings, ranked_lower = setup
    if ranked_lower and hasattr(os, "nice"):
        os.nice(_NICE)
    embedder = load(settings)
    with suppress(RagError):  # it is told when passages are to be embedded
        embedder.embed_passages(["。"])  # loads the model
    return lambda texts, tell: embedder.embed_passages(texts, tell)


if __name__ == "__main__":
    serve(embedding_handler)
