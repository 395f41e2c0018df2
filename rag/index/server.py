"""Chroma on a server: any process may search, the one that holds the catalog's lock for vectors writes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rag.catalog import Lock
from rag.index.collection import ChromaProcess, Collection
from rag.index.failure import CollectionFailed
from rag.index.state import IndexState

_LIST_S = 30.0
"""Seconds that the server may take to name its collections."""


class VectorServer:
    """Where the vector index is kept: a collection ``rag-<catalog id>-N`` on a Chroma server.

    What the collection stands for is noted on it, so that a process on any machine can tell whether it is in step.
    One without such a note is still being built.

    Args:
        url: The server, ``http://HOST:PORT``.
        catalog_id: What tells the catalog from any other.
        lock: Held by the process that writes.
    """

    shared = True
    """Whether processes that do not write it may search it."""

    def __init__(self, url: str, catalog_id: str, lock: Lock) -> None:
        self.url = url
        self._catalog_id = catalog_id
        self._prefix = f"rag-{catalog_id}-"
        self._lock = lock
        self._process: ChromaProcess | None = None

    @property
    def held(self) -> bool:
        """True while this process may write the index."""
        return self._lock.held

    def acquire(self) -> bool:
        """Become the one that writes, if nobody is."""
        return self._lock.acquire()

    def release(self) -> None:
        """Let another write, and end the connection."""
        if self._process is not None:
            self._process.close()
            self._process = None
        self._lock.release()

    def comes_free(self) -> bool:
        """Say no: the lock of whoever wrote is gone with its process."""
        return False

    def holder(self) -> str:
        """Say who writes the index; empty if nobody does."""
        return self._lock.current_holder()

    def state(self) -> IndexState | None:
        """Return what the index stands for, or None if there is none that is whole.

        Raises:
            CollectionFailed: the server cannot be reached.
        """
        for number, metadata in sorted(self._numbered().items(), reverse=True):
            if isinstance(changed := metadata.get("changed"), int):
                return IndexState(
                    f"{self._prefix}{number}",
                    self._catalog_id,
                    changed,
                    int(metadata.get("rows", 0)),
                    tuple(json.loads(metadata.get("strays", "[]"))),
                    int(metadata.get("looked_through", 0)),
                )
        return None

    def trouble(self, state: IndexState) -> str:
        """Return why the index must not be trusted; the server sees to that by itself."""
        return ""

    def open(self, state: IndexState) -> Collection:
        """Return the index, without asking the server yet."""
        return Collection(self._connected(), state.directory)

    def prepare(self) -> None:
        """Do nothing: the server is asked what it holds before anything is written, and is connected by then."""

    def make(self) -> tuple[str, Collection]:
        """Make a new, empty index; return its name and the index."""
        name = f"{self._prefix}{max(self._numbered(), default=0) + 1}"
        collection = Collection(self._connected(), name)
        collection.make()
        return name, collection

    def close(self, collection: Collection, *, cleanly: bool) -> bool:
        """Let go of an index; its connection serves others unless it has failed."""
        if not cleanly:
            self._drop(collection.process)
        return True

    def record(self, state: IndexState, collection: Collection) -> None:
        """Note what an index stands for; a new one is the one in use from then on."""
        noted = asdict(state) | {"strays": json.dumps(state.strays)}  # Chroma has no empty list
        del noted["directory"]
        collection.process.ask(_LIST_S, "note", state.directory, noted)

    def forget(self) -> None:
        """Trust the connection no more; the collection is the server's to keep."""

    def discard(self, directory: str) -> None:
        """Leave an index that was not finished to the next one that is; the server may not be there to be asked."""

    def keep_only(self, directory: str) -> None:
        """Delete every index of this catalog but one."""
        for number in self._numbered():
            if (name := f"{self._prefix}{number}") != directory:
                self._ask("remove", name)

    def _numbered(self) -> dict[int, dict[str, Any]]:
        """Return what is noted on each collection of this catalog, by its number."""
        found = self._ask("named", self._prefix)
        numbers = {name.removeprefix(self._prefix): metadata for name, metadata in found.items()}
        return {int(number): metadata for number, metadata in numbers.items() if number.isdigit()}

    def _ask(self, method: str, *arguments: object) -> Any:  # noqa: ANN401 - what the method returns
        process = self._connected()
        try:
            return process.ask(_LIST_S, method, *arguments)
        except CollectionFailed:
            self._drop(process)
            raise

    def _connected(self) -> ChromaProcess:
        if self._process is None:
            self._process = ChromaProcess(self.url)
        return self._process

    def _drop(self, process: ChromaProcess) -> None:
        process.kill()
        if self._process is process:
            self._process = None
