"""Our side of the process that runs Chroma: one that answers in time, or is ended and said to be lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.catalog import VectorRows, VectorTable
from rag.child_process import ChildDied, ChildProcess
from rag.errors import StoreError
from rag.index import exact
from rag.index.chroma import Rows
from rag.index.failure import Busy, CollectionFailed
from rag.types import Hit

BATCH = 500
"""Rows written at a time; a question waits for one batch at most."""

_OPEN_S = 120.0
_WRITE_S = 120.0
_READ_S = 60.0
_ASK_S = 10.0
"""Seconds that opening, a batch, reading a batch and a question may take before the process counts as hung."""

_CLOSE_S = 60.0

PAUSE_S = 0.001
"""Rest between two batches, in which a waiting question gets its turn."""

_NO_IDS = np.zeros(0, np.str_)
_NO_ROWS = VectorTable(_NO_IDS, _NO_IDS, _NO_IDS, np.zeros((0, 0), np.float32))


class ChromaProcess:
    """A client of Chroma in a process of its own; safe to share between threads.

    It starts at once, and is ready some seconds later; until then requests wait.

    Args:
        place: A folder, or a server's URL.
        keep_open: Descriptors that the process keeps open, such as the folder's lock.

    Raises:
        CollectionFailed: no process can be started.
    """

    def __init__(self, place: str, keep_open: Sequence[int] = ()) -> None:
        try:
            self._child = ChildProcess("rag.index.chroma_process", place, quiet=True, keep_open=keep_open)
        except OSError as error:
            raise CollectionFailed(f"its process could not be started: {error}") from error
        self._turn = threading.Lock()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._child.pid

    def ask(self, seconds: float, method: str, *arguments: Any, patience: float = -1) -> Any:  # noqa: ANN401
        """Have a method of ``rag.index.chroma.Chroma`` called.

        Args:
            seconds: Time that it may take.
            method: Its name.
            arguments: Its arguments.
            patience: Seconds to wait for what is under way; negative: until it is done.

        Raises:
            Busy: something else was under way for longer.
            CollectionFailed: the method failed, or the process was lost.
        """
        if not self._turn.acquire(timeout=patience):
            raise Busy
        try:
            self._child.start(_OPEN_S)
            return self._child.ask((method, arguments), seconds=seconds)
        except ChildDied as error:
            raise CollectionFailed(f"its process is gone ({error})") from error
        except StoreError as error:
            raise CollectionFailed(str(error)) from error
        finally:
            self._turn.release()

    def give_up_starting(self) -> None:
        """End the process if it has not got as far as Chroma; who waits for it is told that it is lost."""
        if not self._child.is_ready:
            self._child.close()

    def close(self) -> bool:
        """Let Chroma be closed cleanly; say whether the process is gone."""
        with self._turn:
            return self._child.close(_CLOSE_S)

    def kill(self) -> bool:
        """End the process without ado, whatever it is at; say whether it is gone."""
        return self._child.close()


class Collection:
    """One collection of Chroma.

    Args:
        process: The process that has it open.
        name: Its name.
    """

    def __init__(self, process: ChromaProcess, name: str) -> None:
        self.process = process
        self.name = name
        self._strays = _NO_ROWS

    @property
    def strays(self) -> tuple[str, ...]:
        """Ids of the rows that Chroma holds and does not find; a question looks at each of them besides."""
        return tuple(self._strays.ids.tolist())

    def make(self) -> None:
        """Make it."""
        self.process.ask(_WRITE_S, "make", self.name)

    def count(self) -> int:
        """Return the number of rows."""
        return int(self.process.ask(_READ_S, "count", self.name))

    def upsert(self, ids: Sequence[str], matrix: NDArray[np.float32], fields: Sequence[dict[str, Any]]) -> None:
        """Write rows in small batches, replacing those with the same ids."""
        for start in range(0, len(ids), BATCH):
            rows = slice(start, start + BATCH)
            batch = (self.name, list(ids[rows]), np.ascontiguousarray(matrix[rows]), list(fields[rows]))
            self.process.ask(_WRITE_S, "upsert", *batch)
            self._forget_strays(ids[rows])
            time.sleep(PAUSE_S)

    def delete(self, ids: Sequence[str]) -> None:
        """Delete rows; unknown ids are passed over."""
        for start in range(0, len(ids), BATCH):
            self.process.ask(_WRITE_S, "delete", self.name, list(ids[start : start + BATCH]))
        self._forget_strays(ids)

    def _forget_strays(self, ids: Sequence[str]) -> None:
        if len(self._strays.ids) and len(ids):
            left = np.flatnonzero(~np.isin(self._strays.ids, np.array(ids)))
            self._strays = VectorRows(self._strays, left).taken()

    def open(self) -> None:
        """Wait until it is open and has answered a question; the first one reads the whole index."""
        _, matrix, _ = self.process.ask(_OPEN_S, "rows", self.name, 0, 1)
        if len(matrix):
            self.process.ask(_OPEN_S, "query", self.name, matrix, 1, [])

    def know_strays(self, ids: Sequence[str]) -> None:
        """Have each question look at the rows with some ids too, since Chroma does not find them."""
        found = list(self.rows_of(ids))
        if not found:
            self._strays = _NO_ROWS
            return
        fields = [row for _, _, batch in found for row in batch]
        self._strays = VectorTable(
            np.array([chunk_id for batch, _, _ in found for chunk_id in batch], np.str_),
            np.array([str(row.get("report_id")) for row in fields]),
            np.array([str(row.get("section_kind")) for row in fields]),
            np.concatenate([matrix for _, matrix, _ in found]),
        )

    def query(
        self, vector: NDArray[np.float32], k: int, section_kinds: Sequence[str] = (), *, patience: float = -1
    ) -> list[Hit]:
        """Return the nearest rows by cosine, best first.

        Raises:
            Busy: a write was under way for longer than ``patience`` seconds.
            CollectionFailed: it cannot be asked any more.
        """
        (hits,) = self._nearest(vector[None, :], k, section_kinds, _ASK_S, patience)
        return hits

    def nearest(self, matrix: NDArray[np.float32], k: int) -> list[list[Hit]]:
        """Return the nearest rows to each of several vectors."""
        return self._nearest(matrix, k, (), _READ_S)

    def _nearest(
        self, matrix: NDArray[np.float32], k: int, section_kinds: Sequence[str], seconds: float, patience: float = -1
    ) -> list[list[Hit]]:
        found = self.process.ask(seconds, "query", self.name, matrix, k, list(section_kinds), patience=patience)
        hits = [[Hit(chunk_id, score) for chunk_id, score in some] for some in found]
        strays = VectorRows(self._strays).of_kinds(section_kinds)
        return [
            _best(some, exact.search(strays, vector, k), k) if len(strays.table.ids) else some
            for some, vector in zip(hits, matrix, strict=True)
        ]

    def rows(self) -> Iterator[Rows]:
        """Yield (ids, vectors, filter fields) of everything, batch by batch."""
        for start in range(0, self.count(), BATCH):
            yield self.process.ask(_READ_S, "rows", self.name, start, BATCH)

    def rows_of(self, ids: Sequence[str]) -> Iterator[Rows]:
        """Yield (ids, vectors, filter fields) of the rows with some ids; unknown ids are passed over."""
        for start in range(0, len(ids), BATCH):
            yield self.process.ask(_READ_S, "rows_of", self.name, list(ids[start : start + BATCH]))


def _best(hits: list[Hit], others: list[Hit], k: int) -> list[Hit]:
    """Return the best of two lists that may share some chunks."""
    known = {hit.chunk_id for hit in hits}
    return sorted([*hits, *(hit for hit in others if hit.chunk_id not in known)], key=lambda hit: -hit.score)[:k]
