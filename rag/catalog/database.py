"""The database connection: how SQLite is opened, and its errors in our words."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from rag.errors import StoreDamaged, StoreError, StoreFull, StoreLocked, StoreReadOnly

CATALOG_FILE = "catalog.sqlite"
_BUSY_MS = 30_000
_MMAP_BYTES = 64 << 20
"""Of the file, so much is mapped into memory; more is no faster, and counts as the process's own."""
_ROOM_BYTES = 64 << 10
"""With less space than this, SQLite cannot make the shared-memory file that it opens a written database with."""


def open_engine(path: Path) -> Engine:
    """Return an engine for the SQLite file, read-only where its folder or a full disk does not let us write.

    Write-ahead logging lets questions be answered while an ingest writes. ``synchronous=FULL`` costs one disk flush
    a report, nothing beside its embedding, and keeps a report that was told as in even through a power cut.
    """
    writable = may_write(path) and not (path.exists() and _is_crowded_out(path))
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


def may_write(path: Path) -> bool:
    """Say whether permissions let us write a database."""
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def is_full(path: Path) -> bool:
    """Say whether the disk of a file is as good as full."""
    try:
        return shutil.disk_usage(path.parent).free < _ROOM_BYTES
    except OSError:
        return False


def _is_crowded_out(path: Path) -> bool:
    return is_full(path) and not path.with_name(f"{path.name}-shm").exists()


def read_only_uri(path: Path) -> str:
    """Return the address by which SQLite opens a database for reading, also where it may not write beside it."""
    flags = "" if may_write(path) and not is_full(path) else _read_only_url(path).query.get("immutable", "")
    return f"file:{quote(str(path))}?mode=ro{'&immutable=1' if flags else ''}"


def _read_only_url(path: Path) -> URL:
    """A read-only folder has no place for the shared-memory file, which only a log with content needs."""
    log = path.with_name(f"{path.name}-wal")
    flags = {"mode": "ro", "uri": "true"}
    if not (log.exists() and log.stat().st_size):
        flags["immutable"] = "1"
    return URL.create("sqlite", database=f"file:{quote(str(path))}", query=flags)


@contextmanager
def reading(engine: Engine, path: Path) -> Iterator[Connection]:
    """Open a connection in which all reads see one state of the catalog."""
    with translated(path), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine, path: Path) -> Iterator[Connection]:
    """Open a connection whose changes are all kept or all dropped."""
    with translated(path), engine.connect() as plain:
        connection = plain.execution_options(rag_write=True)
        with connection.begin():
            yield connection


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn database errors into ours, each with the way out."""
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:  # the latter where rows come from the driver itself
        reason = str(error.orig if isinstance(error, DatabaseError) else error)
        if "locked" in reason or "busy" in reason:
            raise StoreLocked(
                f"The catalog {str(path)!r} is being written by another program and did not come free within "
                f"{_BUSY_MS // 1000} s. Wait for it to finish, then try again."
            ) from error
        if "malformed" in reason or "not a database" in reason or "no such" in reason:
            raise StoreDamaged(
                f"The catalog {str(path)!r} is damaged ({reason}). Put a backup copy of the store in its place, or "
                "move the folder away and run `python ingest.py` on your reports again."
            ) from error
        if ran_full(reason, path):
            raise StoreFull(
                f"No space left for the catalog {str(path)!r}. Nothing told as in is lost; free some space, then run "
                "the same command again."
            ) from error
        if "readonly" in reason or "read-only" in reason:
            raise StoreReadOnly(
                f"The catalog {str(path)!r} cannot be written: its folder is read-only. Change its permissions, or "
                "name another folder with --store."
            ) from error
        raise StoreError(
            f"The catalog {str(path)!r} cannot be used: {reason}. Check the disk, and the permissions of its folder."
        ) from error


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
