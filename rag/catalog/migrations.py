"""From each version of the tables to the next, by what the store holds already.

A step may use the tables as ``schema`` has them now only as far as they were so then; the tests keep a store of every
released version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, text, update

from rag.catalog import read, schema, write
from rag.catalog.database import Database
from rag.catalog.rows import fact_rows, text_hash
from rag.errors import StoreDamaged
from rag.facts import extract_facts

_AT_ONCE = 1_000


def bring_up(database: Database) -> None:
    """Bring an older store up to this version, step by step; a kill or an error leaves it at a whole version.

    Raises:
        StoreDamaged: the store is of a version that this program does not know.
        StoreError: it cannot be written.
    """
    while True:
        with database.reading() as connection:
            version = read.meta_value(connection, "schema_version")
        if version == schema.SCHEMA_VERSION:
            return
        if not isinstance(version, int) or version not in STEPS:
            raise _unknown(database, version)
        with database.writing() as connection:
            if read.meta_value(connection, "schema_version") == version:  # else another process was first
                STEPS[version](connection)
                write.set_meta(connection, "schema_version", version + 1)


def _unknown(database: Database, version: Any) -> StoreDamaged:  # noqa: ANN401 - any JSON value
    newer = isinstance(version, int) and version > schema.SCHEMA_VERSION
    advice = (
        "It was written by a newer program: use that one, or ingest the reports into a new folder: `python ingest.py "
        "PATH… --store NEW`."
        if newer
        else database.way_back()
    )
    return StoreDamaged(
        f"{database.name} has schema version {version!r}, this program reads {schema.SCHEMA_VERSION}. {advice}"
    )


def _add_facts(connection: Connection) -> None:
    """Version 2 keeps the figures that the paragraphs state."""
    schema.facts.create(connection, checkfirst=True)
    for report_id in connection.scalars(select(schema.reports.c.id)).all():
        report = read.report(connection, report_id)
        rows = fact_rows(extract_facts(report)) if report else []
        if rows:
            connection.execute(insert(schema.facts), rows)


def _add_text_hashes(connection: Connection) -> None:
    """Version 3 finds a text's vector whatever report it stands in."""
    connection.execute(text("ALTER TABLE chunks ADD COLUMN text_hash BIGINT"))
    table, last = schema.chunks, -1
    query = select(table.c.row, table.c.embedding_text).order_by(table.c.row).limit(_AT_ONCE)
    hashing = update(table).where(table.c.row == bindparam("number")).values(text_hash=bindparam("hash"))
    while rows := connection.execute(query.where(table.c.row > last)).all():
        connection.execute(hashing, [{"number": row, "hash": text_hash(words)} for row, words in rows])
        last = rows[-1][0]
    connection.execute(text("CREATE INDEX ix_chunks_text_hash ON chunks (text_hash)"))


STEPS: Mapping[int, Callable[[Connection], None]] = {1: _add_facts, 2: _add_text_hashes}
"""What brings a store of each version up to the next."""
