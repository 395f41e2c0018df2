"""The catalog in SQLite: one file in the store's folder."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from rag.catalog.database import Database
from rag.catalog.lock import ProcessLock
from rag.errors import StoreError, StoreFull, StoreLocked, StoreReadOnly

_BUSY_MS = 30_000
_MMAP_BYTES = 64 << 20
"""Of the file, so much is mapped into memory; more is no faster, and counts as the process's own."""

_ROOM_BYTES = 64 << 10
"""With less space than this, SQLite cannot make the shared-memory file that it opens a written database with."""

_DAMAGE = ("malformed", "not a database", "no such", "decode", "corrupt", "out of range", "missing")


class SqliteDatabase(Database):
    """An SQLite file."""

    reading_options: ClassVar[Mapping[str, Any]] = {}
    elsewhere = False

    def __init__(self, path: Path) -> None:
        super().__init__(open_engine(path), f"The catalog {str(path)!r}")
        self._path = path

    def exists(self) -> bool:
        """Say whether the file is there.

        Raises:
            StoreError: this user may not look.
        """
        try:
            return self._path.exists()
        except OSError as error:
            raise StoreError(
                f"{self.name} cannot be read: {error.strerror}. Give this user permission to read its folder, or name "
                "another with --store."
            ) from error

    def is_writable(self) -> bool:
        """Say whether the folder lets us write."""
        return os.access(self._path.parent, os.W_OK)

    def check_suitable(self, connection: Connection) -> None:
        """Do nothing: SQLite's files are UTF-8."""

    def begin_writing(self, connection: Connection) -> None:
        """Do nothing: ``BEGIN IMMEDIATE`` has made it the only one."""

    def damage(self, connection: Connection) -> list[str]:
        """Let SQLite check its pages and indexes."""
        return [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check") if row[0] != "ok"]

    def lock(self, name: str) -> ProcessLock:
        """Return a lock on a file beside the catalog."""
        return ProcessLock(self._path.parent / name)

    def driver_errors(self) -> tuple[type[Exception], ...]:
        """Return sqlite3's."""
        return (sqlite3.Error,)

    def translate(self, error: Exception) -> StoreError:
        """Return our error for one of SQLite's."""
        reason = str(error.orig if isinstance(error, DBAPIError) else error)
        if "locked" in reason or "busy" in reason:
            return StoreLocked(
                f"{self.name} is being written by another program and did not come free within "
                f"{_BUSY_MS // 1000} s. Wait for it to finish, then try again."
            )
        if any(word in reason for word in _DAMAGE):
            return self.damaged(reason)
        if ran_full(reason, self._path):
            return StoreFull(
                f"No space left for the catalog {str(self._path)!r}. Nothing told as in is lost; free some space, then "
                "run the same command again."
            )
        if "readonly" in reason or "read-only" in reason:
            return StoreReadOnly(
                f"{self.name} cannot be written: its folder is read-only. Change its permissions, or name another "
                "folder with --store."
            )
        return StoreError(
            f"{self.name} cannot be used: {reason}. Check its disk and permissions; where both are well, the file is "
            f"damaged. {self.way_back()}"
        )

    def way_back(self) -> str:
        """Say how to put a sound file in its place."""
        store = self._path.parent
        return (
            "Move the folder away, then put a backup in its place: `python -m rag restore FILE.tar.gz --store "
            f"{store}`; without a backup, run `python ingest.py` on your reports again."
        )


def open_engine(path: Path) -> Engine:
    """Return an engine for the SQLite file, read-only where its folder or a full disk does not let us write.

    Write-ahead logging lets questions be answered while an ingest writes. ``synchronous=FULL`` costs one disk flush
    a report, nothing beside its embedding, and keeps a report that was told as in even through a power cut.
    """
    writable = may_write(path) and not (os.path.exists(path) and _is_crowded_out(path))
    url = URL.create("sqlite", database=str(path)) if writable else _read_only_url(path)
    engine = create_engine(url, connect_args={"timeout": _BUSY_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - a raw sqlite3 connection
        connection.isolation_level = None  # we say BEGIN ourselves, so that several reads see one state
        pragmas = ["foreign_keys=ON", f"mmap_size={_MMAP_BYTES}"]
        if writable:
            pragmas += ["journal_mode=WAL", "synchronous=FULL"]
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("rag_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def open_cursor(connection: Connection, query: str, column: str, values: Sequence[str] | None) -> Any:  # noqa: ANN401
    """Run a query, restricted to values of a column unless None; any number of them is one plan."""
    cursor = connection.connection.cursor()
    if values is None:
        cursor.execute(query.format(where=""))
    else:
        restricted = query.format(where=f"WHERE {column} IN (SELECT value FROM json_each(?))")
        cursor.execute(restricted, [json.dumps(list(values))])
    return cursor


def may_write(path: Path) -> bool:
    """Say whether permissions let us write a database."""
    return os.access(path.parent, os.W_OK) and (not os.path.exists(path) or os.access(path, os.W_OK))


def ran_full(reason: str, path: Path) -> bool:
    """Say whether a database failed because its disk is full, which SQLite tells in several ways.

    Args:
        reason: What SQLite said.
        path: The database.
    """
    if "is full" in reason:
        return True
    if "readonly" in reason or "read-only" in reason:
        return may_write(path) and is_full(path)  # opened for reading only, see ``open_engine``
    return ("disk I/O" in reason or "unable to open" in reason) and is_full(path)


def is_full(path: Path) -> bool:
    """Say whether the disk of a file is as good as full."""
    try:
        return shutil.disk_usage(path.parent).free < _ROOM_BYTES
    except OSError:
        return False


def _is_crowded_out(path: Path) -> bool:
    return is_full(path) and not os.path.exists(f"{path}-shm")


def _read_only_url(path: Path) -> URL:
    """Where nothing can be written, there is no place for the file that only a log with content needs."""
    return URL.create("sqlite", database=f"file:{quote(str(path))}", query={"uri": "true", **_read_only_flags(path)})


def read_only_uri(path: Path) -> str:
    """Return the address by which SQLite opens a database for reading, also where nothing can be written beside it."""
    flags = {"mode": "ro"} if may_write(path) and not is_full(path) else _read_only_flags(path)
    return f"file:{quote(str(path))}?{urlencode(flags)}"


def _read_only_flags(path: Path) -> dict[str, str]:
    log = f"{path}-wal"
    has_log = os.path.exists(log) and os.path.getsize(log) > 0
    return {"mode": "ro"} if has_log else {"mode": "ro", "immutable": "1"}
