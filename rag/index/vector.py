"""The vector index: Chroma's folder, who holds it, and how it is kept in step with the catalog."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.catalog import Catalog, ProcessLock, VectorTable
from rag.index.chroma import ChromaCollection
from rag.index.probe import is_usable
from rag.index.state import IndexState, delete_others, read_state, write_durably, write_state
from rag.types import Hit, ReportMeta

LOCK, STATE, MARKER = "chroma.lock", "chroma.json", "chroma.dirty"

_log = logging.getLogger(__name__)


class VectorIndex:
    """Chroma over the catalog's vectors, for the one process that holds the folder's lock.

    ``chroma.json`` names the folder in use and how far along the catalog's changes it is. ``chroma.dirty`` stands
    there while the folder is open (``open``) or being written (``write``) and goes on a clean close. Found on
    opening, it means that the last owner was killed: after ``write`` the folder is never trusted again and built anew
    beside it from the catalog; after ``open`` a child process tries it first.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._store = catalog.store
        self._lock = ProcessLock(self._store / LOCK)
        self._thread_lock = threading.RLock()
        self._collection: ChromaCollection | None = None
        self._state: IndexState | None = None
        self.notes: tuple[str, ...] = ()

    def acquire(self) -> bool:
        """Become the owner of the folder if it is free."""
        if not self._lock.held and self._lock.acquire():
            self._state = read_state(self._store / STATE)
        return self._lock.held

    def holder(self) -> str:
        """Say who holds the folder."""
        return self._lock.holder()

    def close(self) -> None:
        """Close the folder cleanly and give the lock back."""
        with self._thread_lock:
            if self._collection is not None:
                self._collection.close()
                self._collection = None
                (self._store / MARKER).unlink(missing_ok=True)
            self._lock.release()

    # Searching

    def search(self, vector: NDArray[np.float32], k: int, section_kinds: Sequence[str] = ()) -> list[Hit] | None:
        """Return the nearest chunks, or None when the index is behind the catalog and must not be asked."""
        with self._thread_lock:
            if not self._lock.held or self._trouble(self._catalog.change_counter()):
                return None
            try:
                return self._opened().query(vector, k, section_kinds)
            except Exception:
                _log.exception("the vector index failed; it is rebuilt at the next synchronisation")
                self._abandon()
                return None

    def _opened(self) -> ChromaCollection:
        if self._collection is None:
            assert self._state is not None, "opened only after a state was found"
            self._mark("open")
            self._collection = ChromaCollection(self._store / self._state.directory)
        return self._collection

    # Keeping in step

    def is_current(self) -> bool:
        """Say whether the folder is at the catalog's last change, without opening it or waiting for a writer."""
        state = self._state
        now = (self._catalog.catalog_id(), self._catalog.change_counter())
        return state is not None and (state.catalog_id, state.changed) == now

    def sync(self) -> None:
        """Bring the folder up to the catalog: the rows changed since, or all of them where it cannot be trusted."""
        with self._thread_lock:
            now = self._catalog.change_counter()
            trouble = self._trouble(None)
            if trouble:
                self._rebuild(trouble)
                return
            assert self._state is not None, "no trouble means that there is a state"
            if self._state.changed == now:
                return
            try:
                self._follow(self._state)
            except Exception as error:
                _log.exception("the vector index could not be written")
                self._rebuild(f"it failed ({error})")

    def rebuild(self) -> None:
        """Build the folder anew from the catalog."""
        with self._thread_lock:
            self._rebuild("")

    def _trouble(self, now: int | None) -> str:
        """Return why the folder cannot be used as it is, or an empty string; ``now``: it must be at this change."""
        state = self._state
        if state is None:
            return "there was none"
        if not (self._store / state.directory / "chroma.sqlite3").is_file():
            return "its folder was gone"
        if state.catalog_id != self._catalog.catalog_id() or state.changed > self._catalog.change_counter():
            return "it belonged to another catalog"
        if self._collection is None and (stage := self._marked()):
            if stage == "write":
                return "its last writer was stopped in the middle"
            if not is_usable(self._store / state.directory, state.rows):
                return "it was damaged"
            self._unmark()
        if now is not None and state.changed != now:
            return "it was behind the catalog"
        return ""

    def _follow(self, state: IndexState) -> None:
        changed, tables, removed = self._catalog.changes_since(state.changed)
        collection = self._opened()
        with self._writing():
            collection.delete(removed)
            for table in tables:
                _upsert(collection, table, self._catalog.metas())
            self._record(IndexState(state.directory, state.catalog_id, changed, collection.count()))

    def _rebuild(self, reason: str) -> None:
        if reason not in ("", "there was none"):
            self.notes = (*self.notes, f"The vector index was rebuilt from the catalog: {reason}.")
            _log.warning(self.notes[-1])
        self._abandon()
        directory = self._next_directory()
        changed, tables, _ = self._catalog.changes_since(-1)
        try:
            with self._writing():
                collection = ChromaCollection(self._store / directory)
                for table in tables:
                    _upsert(collection, table, self._catalog.metas())
                self._record(IndexState(directory, self._catalog.catalog_id(), changed, collection.count()))
        except BaseException:
            shutil.rmtree(self._store / directory, ignore_errors=True)  # half an index takes up what space is left
            raise
        self._collection = collection
        delete_others(self._store, "chroma-*", keep=directory)

    def _record(self, state: IndexState) -> None:
        write_state(self._store / STATE, state)
        self._state = state

    def _abandon(self) -> None:
        """Let go of the folder without trusting it again."""
        with contextlib.suppress(OSError):  # on a full disk the mark ``open`` stays, and a child tries the folder first
            self._mark("write")
        if self._collection is not None:
            collection, self._collection = self._collection, None
            try:
                collection.close()
            except Exception:
                _log.exception("closing the vector index failed")

    def _next_directory(self) -> str:
        numbers = [int(path.name.partition("-")[2]) for path in self._store.glob("chroma-*") if path.name[7:].isdigit()]
        return f"chroma-{max(numbers, default=0) + 1}"

    # The marker

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Mark the folder as being written; the mark stays if we do not get to the end."""
        self._mark("write")
        yield
        self._mark("open")

    def _mark(self, stage: str) -> None:
        write_durably(self._store / MARKER, json.dumps({"stage": stage, "pid": os.getpid()}))

    def _unmark(self) -> None:
        (self._store / MARKER).unlink(missing_ok=True)

    def _marked(self) -> str:
        try:
            return str(json.loads((self._store / MARKER).read_text(encoding="utf-8"))["stage"])
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, KeyError, TypeError):
            return "write"

    # Checking

    def problems(self) -> list[str]:
        """Return how the folder differs from the catalog, changing nothing."""
        with self._thread_lock:
            trouble = self._trouble(self._catalog.change_counter())
            if trouble:
                return [f"vector index: not usable, {trouble}"]
            try:
                return _differences(self._opened(), self._catalog)
            except Exception as error:
                return [f"vector index: not readable ({error})"]


def _upsert(collection: ChromaCollection, table: VectorTable, metas: dict[str, ReportMeta]) -> None:
    fields = [
        _fields(str(report_id), str(kind), metas.get(str(report_id)))
        for report_id, kind in zip(table.report_ids, table.section_kinds, strict=True)
    ]
    collection.upsert([str(chunk_id) for chunk_id in table.ids], table.matrix, fields)


def _fields(report_id: str, section_kind: str, meta: ReportMeta | None) -> dict[str, Any]:
    """Return a row's filter fields; what is unknown is left out, since Chroma has no null."""
    fields = {
        "report_id": report_id,
        "section_kind": section_kind,
        "office": meta.office if meta else None,
        "region": meta.region if meta else None,
        "year": meta.year if meta else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _differences(collection: ChromaCollection, catalog: Catalog) -> list[str]:
    table, metas = catalog.vectors(), catalog.metas()
    row_of = {str(chunk_id): row for row, chunk_id in enumerate(table.ids)}
    missing, surplus, wrong = set(row_of), 0, 0
    for ids, matrix, fields in collection.rows():
        for chunk_id, vector, found in zip(ids, matrix, fields, strict=True):
            row = row_of.get(chunk_id)
            if row is None:
                surplus += 1
                continue
            missing.discard(chunk_id)
            report_id = str(table.report_ids[row])
            expected = _fields(report_id, str(table.section_kinds[row]), metas.get(report_id))
            wrong += not (np.allclose(vector, table.matrix[row], atol=1e-5) and found == expected)
    counts = (
        (len(missing), "chunks of the catalog are missing"),
        (surplus, "rows are not in the catalog"),
        (wrong, "rows differ from the catalog"),
    )
    return [f"vector index: {number} {what}" for number, what in counts if number]
