"""The database that holds a catalog: transactions on it, whichever engine it is, and its errors in our words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic import SecretStr
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from rag.errors import StoreDamaged, StoreError

CATALOG_FILE = "catalog.sqlite"
_AT_ONCE = 5_000
"""Rows fetched at a time, so that a whole table need not be in memory twice."""


class Lock(Protocol):
    """What one process at a time holds; it goes with its process, however that ends."""

    @property
    def held(self) -> bool:
        """True while this object holds the lock."""

    def acquire(self) -> bool:
        """Take the lock if it is free; False if another has it."""

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""

    def holder(self) -> str:
        """Say who holds the lock, as far as is known."""

    def current_holder(self) -> str:
        """Say who holds the lock now; empty if nobody does."""


class Database(ABC):
    """An open database; safe to share between threads.

    Attributes:
        name: What errors call it, without any password.
    """

    reading_options: ClassVar[Mapping[str, Any]]
    """Options of a connection in which all reads see one state."""

    elsewhere: ClassVar[bool]
    """True where it is not in the store's folder."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection in which all reads see one state.

        Raises:
            StoreDamaged: what is stored cannot be read.
            StoreError: the database cannot be used.
        """
        with self.translated(), self.engine.connect() as plain:
            connection = plain.execution_options(**self.reading_options)
            with connection.begin():
                try:
                    yield connection
                except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
                    raise self.damaged(f"a row cannot be read: {type(error).__name__}: {error}") from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a connection whose changes are all kept or all dropped; writers wait for one another.

        Raises:
            StoreLocked: another writer did not finish in time.
            StoreError: the database cannot be written.
        """
        with self.translated(), self.engine.connect() as plain:
            connection = plain.execution_options(rag_write=True)
            with connection.begin():
                self.begin_writing(connection)
                yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn database errors into ours, each with the way out."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, (SQLAlchemyError, *self.driver_errors())):
                raise
            raise self.translate(error) from error

    def damaged(self, reason: str) -> StoreDamaged:
        """Return the error for a catalog that cannot be trusted, with the ways back."""
        return StoreDamaged(f"{self.name} is damaged ({reason}). {self.way_back()}")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @abstractmethod
    def exists(self) -> bool:
        """Say whether there is anything to open."""

    @abstractmethod
    def is_writable(self) -> bool:
        """Say whether this process may write, as far as can be told beforehand."""

    @abstractmethod
    def check_suitable(self, connection: Connection) -> None:
        """Refuse a database that cannot hold every text.

        Raises:
            StoreError: it cannot.
        """

    @abstractmethod
    def begin_writing(self, connection: Connection) -> None:
        """Make a transaction the only one that writes."""

    @abstractmethod
    def damage(self, connection: Connection) -> list[str]:
        """Return what the engine itself finds wrong with its files."""

    @abstractmethod
    def lock(self, name: str) -> Lock:
        """Return a lock that all processes on this catalog share."""

    @abstractmethod
    def driver_errors(self) -> tuple[type[Exception], ...]:
        """Return the errors of the driver, which come where rows are read from it directly."""

    @abstractmethod
    def translate(self, error: Exception) -> StoreError:
        """Return our error for a database error, with the way out."""

    @abstractmethod
    def way_back(self) -> str:
        """Say how to come by a sound catalog again."""


def open_database(store: Path, url: SecretStr | None) -> Database:
    """Return the database of a catalog, not yet connected to.

    Args:
        store: The store's folder, which holds the catalog where no other place is set.
        url: The setting ``catalog_url``.

    Raises:
        SettingsError: the URL is unusable.
        StoreError: what it takes to reach the database is not installed.
    """
    if url is None:
        from rag.catalog.sqlite import SqliteDatabase

        return SqliteDatabase(store / CATALOG_FILE)
    from rag.catalog.postgres import PostgresDatabase

    return PostgresDatabase(url)


def raw_rows(connection: Connection, query: str, column: str, values: Sequence[str] | None) -> Iterator[Sequence[Any]]:
    """Yield rows from the driver itself, which takes half the time that SQLAlchemy's own rows take.

    Args:
        connection: Inside a transaction.
        query: SQL with ``{where}`` where a restriction may stand.
        column: The column to restrict.
        values: What it may hold; None: anything.
    """
    if connection.dialect.name == "sqlite":
        from rag.catalog.sqlite import open_cursor
    else:
        from rag.catalog.postgres import open_cursor
    cursor = open_cursor(connection, query, column, values)
    try:
        while rows := cursor.fetchmany(_AT_ONCE):
            yield from rows
    finally:
        cursor.close()
