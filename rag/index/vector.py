"""The vector index: Chroma, kept in step with the catalog, and given up without harm when it fails."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.catalog import Catalog, VectorTable
from rag.errors import StoreError
from rag.index.behind import search_behind
from rag.index.checking import ALL_UP_TO, differences, filter_fields, not_found
from rag.index.chroma import Rows
from rag.index.collection import BATCH, Collection
from rag.index.failure import Busy, CollectionFailed, Failures, Stopped
from rag.index.folder import VectorFolder
from rag.index.server import VectorServer
from rag.index.state import IndexState
from rag.types import Hit, ReportMeta

FAILURES, WITHIN_S = 3, 3600.0
"""After so many failures in such a time no new attempt is made until the first of them is that long ago."""

RETRY_S = 30.0
"""Seconds after which a server that could not be reached is tried again."""

CLOSING_S = 20.0
"""Seconds that a killed owner's Chroma is given to finish what it is at and close."""

_GROWN = 1.5
"""Growth since each row was last looked for, after which each is again."""

_FEW = 1_000
"""Rows written together up to which each is looked for at once."""

_POLL_S = 0.1
_NOTES = 20

_PUT_BACK = (
    "the catalog is of an earlier time than the index, so reports taken in since may be missing; run "
    "`python ingest.py` on your reports again, which costs nothing for those that are in"
)

_log = logging.getLogger(__name__)


