"""Keeping the indexes of a serving process up with a catalog that other processes write."""

from __future__ import annotations

import logging
import threading

from rag.errors import RagError
from rag.index.search import Index

EVERY_S = 1.0
"""Seconds between two looks at the catalog's change counter."""

_AFTER_FAILURE_S = 30.0

_log = logging.getLogger(__name__)


class Follower:
    """A thread that brings both indexes up to the catalog, and takes over the vector index when its owner has gone.

    What is new is found before that too, by exact search; this keeps questions quick.

    Args:
        index: The indexes of a process that serves.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow the catalog", daemon=True)
        index.followed = True
        self._thread.start()

    def stop(self) -> None:
        """Stop; the indexes are closed next, and follow when they are next opened."""
        self._stopping.set()
        self._index.interrupt()
        self._thread.join()
        self._index.followed = False

    def _run(self) -> None:
        pause, step = 0.0, self._index.sync
        while not self._stopping.wait(pause):
            pause = EVERY_S
            try:
                step()
                step = self._index.catch_up
            except RagError as error:
                _log.error("the indexes cannot follow the catalog: %s", error)
                pause = _AFTER_FAILURE_S
            except Exception:
                _log.exception("the indexes cannot follow the catalog")
                pause = _AFTER_FAILURE_S
