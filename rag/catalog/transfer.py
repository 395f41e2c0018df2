"""A whole catalog from one database into another: into a backup's file, and out of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection, inspect

from rag.catalog import schema
from rag.catalog.database import CATALOG_FILE, open_database
from rag.catalog.sqlite import read_only_uri
from rag.catalog.store import Catalog
from rag.errors import StoreError

_AT_ONCE = 1_000


def save_catalog(store: Path, url: SecretStr | None, target: Path) -> None:
    """Write the catalog, as it is at one moment, into a new SQLite file; others may be writing it.

    Args:
        store: The store's folder.
        url: The database that holds the catalog, None: the store's folder.
        target: The file to make.

    Raises:
        StoreError: there is no catalog, or it cannot be read.
    """
    if url is None:
        copy_file(store / CATALOG_FILE, target)
        return
    copy = open_database(target.parent, None)
    try:
        with Catalog.open(store, url=url) as catalog, catalog.database.reading() as source, copy.writing() as written:
            schema.metadata.create_all(written)
            _copy_tables(source, written)
    finally:
        copy.close()


def copy_file(source: Path, target: Path) -> None:
    """Copy an SQLite file as it is at one moment, by SQLite's own online backup."""
    with (
        closing(sqlite3.connect(read_only_uri(source.absolute()), uri=True)) as opened,
        closing(sqlite3.connect(target)) as copy,
    ):
        opened.backup(copy)


@contextmanager
def filling(folder: Path, url: SecretStr) -> Iterator[None]:
    """Fill an empty database with the catalog of a folder; it is there once the block ends without an error.

    Raises:
        StoreError: the database holds a catalog already, or cannot be written.
    """
    Catalog.open(folder).close()  # brings a catalog of an older version up
    source, target = open_database(folder, None), open_database(folder, url)
    try:
        with target.writing() as written:
            if inspect(written).has_table(schema.meta.name):
                raise StoreError(
                    f"{target.name} holds a catalog already, and a restore replaces nothing. Name an empty database in "
                    "RAG_CATALOG_URL."
                )
            target.check_suitable(written)
            schema.metadata.create_all(written)
            with source.reading() as read:
                _copy_tables(read, written)
            source.close()
            yield
    finally:
        source.close()
        target.close()


def _copy_tables(source: Connection, target: Connection) -> None:
    for table in schema.metadata.sorted_tables:
        rows = source.execution_options(yield_per=_AT_ONCE).execute(table.select()).mappings()
        for part in rows.partitions():
            target.execute(table.insert(), [dict(row) for row in part])
