"""One door to both indexes."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from rag.catalog import Catalog
from rag.errors import RagError, StoreError, StoreFull, StoreLocked, StoreReadOnly
from rag.index import exact, lexical
from rag.index.lexical import LexicalIndex
from rag.index.vector import VectorIndex
from rag.types import Hit, SectionKind

EXACT_UP_TO = 20_000
"""Chunks up to which a process that only asks searches exactly (2–3 ms, every neighbour right), without Chroma."""

_REBUILD_SHARE = 0.1
"""A reader spends at most this share of its time on following an ingest with the lexical index in memory."""

_DOUBLED = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of the store found.

    Attributes:
        problems: Ways in which the catalog is damaged or an index differs from it.
        notes: What could not be checked, and why.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


class Index:
    """Dense and lexical search over a catalog; safe to share between threads."""

    def __init__(self, catalog: Catalog, *, owner: bool = False) -> None:
        self._catalog = catalog
        self._vector = VectorIndex(catalog)
        self._wants_vector = owner
        self._owns_vector = owner and self._vector.acquire()
        self._lexical: LexicalIndex | None = None
        self._built_at, self._build_seconds = float("-inf"), 0.0
        self._lexical_lock = threading.Lock()

    @classmethod
    def open(cls, catalog: Catalog, *, owner: bool = False) -> Index:
        """Open the indexes of a catalog.

        Args:
            catalog: The catalog they derive from.
            owner: Take Chroma's folder if it is free (the web application, ingest, rebuild, verify). A process that
                does not own it searches the catalog's vectors exactly.
        """
        return cls(catalog, owner=owner)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was mended."""
        return self._vector.notes

    def close(self) -> None:
        """Close both indexes cleanly."""
        self._vector.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Searching

    def dense(
        self,
        vector: NDArray[np.float32],
        k: int,
        *,
        report_ids: Collection[str] | None = None,
        section_kinds: Collection[SectionKind] = (),
    ) -> list[Hit]:
        """Return the ``k`` chunks nearest to a unit vector by cosine, best first.

        The open search goes to Chroma where this process owns it and it is up to date; a search within some reports,
        and everything else, is exact: over a few rows that is a thousand times faster than a filter in Chroma.
        """
        if report_ids is None and self._may_ask_chroma():
            hits = self._vector.search(vector, k, [kind.value for kind in section_kinds])
            if hits is not None:
                return hits
        return exact.search(self._catalog.vectors(report_ids, section_kinds), vector, k)

    def _may_ask_chroma(self) -> bool:
        if not self._owns_vector and self._catalog.chunk_count() > EXACT_UP_TO:
            self._owns_vector = self._vector.acquire()
        return self._owns_vector

    def lexical(
        self,
        text: str | list[str],
        k: int,
        *,
        report_ids: Collection[str] | None = None,
        section_kinds: Collection[SectionKind] = (),
    ) -> list[Hit] | None:
        """Return the ``k`` best chunks by BM25; None when no content word of the question stands in the corpus.

        A list is taken as tokens already cut.
        """
        index = self._current_lexical()
        if index.changed != self._catalog.change_counter():
            live = self._catalog.metas().keys()
            report_ids = live if report_ids is None else live & set(report_ids)
        return index.search(text, k, report_ids, section_kinds)

    def _current_lexical(self) -> LexicalIndex:
        """Return the index in step with the catalog, or the last one while following would cost too much."""
        with self._lexical_lock:
            now = self._catalog.change_counter()
            if self._lexical is None or self._lexical.changed != now:
                self._lexical = self._fresher(self._lexical or lexical.load(self._catalog), now)
            return self._lexical

    def _fresher(self, known: LexicalIndex | None, now: int) -> LexicalIndex:
        if known is not None and known.changed != now:
            known = lexical.load(self._catalog) or known
        if known is not None and (known.changed == now or not self._worth_building()):
            return known
        started = time.monotonic()
        built = lexical.build(self._catalog)
        self._built_at = time.monotonic()
        self._build_seconds = self._built_at - started
        return built

    def _worth_building(self) -> bool:
        waited = time.monotonic() - self._built_at
        return waited * _REBUILD_SHARE >= self._build_seconds and self._catalog.chunk_count() <= EXACT_UP_TO

    # Keeping in step

    def sync(self) -> None:
        """Bring both indexes up to the catalog; cheap when they are. The vector index only if this process owns it.

        An owner that came too late for the vector index tries again here.

        Raises:
            StoreError: the disk is full or the folder read-only.
        """
        self._owns_vector = self._owns_vector or (self._wants_vector and self._vector.acquire())
        with self._writing():
            if self._owns_vector:
                self._vector.sync()
            if not lexical.is_current(self._catalog):
                self._save_lexical()

    def try_sync(self) -> tuple[str, ...]:
        """Do as ``sync`` does, as far as the indexes can be written; what could not be is told, and mended later.

        For whoever has changed the catalog already: answers are right without the indexes on disk.
        """
        try:
            self.sync()
        except StoreError as error:
            _log.warning("%s", error)
            return (str(error),)
        return ()

    def follow(self) -> None:
        """Bring the vector index up to the catalog in the middle of a long run, the lexical one now and then.

        The lexical index can only be built whole, so it follows when the catalog has doubled since: however long the
        run, its builds cost about twice the last one. A process that asks meanwhile finds what is new by its vectors.

        Raises:
            StoreError: the disk is full or the folder read-only.
        """
        if self._catalog.chunk_count() >= _DOUBLED * lexical.saved_rows(self._catalog):
            self.sync()
        elif self._owns_vector:
            with self._writing():
                self._vector.sync()

    def _save_lexical(self) -> None:
        with self._lexical_lock:
            lexical.save(lexical.build(self._catalog), self._catalog)
            self._lexical = lexical.load(self._catalog)

    def lagging(self) -> tuple[str, ...]:
        """Name the indexes on disk that are behind the catalog: ``lexical``, ``vector`` (where this process owns it).

        Answers are right all the same: what is behind is followed in memory, or searched exactly.
        """
        behind = {
            "lexical": not lexical.is_current(self._catalog),
            "vector": self._owns_vector and not self._vector.is_current(),
        }
        return tuple(name for name, is_behind in behind.items() if is_behind)

    def rebuild(self) -> None:
        """Build both indexes anew from the catalog, without embedding.

        Raises:
            StoreLocked: another process owns the vector index.
            StoreError: the disk is full or the folder read-only.
        """
        self._owns_vector = self._owns_vector or self._vector.acquire()
        if not self._owns_vector:
            if not os.access(self._catalog.store, os.W_OK):
                raise self._unwritable(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
            raise StoreLocked(
                f"The vector index of {str(self._catalog.store)!r} is in use by {self._vector.holder()}. Stop that "
                "program, then run `python -m rag rebuild` again."
            )
        with self._writing():
            self._vector.rebuild()
            self._save_lexical()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what goes wrong in writing into our error, whichever library says it."""
        try:
            yield
        except RagError:
            raise
        except Exception as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> StoreError:
        number = error.errno if isinstance(error, OSError) else None
        kind, advice = StoreError, "Free some space or change the folder's permissions"
        if number == errno.ENOSPC or "disk is full" in str(error):
            kind, advice = StoreFull, "Free some space"
        elif number in (errno.EROFS, errno.EACCES, errno.EPERM):
            kind, advice = StoreReadOnly, "Change the folder's permissions"
        return kind(
            f"The indexes in {str(self._catalog.store)!r} cannot be written: {os.strerror(number) if number else error}"
            f". No report is lost. {advice}, then run `python -m rag rebuild`."
        )

    def verify(self) -> Verification:
        """Compare both indexes with the catalog, changing nothing."""
        found = [*self._catalog.check(), *lexical.problems(self._catalog)]
        self._owns_vector = self._owns_vector or self._vector.acquire()
        if not self._owns_vector:
            return Verification(tuple(found), (f"{self._unowned()}, and was not checked.",))
        return Verification(tuple(found + self._vector.problems()))

    def _unowned(self) -> str:
        if not os.access(self._catalog.store, os.W_OK):
            return "The vector index can only be opened where it may be written; the store is read-only"
        return f"The vector index is in use by {self._vector.holder()}"
