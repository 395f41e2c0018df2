"""Whether a store's folder was copied, also while it was being written: then its catalog is looked through once.

A copy of a database in use can be torn, and silently so: pages of one moment, the log of another. And a copy goes its
own way from then on, so what names its indexes must not be the original's name.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from filelock import FileLock, Timeout

from rag.catalog.checking import problems
from rag.catalog.database import CATALOG_FILE, Database
from rag.errors import StoreLocked

HOME_FILE = "catalog.home"
_LOCK = "home.lock"
_NAMED = 3
_WAIT_S = 1800.0

Execute = Callable[[str, tuple[str | int, ...]], object]
"""Runs an SQL statement with ``?`` for its parameters."""


@dataclass(frozen=True, slots=True)
class _Home:
    """Which file a catalog is in.

    Attributes:
        inode: The file's number in its file system, which no copy has.
        store: The folder, absolute.
    """

    inode: int
    store: str


def settle(store: Path, database: Database) -> None:
    """Look through a catalog whose file is not the one it was written in, then make it one of its own.

    Args:
        store: The store's folder, absolute.
        database: The catalog's database, a file in that folder.

    Raises:
        StoreDamaged: it did not come whole.
        StoreLocked: another process does not come to an end with it.
    """
    noted = _noted(store)
    if noted is not None and noted.inode == _inode(store):
        return
    if not database.is_writable():
        if noted is not None:
            _look_through(database)
        return
    try:
        with FileLock(store / _LOCK, timeout=_WAIT_S):
            _settle(store, database)
    except Timeout as error:
        raise StoreLocked(
            f"Another program has been looking through the copied store {str(store)!r} for {_WAIT_S:g} s. Wait for it "
            "to finish, or end it, then try again."
        ) from error


def _settle(store: Path, database: Database) -> None:
    noted = _noted(store)  # another process may have been first
    if noted is not None and noted.inode != _inode(store):
        _look_through(database)
        with database.writing() as connection:
            become_another(connection.exec_driver_sql, noted.store, str(store))
    _note(store)


def become_another(execute: Execute, before: str, after: str) -> None:
    """Let a copied catalog know the uploads by where they are now, and give it an id of its own.

    It may come to differ from the catalog it was copied of, and an index must not be taken for the other one's.
    """
    old, new = f"{before}{os.sep}", f"{after}{os.sep}"
    for table in ("files", "reports"):
        execute(
            f"UPDATE {table} SET path = ? || substr(path, ?) WHERE substr(path, 1, ?) = ?",
            (new, len(old) + 1, len(old), old),
        )
    execute("UPDATE meta SET value = ? WHERE key = 'catalog_id'", (json.dumps(uuid.uuid4().hex),))


def _look_through(database: Database) -> None:
    with database.reading() as connection:
        found = list(islice(problems(database, connection), _NAMED))
    if found:
        raise database.damaged(f"copied while it was being written? {'; '.join(found)}")


def _inode(store: Path) -> int:
    return (store / CATALOG_FILE).stat().st_ino


def _noted(store: Path) -> _Home | None:
    try:
        return _Home(**json.loads((store / HOME_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _note(store: Path) -> None:
    home = _Home(_inode(store), str(store))
    temporary = store / f".{HOME_FILE}.{os.getpid()}.tmp"
    with suppress(OSError):  # a full disk: it is noted another time
        try:
            temporary.write_text(json.dumps(asdict(home)), encoding="utf-8")
            temporary.replace(store / HOME_FILE)
        finally:
            temporary.unlink(missing_ok=True)
