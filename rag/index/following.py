"""Keeping the indexes of a serving process up with a catalog that other processes write."""

from __future__ import annotations

from rag.background import Background
from rag.index.search import Index


class Follower:
    """A thread that brings both indexes up to the catalog, and takes over the vector index when its owner has gone.

    What is new is found before that too, by exact search; this keeps questions quick.

    Args:
        index: The indexes of a process that serves.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._synced = False
        self._background = Background("follow the catalog with the indexes", self._step)
        index.followed = True
        self._background.start()

    def stop(self) -> None:
        """Stop; the indexes are closed next, and follow when they are next opened."""
        self._background.stopping.set()
        self._index.interrupt()
        self._background.stop()
        self._index.followed = False

    def _step(self) -> None:
        if self._synced:
            self._index.catch_up()
        else:
            self._index.sync()
            self._synced = True
