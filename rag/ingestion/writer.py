"""One process at a time writes a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rag.catalog import WRITER_LOCK, Catalog, Lock
from rag.errors import StoreError, StoreLocked, StoreReadOnly


@contextmanager
def one_writer(catalog: Catalog) -> Iterator[None]:
    """Hold the catalog's writer lock.

    Raises:
        StoreLocked: another process writes.
        StoreError: the folder is read-only.
    """
    lock = catalog.lock(WRITER_LOCK)
    if not lock.acquire():
        raise _refusal(catalog, lock)
    try:
        yield
    finally:
        lock.release()


def _refusal(catalog: Catalog, lock: Lock) -> StoreError:
    if not catalog.is_writable():
        return StoreReadOnly(
            f"The store {str(catalog.store)!r} is read-only. Change its permissions, or name another folder "
            "with --store."
        )
    return StoreLocked(
        f"The store {str(catalog.store)!r} is being written by {lock.holder()}. Wait for it to finish, then run "
        "the same command again."
    )
