"""One door to both indexes."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from rag.catalog import Catalog
from rag.errors import StoreError, StoreFull, StoreLocked, StoreReadOnly
from rag.index import exact, lexical
from rag.index.failure import CollectionFailed, Stopped
from rag.index.folder import VectorFolder
from rag.index.lexical import LexicalIndex
from rag.index.server import VectorServer
from rag.index.vector import VectorIndex
from rag.types import Hit, SectionKind

EXACT_UP_TO = 20_000
"""Chunks up to which a process that only asks searches exactly (2–3 ms, every neighbour right), without Chroma."""

PATIENCE_S = 10.0
"""Seconds that a question in a larger store waits for Chroma to be open, before its vectors are read and searched."""

SERVER_LOCK = "vector.lock"

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

    def __init__(self, catalog: Catalog, vector: VectorIndex, *, owner: bool = False) -> None:
        self._catalog = catalog
        self._vector = vector
        self._wants_vector = owner
        self._lexical: LexicalIndex | None = None
        self._built_at, self._build_seconds = float("-inf"), 0.0
        self._saved_at, self._save_seconds = float("-inf"), 0.0
        self._lexical_lock = threading.Lock()
        self._interrupted = False
        self.followed = False
        """True while a ``Follower`` brings the indexes up, so that no question has to."""
        if owner:
            self.acquire()

    @classmethod
    def open(cls, catalog: Catalog, *, owner: bool = False, chroma_url: str | None = None) -> Index:
        """Open the indexes of a catalog.

        Args:
            catalog: The catalog they derive from.
            owner: Take the vector index for this process if it is free (the web application, ingest, rebuild,
                verify). A process that may not use it searches the catalog's vectors exactly.
            chroma_url: A Chroma server that holds the vectors; None: a folder in the store. Any process may search
                there; the owner writes.
        """
        if chroma_url is None:
            return cls(catalog, VectorIndex(catalog, VectorFolder(catalog.store)), owner=owner)
        server = VectorServer(chroma_url, catalog.catalog_id(), catalog.lock(SERVER_LOCK))
        return cls(catalog, VectorIndex(catalog, server), owner=owner)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was mended, and what could not be used."""
        return self._vector.notes

    @property
    def owns_vector(self) -> bool:
        """True while this process is the one that writes the vector index."""
        return self._vector.held

    def acquire(self) -> bool:
        """Become the owner of the vector index if it is free; say whether this process is."""
        return self._vector.acquire()

    def holder(self) -> str:
        """Say who owns the vector index, ``process 4711 since 2024-01-31T08:00:00+00:00``; empty if nobody does."""
        return self._vector.holder()

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

        The open search goes to Chroma where this process may ask it and it is up to date; a search within some
        reports, and everything else, is exact: over a few rows that is a thousand times faster than a filter in
        Chroma.
        """
        if report_ids is None:
            hits = self._ask_chroma(vector, k, [kind.value for kind in section_kinds])
            if hits is not None:
                return hits
        return exact.search(self._catalog.vector_rows(report_ids, section_kinds), vector, k)

    def _ask_chroma(self, vector: NDArray[np.float32], k: int, section_kinds: Sequence[str]) -> list[Hit] | None:
        """Return what Chroma finds; in a large store a question waits for it, or takes it if nobody else has."""
        hits = self._vector.search(vector, k, section_kinds)
        if hits is None and self._catalog.chunk_count() > EXACT_UP_TO and (self._vector.searchable or self.acquire()):
            hits = self._vector.search(vector, k, section_kinds, patience=PATIENCE_S)
        return hits

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
        try:
            return index.search(text, k, report_ids, section_kinds)
        except (IndexError, ValueError, OSError):
            _log.exception("the lexical index is damaged; it is built anew")
            lexical.forget(self._catalog)
            self._lexical = None
            return self._current_lexical().search(text, k, report_ids, section_kinds)

    def _current_lexical(self) -> LexicalIndex:
        """Return the index in step with the catalog, or the last one while following would cost too much."""
        now = self._catalog.change_counter()
        index = self._lexical
        if index is not None and index.changed == now:
            return index
        with self._lexical_lock:
            index = self._lexical
            if index is None or index.changed != now:
                self._lexical = index = self._fresher(index, now)
            return index

    def _fresher(self, known: LexicalIndex | None, now: int) -> LexicalIndex:
        if known is None or lexical.saved_change(self._catalog) > known.changed:
            known = lexical.load(self._catalog) or known
        if known is not None and (known.changed == now or not self._worth_building()):
            return known
        started = time.monotonic()
        built = self._built_apart() if known is None else None
        if built is None:
            built = lexical.build(self._catalog)
        self._built_at = time.monotonic()
        self._build_seconds = self._built_at - started
        return built

    def _built_apart(self) -> LexicalIndex | None:
        """Have a large index built and saved by a process of its own; None where it is small or cannot be saved."""
        if self._catalog.chunk_count() <= lexical.IN_PROCESS_UP_TO:
            return None
        try:
            return lexical.load(self._catalog) if lexical.build_saved(self._catalog) else None
        except OSError:
            return None

    def _worth_building(self) -> bool:
        waited = time.monotonic() - self._built_at
        limit = lexical.IN_PROCESS_UP_TO if self.followed else EXACT_UP_TO
        return waited * _REBUILD_SHARE >= self._build_seconds and self._catalog.chunk_count() <= limit

    # Keeping in step

    def prepare(self) -> None:
        """Have the vector index made ready in the background, since there will be something to bring it up to."""
        self._vector.prepare()

    def sync(self) -> None:
        """Bring both indexes up to the catalog; cheap when they are. The vector index only if this process owns it.

        An owner that came too late for the vector index tries again here.

        Raises:
            StoreError: the disk is full or the folder read-only.
        """
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="vector index") as beside:
                vector = beside.submit(self._sync_vector)  # Chroma works in a process of its own meanwhile
                self._sync_lexical()
                vector.result()
        except Stopped:
            return
        except OSError as error:
            raise self._unwritable(error) from error

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

    def _sync_vector(self) -> None:
        if self._wants_vector and self._vector.acquire_soon():
            self._vector.sync()

    def _sync_lexical(self) -> None:
        current = lexical.load(self._catalog) if lexical.is_current(self._catalog) else None
        if current is None:
            started = time.monotonic()
            lexical.build_saved(self._catalog, lambda: self._interrupted)
            self._saved_at = time.monotonic()
            self._save_seconds = self._saved_at - started
            current = lexical.load(self._catalog)
        if current is not None:
            self._lexical = current

    def catch_up(self) -> None:
        """Bring both indexes up to the catalog beside questions; called again and again by a ``Follower``.

        The lexical index can only be built whole, so it is built at most half of the time.

        Raises:
            StoreError: the disk is full or the folder read-only.
        """
        now = self._catalog.change_counter()
        try:
            if not (self._vector.held and self._vector.is_current()):
                self._sync_vector()
            if self._catalog.chunk_count() > EXACT_UP_TO:
                self._vector.open_soon()
            known = self._lexical
            waited = time.monotonic() - self._saved_at
            if (known is None or known.changed != now) and waited >= self._save_seconds:
                self._sync_lexical()
        except Stopped:
            return
        except OSError as error:
            raise self._unwritable(error) from error

    def interrupt(self) -> None:
        """Leave in the middle what would take long, since this process is to end."""
        self._interrupted = True
        self._vector.interrupt()

    def follow(self) -> None:
        """Bring the vector index up to the catalog in the middle of a long run, the lexical one now and then.

        The lexical index can only be built whole, so it follows when the catalog has doubled since: however long the
        run, its builds cost about twice the last one. A process that asks meanwhile finds what is new by its vectors.

        Raises:
            StoreError: the disk is full or the folder read-only.
        """
        if self._catalog.chunk_count() >= _DOUBLED * lexical.saved_rows(self._catalog):
            self.sync()
        else:
            try:
                self._sync_vector()
            except OSError as error:
                raise self._unwritable(error) from error

    def lagging(self) -> tuple[str, ...]:
        """Name the indexes on disk that are behind the catalog: ``lexical``, ``vector`` (where this process owns it).

        Answers are right all the same: what is behind is followed in memory, or searched exactly.
        """
        behind = {
            "lexical": not lexical.is_current(self._catalog),
            "vector": self._vector.held and not self._vector.is_current(),
        }
        return tuple(name for name, is_behind in behind.items() if is_behind)

    def rebuild(self) -> None:
        """Build both indexes anew from the catalog, without embedding.

        Raises:
            StoreLocked: another process owns the vector index.
            StoreError: the disk is full or the folder read-only.
        """
        if not self.acquire():
            if not os.access(self._catalog.store, os.W_OK):
                raise self._unwritable(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
            raise StoreLocked(
                f"The vector index of {str(self._catalog.store)!r} is in use by {self.holder() or 'another process'}. "
                "Stop that program, then run `python -m rag rebuild` again."
            )
        try:
            self._vector.rebuild()
            lexical.forget(self._catalog)
            self._sync_lexical()
        except OSError as error:
            raise self._unwritable(error) from error
        except CollectionFailed as error:
            raise StoreError(
                f"The vector index of {str(self._catalog.store)!r} cannot be built: {error}. No report is lost, and "
                "exact search answers. Free some space and memory (and, where RAG_CHROMA_URL is set, "
                "see that it names a running server), then run `python -m rag rebuild` again."
            ) from error

    def _unwritable(self, error: OSError) -> StoreError:
        kind, advice = StoreError, "Free some space or change the folder's permissions"
        if error.errno == errno.ENOSPC:
            kind, advice = StoreFull, "Free some space"
        elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            kind, advice = StoreReadOnly, "Change the folder's permissions"
        return kind(
            f"The indexes in {str(self._catalog.store)!r} cannot be written: {error.strerror or error}. No report is "
            f"lost. {advice}, then run `python -m rag rebuild`."
        )

    def _unowned(self) -> str:
        if not os.access(self._catalog.store, os.W_OK):
            return "The vector index can only be opened where it may be written; the store is read-only"
        return f"The vector index is in use by {self.holder() or 'another process'}"

    def verify(self) -> Verification:
        """Compare both indexes with the catalog, changing nothing."""
        found = [*self._catalog.check(), *lexical.problems(self._catalog)]
        if not self.acquire():
            return Verification(tuple(found), (f"{self._unowned()}, and was not checked.",))
        try:
            return Verification(tuple(found + self._vector.problems()))
        except CollectionFailed as error:
            return Verification((*found, f"vector index: not readable ({error})"))
