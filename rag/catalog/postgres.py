"""The catalog in PostgreSQL: one database, shared by processes on several machines."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from zlib import crc32

from pydantic import SecretStr
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from rag.catalog.database import Database
from rag.catalog.lock import UNKNOWN_HOLDER
from rag.errors import SettingsError, StoreError, StoreLocked

_DRIVER = "postgresql+psycopg"
_WAIT_S = 30
_CONNECT_S = 10
_LOCKS = 0x5A6  # first half of every advisory lock's key, so that other programs' locks are not ours
_WRITING = 1
_KEEPALIVE = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}
"""So that the server gives back, within a minute, the locks of a machine that has gone without a word."""

_LOCK_TIMEOUT, _DISK_FULL, _READ_ONLY, _NO_RIGHT, _CANCELLED = "55P03", "53100", "25006", "42501", "57014"
_NO_DATABASE, _BAD_PASSWORD, _NO_LOGIN, _TOO_MANY = "3D000", "28P01", "28000", "53300"
_DAMAGE = ("XX001", "XX002", "42P01", "42703", "42704")
"""Corrupted page or index; a table, column or object that is not there."""


class PostgresDatabase(Database):
    """A PostgreSQL database, reached through psycopg.

    Args:
        url: ``postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE``, any of the middle parts left out.

    Raises:
        SettingsError: the URL is not of that form.
        StoreError: psycopg is not installed.
    """

    reading_options: ClassVar[Mapping[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    elsewhere = True

    def __init__(self, url: SecretStr) -> None:
        address = _parse(url)
        place = f"{address.host or 'the local socket'}:{address.port or 5432}/{address.database or ''}"
        super().__init__(_open_engine(address), f"The catalog in PostgreSQL ({place})")
        self._secrets = [value for value in (address.password, url.get_secret_value()) if value]

    def exists(self) -> bool:
        """Say yes: whether it can be reached shows on connecting."""
        return True

    def is_writable(self) -> bool:
        """Say yes: what the user may do shows on writing."""
        return True

    def check_suitable(self, connection: Connection) -> None:
        """Refuse a database that is not in UTF-8.

        Raises:
            StoreError: it is not.
        """
        encoding = connection.scalar(text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise StoreError(
                f"{self.name} keeps text as {encoding}, which cannot hold every report. Make one with `createdb NAME "
                "--encoding UTF8 --template template0`, and name it in RAG_CATALOG_URL."
            )

    def begin_writing(self, connection: Connection) -> None:
        """Wait for the writer before; a commit is on the server's disk when it is told, however the server is set."""
        local = "SELECT set_config('synchronous_commit', 'on', true), set_config('lock_timeout', :wait, true)"
        connection.execute(text(local), {"wait": f"{_WAIT_S}s"})
        connection.execute(text("SELECT pg_advisory_xact_lock(:space, :name)"), {"space": _LOCKS, "name": _WRITING})

    def damage(self, connection: Connection) -> list[str]:
        """Return nothing: PostgreSQL tells a damaged page when it is read, and all of them are."""
        return []

    def lock(self, name: str) -> AdvisoryLock:
        """Return an advisory lock."""
        return AdvisoryLock(self, name)

    def driver_errors(self) -> tuple[type[Exception], ...]:
        """Return psycopg's."""
        import psycopg

        return (psycopg.Error,)

    def translate(self, error: Exception) -> StoreError:
        """Return our error for one of PostgreSQL's, without the password."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(cause, "sqlstate", None)
        reason = self._without_secrets(" ".join(str(cause).split()))
        if state == _LOCK_TIMEOUT:
            return StoreLocked(
                f"{self.name} is being written by another program and did not come free within {_WAIT_S} s. Wait for "
                "it to finish, then try again."
            )
        if state in _DAMAGE:
            return self.damaged(reason)
        advice = _ADVICE.get(state or "") or _advice_by_words(reason)
        return StoreError(f"{self.name} {advice} ({reason})")

    def way_back(self) -> str:
        """Say how to fill an empty database from a backup."""
        return (
            "Make an empty database, name it in RAG_CATALOG_URL, and fill it from a backup: `python -m rag restore "
            "FILE.tar.gz --store NEW_FOLDER`; without a backup, run `python ingest.py` on your reports again."
        )

    def _without_secrets(self, reason: str) -> str:
        for secret in self._secrets:
            reason = reason.replace(secret, "***")
        return reason


class AdvisoryLock:
    """A lock of the server's, on a connection of its own; it goes with the connection.

    Who holds it stands in that connection's ``application_name``, which everyone may read.
    """

    def __init__(self, database: PostgresDatabase, name: str) -> None:
        self._database = database
        self._key = {"space": _LOCKS, "name": crc32(name.encode()) & 0x7FFFFFFF | 2}
        self._connection: Connection | None = None

    @property
    def held(self) -> bool:
        """True while this object holds the lock: its connection lives."""
        if self._connection is None:
            return False
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            self._drop()
        return self._connection is not None

    def acquire(self) -> bool:
        """Take the lock if it is free; False if another has it.

        Raises:
            StoreError: the server cannot be reached.
        """
        if self.held:
            return True
        with self._database.translated():
            connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                got = connection.scalar(text("SELECT pg_try_advisory_lock(:space, :name)"), self._key)
                if got:
                    self._sign(connection)
                    self._connection = connection
            finally:
                if self._connection is not connection:
                    connection.close()
        return bool(got)

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._connection is not None:
            self._drop()

    def holder(self) -> str:
        """Say who holds the lock: ``process 4711 since 2024-01-31T08:00:00+00:00 on HOST``."""
        return self.current_holder() or UNKNOWN_HOLDER

    def current_holder(self) -> str:
        """Say who holds the lock now; empty if nobody does."""
        query = (
            "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = :space AND l.objid = :name AND l.database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        with self._database.reading() as connection:
            return connection.scalar(text(query), self._key) or ""

    def _sign(self, connection: Connection) -> None:
        note = (
            f"process {os.getpid()} since {datetime.now(UTC).isoformat(timespec='seconds')} on {socket.gethostname()}"
        )
        settings = {"application_name": note[:63], **_KEEPALIVE}
        for name, value in settings.items():
            connection.execute(text("SELECT set_config(:name, :value, false)"), {"name": name, "value": str(value)})

    def _drop(self) -> None:
        """Close the connection itself, not into the pool: the server gives the lock back with it."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def open_cursor(connection: Connection, query: str, column: str, values: Sequence[str] | None) -> Any:  # noqa: ANN401
    """Run a query, restricted to values of a column unless None; without them it streams from the server."""
    driver: Any = connection.connection.driver_connection
    if values is None:
        cursor = driver.cursor(name="rag_rows", binary=True)
        cursor.execute(query.format(where=""))
    else:
        cursor = driver.cursor(binary=True)
        cursor.execute(query.format(where=f"WHERE {column} = ANY(%s)"), [list(values)])
    return cursor


