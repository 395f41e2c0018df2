"""Chroma in a folder of the store: for the one process that holds the folder's lock."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from rag.catalog import ProcessLock
from rag.index import marker
from rag.index.collection import ChromaProcess, Collection
from rag.index.failure import CollectionFailed
from rag.index.state import IndexState, delete_others, read_state, write_state

LOCK, STATE = "chroma.lock", "chroma.json"

_COLLECTION = "chunks"


class VectorFolder:
    """Where the vector index is kept: ``chroma-N`` in the store.

    ``chroma.json`` names the folder in use and how far along the catalog's changes it is; ``chroma-N.marker`` tells
    whether the folder was left whole. The process that runs Chroma holds the lock's open file too, so that the folder
    stays locked until that process has closed it, even when ours is killed.

    Args:
        store: The store's folder.
    """

    shared = False
    """Whether processes that do not write it may search it."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._lock = ProcessLock(store / LOCK)
        self._prepared: tuple[str, Collection] | None = None

    @property
    def held(self) -> bool:
        """True while this process may open the folder."""
        return self._lock.held

    def acquire(self) -> bool:
        """Become the owner of the folder if it is free."""
        return self._lock.acquire()

    def release(self) -> None:
        """Give the folder back."""
        prepared, self._prepared = self._prepared, None
        if prepared is None or prepared[1].process.kill():  # else the lock goes with the process
            self._lock.release()

    def comes_free(self) -> bool:
        """Say whether the folder is only being closed: its owner was killed, the process that has it open was not."""
        return self._lock.holder_is_gone()

    def holder(self) -> str:
        """Say who holds the folder; empty if nobody does."""
        return self._lock.current_holder()

    def state(self) -> IndexState | None:
        """Return what the index stands for, or None if there is none."""
        return read_state(self._store / STATE)

    def trouble(self, state: IndexState) -> str:
        """Return why a folder that nobody has open must not be trusted, or an empty string."""
        folder = self._store / state.directory
        return marker.trouble(folder) if (folder / "chroma.sqlite3").is_file() else "its folder was gone"

    def open(self, state: IndexState) -> Collection:
        """Start a process that opens the index."""
        return self._start(state.directory)

    def prepare(self) -> None:
        """Start a process for a new index if there is none, so that making one need not wait for that."""
        if self.held and self._prepared is None and self.state() is None:
            with suppress(CollectionFailed):  # it is told when the index is made
                self._prepared = self._start_new()

    def make(self) -> tuple[str, Collection]:
        """Return the name of a new, empty index, and the index, open in a process of its own."""
        prepared, self._prepared = self._prepared, None
        directory, collection = prepared or self._start_new()
        try:
            collection.make()
        except BaseException:
            collection.process.kill()
            self.discard(directory)
            raise
        return directory, collection

    def _start_new(self) -> tuple[str, Collection]:
        numbers = [int(path.name.partition("-")[2]) for path in self._store.glob("chroma-*") if path.name[7:].isdigit()]
        directory = f"chroma-{max(numbers, default=0) + 1}"
        return directory, self._start(directory)

    def _start(self, directory: str) -> Collection:
        descriptor = self._lock.descriptor
        keep_open = [] if descriptor is None else [descriptor]
        return Collection(ChromaProcess(str(self._store / directory), keep_open), _COLLECTION)

    def close(self, collection: Collection, *, cleanly: bool) -> bool:
        """Close an index; say whether its process is gone, so that the lock may be given back."""
        return collection.process.close() if cleanly else collection.process.kill()

    def record(self, state: IndexState, collection: Collection) -> None:
        """Note what an index stands for; from then on it is the one in use."""
        write_state(self._store / STATE, state)

    def forget(self) -> None:
        """Trust the index in use no more."""
        (self._store / STATE).unlink(missing_ok=True)

    def discard(self, directory: str) -> None:
        """Delete an index that was not finished: where space is short, half an index takes it up."""
        folder = self._store / directory
        shutil.rmtree(folder, ignore_errors=True)
        marker.path_for(folder).unlink(missing_ok=True)

    def keep_only(self, directory: str) -> None:
        """Delete every index but one."""
        delete_others(self._store, "chroma-*", keep=directory)
        for note in self._store.glob("chroma-*.marker"):
            if note.name != f"{directory}.marker":
                note.unlink(missing_ok=True)