class VectorIndex:
    """Chroma over the catalog's vectors.

    Chroma runs in a process of its own. When that process crashes, hangs or is killed, the index is let go of:
    searches say that they have no answer, so that the catalog's vectors are searched exactly, and the next
    synchronisation builds a new one from the catalog.
    """

    def __init__(self, catalog: Catalog, place: VectorFolder | VectorServer) -> None:
        self._catalog = catalog
        self._place = place
        self._following = threading.RLock()
        self._switching = threading.Lock()
        self._state: IndexState | None = None
        self._collection: Collection | None = None
        self._opening: threading.Thread | None = None
        self._starting: Collection | None = None
        self._let_go: Collection | None = None
        self._closing = False
        self._failures = Failures(FAILURES, WITHIN_S)
        self._all_gone = True
        self.notes: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """True while this process may write the index."""
        return self._place.held

    @property
    def searchable(self) -> bool:
        """True if this process may search the index, once it is open and in step."""
        return self._place.held or self._place.shared

    def acquire(self) -> bool:
        """Become the owner of the index if it is free."""
        if not self._place.held and self._place.acquire():
            with self._switching:  # another may have written it since we looked
                self._collection, self._state = None, None if self._place.shared else self._place.state()
        return self._place.held

    def acquire_soon(self) -> bool:
        """Become the owner if the index is free, or is being closed after its owner was killed."""
        deadline = time.monotonic() + CLOSING_S
        while not self.acquire():
            if not self._place.comes_free() or self._closing or time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def holder(self) -> str:
        """Say who holds the index; empty if nobody does."""
        return self._place.holder()

    def interrupt(self) -> None:
        """Leave what is being written after the batch under way, since this process is to end."""
        self._closing = True

    def close(self) -> None:
        """Close the index cleanly and give the lock back."""
        self._closing = True
        if self._starting is not None:
            self._starting.process.give_up_starting()
        if self._opening is not None:
            self._opening.join()
        with self._following:
            collection, self._collection = self._collection, None
            if collection is not None:
                self._all_gone &= self._place.close(collection, cleanly=True)
            if self._all_gone:  # else the lock goes with the process that could not be ended
                self._place.release()

    # Searching

    def search(
        self, vector: NDArray[np.float32], k: int, section_kinds: Sequence[str] = (), *, patience: float = 0
    ) -> list[Hit] | None:
        """Return the nearest chunks, or None when the index cannot be asked now: not open yet, behind, being written.

        Args:
            vector: A unit vector.
            k: Number of chunks.
            section_kinds: Only sections of these kinds; empty: all.
            patience: Seconds to wait for it to be ready. Where there is patience, an index a little behind is asked
                all the same, and what has changed since is searched exactly.
        """
        if not self.searchable:
            return None
        collection = self._ready(patience)
        state = self._state
        if collection is None or state is None:
            return None
        in_step = self._in_step(state)
        if not in_step and (not patience or self._trouble(state)):
            return None
        try:
            if in_step:
                return collection.query(vector, k, section_kinds, patience=patience)
            return search_behind(collection, state, self._catalog, vector, k, section_kinds, patience)
        except Busy:
            return None
        except CollectionFailed as error:
            self._fail(collection, error)
            return None

    def _in_step(self, state: IndexState) -> bool:
        return (state.catalog_id, state.changed) == (self._catalog.catalog_id(), self._catalog.change_counter())

    def _ready(self, patience: float) -> Collection | None:
        """Return the open index; have it opened in the background where it is not, and wait so long."""
        if self._collection is not None and (self._place.held or (self._state and self._in_step(self._state))):
            return self._collection
        if self._resting() or self._closing:
            return None
        with self._switching:
            if self._opening is None or not self._opening.is_alive():
                self._opening = threading.Thread(target=self._open, name="open vector index", daemon=True)
                self._opening.start()
            opening = self._opening
        opening.join(patience)
        return self._collection

    def open_soon(self) -> None:
        """Have the index opened in the background, so that the first question finds it open."""
        if self.searchable:
            self._ready(0)

    def prepare(self) -> None:
        """Have the index opened in the background, or what makes a new one started, since it will be written."""
        if self._place.held:
            self._place.prepare()
            self.open_soon()

    def _open(self) -> None:
        """Open the index as far as it can be trusted; a writer that finds it wanting mends it when synchronising."""
        if not self._following.acquire(blocking=False):
            return  # being written
        try:
            collection: Collection | None = None
            try:
                state = self._place.state()
                if state is None or self._trouble(state):
                    self._state = None  # so that it does not pass for being in step
                    return
                if self._collection is not None and self._state == state:
                    return
                self._starting = collection = self._place.open(state)
                if self._closing:
                    collection.process.give_up_starting()
                collection.open()
                collection.know_strays(state.strays)
                self._switch(state, collection)
            except CollectionFailed as error:
                self._fail(collection, error)
            except StoreError as error:
                _log.warning("the vector index was not opened: %s", error)
        finally:
            self._starting = None
            self._following.release()

    def _switch(self, state: IndexState, collection: Collection) -> None:
        with self._switching:
            old, self._collection, self._state = self._collection, collection, state
        if old is not None and old is not collection:
            self._all_gone &= self._place.close(old, cleanly=True)

    # Failing

    def _fail(self, collection: Collection | None, error: CollectionFailed) -> None:
        """Let go of an index that failed; another thread may have been first."""
        with self._switching:
            others = (None, collection)
            if collection is not None and (self._collection not in others or self._let_go is collection):
                return
            self._let_go, self._collection, self._state = collection, None, None
            self._failures.add()
        if not self._closing:  # else it is we who ended it
            self._tell(error)
        if collection is not None:
            self._all_gone &= self._place.close(collection, cleanly=False)

    def _tell(self, error: CollectionFailed) -> None:
        _log.error("the vector index failed: %s", error)
        if self._place.shared:
            self._note(f"The vector index could not be used: {error}. Questions are answered by exact search.")
        else:
            self._note(f"The vector index failed: {error}. It is built anew; exact search answers until then.")
            self._place.forget()
        if not self._place.shared and self._failures.too_many():
            self._note(
                f"The vector index failed {FAILURES} times within {WITHIN_S / 60:g} minutes and is left alone for that "
                "time; exact search answers. Look into the log, then run `python -m rag rebuild`."
            )

    def _note(self, note: str) -> None:
        self.notes = (*(known for known in self.notes if known != note), note)[-_NOTES:]

    def _resting(self) -> bool:
        """Say whether it is too early for a new attempt."""
        return self._failures.since(RETRY_S) if self._place.shared else self._failures.too_many()

    # Keeping in step

    def is_current(self) -> bool:
        """Say whether the index is at the catalog's last change, as far as is known, without waiting for a writer."""
        state = self._state
        return state is not None and self._in_step(state)

    def sync(self) -> None:
        """Bring the index up to the catalog: the rows changed since, or all of them where it cannot be trusted.

        What fails is told in ``notes``; there is always exact search.
        """
        with self._following:
            while self._place.held and not self._resting():
                try:
                    self._bring_up()
                    return
                except Stopped:
                    return
                except CollectionFailed as error:
                    self._fail(self._collection, error)

    def rebuild(self) -> None:
        """Build the index anew from the catalog.

        Raises:
            CollectionFailed: it cannot be built.
        """
        with self._following:
            self._failures.forget()
            try:
                self._rebuild("")
            except CollectionFailed as error:
                if self._collection is None:  # else the one in use goes on
                    self._fail(None, error)
                raise

    def _bring_up(self) -> None:
        state = self._state if self._collection is not None else self._place.state()
        reason = "there was none" if state is None else self._trouble(state)
        if state is None or reason:
            self._rebuild(reason)
            return
        if state.changed != self._catalog.change_counter():
            self._follow(state)
        else:
            self._state = state

    def _trouble(self, state: IndexState) -> str:
        """Return why the index cannot be used as it is, or an empty string."""
        if state.catalog_id != self._catalog.catalog_id():
            return "it belonged to another catalog"
        if state.changed > self._catalog.change_counter():
            return _PUT_BACK
        return self._place.trouble(state) if self._collection is None else ""

    def _follow(self, state: IndexState) -> None:
        collection = self._collection or self._place.open(state)
        try:
            collection.know_strays(state.strays)
            changed, tables, removed = self._catalog.changes_since(state.changed)
            written = self._write(collection, tables)
            # What came back has been written; taking it out first would make Chroma write it anew.
            collection.delete([chunk_id for chunk_id in removed if chunk_id not in written])
            self._record(state.directory, changed, collection, written, state.looked_through)
        except BaseException as error:
            self._abandon(collection, error)
            raise

    def _rebuild(self, reason: str) -> None:
        if reason not in ("", "there was none"):
            self._note(f"The vector index was rebuilt from the catalog: {reason}.")
            _log.warning(self.notes[-1])
        changed, tables, _ = self._catalog.changes_since(-1)
        directory, collection = self._place.make()
        try:
            written = self._write(collection, tables)
            self._record(directory, changed, collection, written, 0)
        except BaseException as error:
            self._abandon(collection, error)
            self._place.discard(directory)
            raise
        self._place.keep_only(directory)

    def _write(self, collection: Collection, tables: Iterable[VectorTable]) -> set[str]:
        """Write the rows of tables; return their ids."""
        metas = self._catalog.metas()
        written: set[str] = set()
        for table in tables:
            written.update(map(str, table.ids))
            for start in range(0, len(table.ids), BATCH):
                if self._closing:
                    raise Stopped
                _upsert(collection, table, slice(start, start + BATCH), metas)
        return written

    def _record(
        self, directory: str, changed: int, collection: Collection, written: set[str], looked_through: int
    ) -> None:
        rows = collection.count()
        looked_through = self._look_for_rows(collection, written, rows, looked_through)
        state = IndexState(directory, self._catalog.catalog_id(), changed, rows, collection.strays, looked_through)
        self._place.record(state, collection)
        self._switch(state, collection)

    def _look_for_rows(self, collection: Collection, written: set[str], rows: int, looked_through: int) -> int:
        """Learn which rows Chroma does not find, so that questions look at them besides.

        All are looked for when they have grown by half since they were last, because writing some may cut off others;
        of more than ``ALL_UP_TO`` some at random. Otherwise those written are, unless they are many. Looking for a row
        takes 0.5 to 1 ms.

        Returns:
            The number of rows there were when all were last looked for.
        """
        sought: Iterable[tuple[str, NDArray[np.float32]]] = ()
        if rows > _GROWN * looked_through:
            sought = self._some_of(collection.rows(), ALL_UP_TO / rows)
            looked_through = rows
        elif len(written) <= _FEW:
            sought = self._some_of(collection.rows_of(sorted(written)), 1)
        if strays := not_found(collection, sought):
            _log.info("Chroma does not find %d of the rows it holds; they are searched beside it", len(strays))
            collection.know_strays((*collection.strays, *strays))
        return min(rows, looked_through)

    def _some_of(self, batches: Iterable[Rows], share: float) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield (id, vector) of about a share of some rows, the same ones whenever the rows are the same."""
        random = np.random.default_rng(0)
        for ids, matrix, _ in batches:
            if self._closing:
                raise Stopped
            for row in np.flatnonzero(random.random(len(ids)) < share):
                yield ids[row], matrix[row]

    def _abandon(self, collection: Collection, error: BaseException) -> None:
        """End a process that is not the one in use; after an interruption it may close what it wrote."""
        if collection is not self._collection:
            cleanly = not isinstance(error, CollectionFailed)
            self._all_gone &= self._place.close(collection, cleanly=cleanly)

    # Checking

    def problems(self) -> list[str]:
        """Return how the index differs from the catalog, changing nothing.

        Raises:
            CollectionFailed: it cannot be read.
        """
        with self._following:
            state = self._state if self._collection is not None else self._place.state()
            reason = "there was none" if state is None else self._trouble(state)
            if state is not None and not reason and state.changed != self._catalog.change_counter():
                reason = "it was behind the catalog"
            if state is None or reason:
                return [f"vector index: not usable, {reason}"]
            collection = self._collection or self._place.open(state)
            try:
                collection.know_strays(state.strays)
                found = differences(collection, self._catalog)
                self._switch(state, collection)
                return found
            except BaseException as error:
                self._abandon(collection, error)
                raise


def _upsert(collection: Collection, table: VectorTable, rows: slice, metas: dict[str, ReportMeta]) -> None:
    fields = [
        filter_fields(str(report_id), str(kind), metas.get(str(report_id)))
        for report_id, kind in zip(table.report_ids[rows], table.section_kinds[rows], strict=True)
    ]
    collection.upsert([str(chunk_id) for chunk_id in table.ids[rows]], table.matrix[rows], fields)