def _parse(url: SecretStr) -> URL:
    form = f"{_DRIVER}://USER:PASSWORD@HOST:5432/DATABASE"
    try:
        address = make_url(url.get_secret_value())
    except (ArgumentError, ValueError) as error:
        raise SettingsError(f"RAG_CATALOG_URL is not a database URL. Write {form}.") from error
    if address.drivername != _DRIVER:
        raise SettingsError(
            f"RAG_CATALOG_URL begins with {address.drivername!r}. Write {form}, or leave it out to keep the catalog in "
            "the store's folder."
        )
    return address


def _open_engine(address: URL) -> Engine:
    """Connections are tried before use, so that a restart of the server goes unnoticed."""
    arguments = {"connect_timeout": _CONNECT_S, "application_name": "rag", "client_encoding": "utf8"}
    try:
        return create_engine(address, pool_pre_ping=True, connect_args=arguments)
    except ImportError as error:
        raise StoreError(
            "RAG_CATALOG_URL names PostgreSQL, but psycopg is not installed. Run `pip install -r "
            "requirements-scale.txt`, or leave RAG_CATALOG_URL out."
        ) from error


_ADVICE = {
    _DISK_FULL: (
        "has no space left. Nothing told as in is lost; free space on the server, then run the same command again."
    ),
    _READ_ONLY: "cannot be written: the server is a read-only copy. Name the primary server in RAG_CATALOG_URL.",
    _NO_RIGHT: (
        "cannot be used with the rights of its user. Let the user own the database, or grant CREATE on its schema and "
        "all rights on its tables."
    ),
    _NO_DATABASE: "does not exist. Make it with `createdb NAME --encoding UTF8`, or name another in RAG_CATALOG_URL.",
    _BAD_PASSWORD: "cannot be opened: user or password is wrong. Put them right in RAG_CATALOG_URL.",
    _NO_LOGIN: "cannot be opened: the server does not let this user in. Put RAG_CATALOG_URL or its pg_hba.conf right.",
    _TOO_MANY: "has no connection free. Raise max_connections on the server, or run fewer processes.",
    _CANCELLED: "gave up a query that took too long. Raise statement_timeout on the server, then try again.",
}
_WORDS = {
    "does not exist": _NO_DATABASE,
    "password": _BAD_PASSWORD,
    "pg_hba": _NO_LOGIN,
    "too many": _TOO_MANY,
    "remaining connection slots": _TOO_MANY,
}


def _advice_by_words(reason: str) -> str:
    """A refused connection has no code, only words."""
    for words, state in _WORDS.items():
        if words in reason:
            return _ADVICE[state]
    return (
        "cannot be reached or used. Check that the server runs and that RAG_CATALOG_URL names it rightly, then run the "
        "same command again; nothing told as in is lost."
    )
