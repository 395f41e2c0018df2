"""One process at a time writes a store; the others wait for their turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.catalog import WRITER_LOCK, Catalog
from rag.errors import StoreLocked, StoreReadOnly

NEXT_LOCK = "write.next.lock"
_POLL_SECONDS = 0.05

Waiting = Callable[[str], None]
"""Told again and again whom a writer waits for; may raise to give up."""


@contextmanager
def one_writer(catalog: Catalog, wait_s: float, on_wait: Waiting = lambda holder: None) -> Iterator[None]:
    """Hold the catalog's writer lock.

    Who wants it takes the place of the next one first. So a writer that gives the lock back between two groups of
    reports gets it again only after the one who waited.

    Args:
        catalog: The store's catalog.
        wait_s: Seconds to wait for another writer.
        on_wait: Told while waiting whom it waits for.

    Raises:
        StoreLocked: another process wrote all that time.
        StoreError: the folder is read-only.
    """
    place, lock = catalog.lock(NEXT_LOCK), catalog.lock(WRITER_LOCK)
    deadline = time.monotonic() + wait_s
    try:
        for wanted in (place, lock):
            while not wanted.acquire():
                if not catalog.is_writable():
                    raise _read_only(catalog.store)
                if time.monotonic() >= deadline:
                    raise _locked(catalog.store, lock.holder(), wait_s)
                on_wait(lock.holder())
                time.sleep(_POLL_SECONDS)
        place.release()
        yield
    finally:
        place.release()
        lock.release()


def _read_only(store: Path) -> StoreReadOnly:
    return StoreReadOnly(
        f"The store {str(store)!r} is read-only. Change its permissions, or name another folder with --store."
    )


def _locked(store: Path, holder: str, wait_s: float) -> StoreLocked:
    return StoreLocked(
        f"The store {str(store)!r} is being written by {holder}, which did not come to its end within {wait_s:g} s. "
        "Wait for it to finish, then run the same command again, or raise RAG_WAIT_S. What was told as in is in."
    )
