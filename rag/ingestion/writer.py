"""One process at a time writes a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.catalog import WRITER_LOCK, ProcessLock
from rag.errors import StoreError, StoreLocked, StoreReadOnly


@contextmanager
def one_writer(store: Path) -> Iterator[None]:
    """Hold the store's writer lock.

    Raises:
        StoreLocked: another process writes.
        StoreError: the folder is read-only.
    """
    lock = ProcessLock(store / WRITER_LOCK)
    if not lock.acquire():
        raise _refusal(store, lock)
    try:
        yield
    finally:
        lock.release()


def _refusal(store: Path, lock: ProcessLock) -> StoreError:
    if not os.access(store, os.W_OK):
        return StoreReadOnly(
            f"The store {str(store)!r} is read-only. Change its permissions, or name another folder with --store."
        )
    return StoreLocked(
        f"The store {str(store)!r} is being written by {lock.holder()}. Wait for it to finish, then run the same "
        "command again."
    )
