"""The database of what readers wrote, beside the catalog in the store's folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, select
from sqlalchemy.exc import DatabaseError

from rag.catalog.sqlite import open_engine, ran_full
from rag.conversations import schema
from rag.errors import ConversationError

CONVERSATIONS_FILE = "conversations.sqlite"


class Database:
    """Transactions over conversations and feedback; several threads and processes may share the file.

    Args:
        folder: The store's folder.

    Raises:
        ConversationError: the folder can't be written, or the file is damaged or a newer program's.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder.absolute() / CONVERSATIONS_FILE
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if not os.access(folder, os.W_OK):
            raise ConversationError(
                f"Conversations cannot be kept in {str(folder)!r}: the folder is missing or read-only. Change its "
                "permissions, or name another store (--store or RAG_STORE)."
            )
        self._engine = open_engine(self.path)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @classmethod
    def temporary(cls) -> Self:
        """Open a database that goes when it is closed."""
        folder = tempfile.TemporaryDirectory(prefix="rag-conversations-")
        database = cls(Path(folder.name))
        database._folder = folder
        return database

    def _prepare(self) -> None:
        with self.writing() as connection:
            schema.metadata.create_all(connection)
            key, value = schema.meta.c.key, schema.meta.c.value
            version = connection.execute(select(value).where(key == "schema_version")).scalar()
            if version is None:
                connection.execute(schema.meta.insert().values(key="schema_version", value=str(schema.SCHEMA_VERSION)))
            elif version != str(schema.SCHEMA_VERSION):
                raise ConversationError(
                    f"{str(self.path)!r} has schema version {version}, this program reads {schema.SCHEMA_VERSION}. "
                    "Use the program that wrote it, or move the file away to begin a new one."
                )

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()
        if self._folder:
            self._folder.cleanup()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection in which all reads see one state."""
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a connection whose changes are all kept or all dropped."""
        with self._translated(), self._engine.connect() as plain:
            connection = plain.execution_options(rag_write=True)
            with connection.begin():
                yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn database errors into ours, each with the way out."""
        try:
            yield
        except DatabaseError as error:
            reason = str(error.orig)
            if "locked" in reason or "busy" in reason:
                advice = "another program is writing it; try again in a moment"
            elif ran_full(reason, self.path):
                advice = "no space is left; free some, then try again"
            elif "malformed" in reason or "not a database" in reason:
                advice = f"it is damaged ({reason}); put a backup copy in its place or move it away"
            elif "readonly" in reason or "read-only" in reason:
                advice = "the folder is read-only; change its permissions, or name another store (--store or RAG_STORE)"
            else:
                advice = f"{reason}; check the disk, and the permissions of the folder"
            raise ConversationError(f"The conversations in {str(self.path)!r} cannot be used: {advice}.") from error
