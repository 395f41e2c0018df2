"""Queries: each takes an open connection and returns our own types."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, overload

import numpy as np
from sqlalchemy import Connection, Select, func, select

from rag.catalog import schema
from rag.catalog.database import raw_rows
from rag.catalog.records import FileRecord, InventoryRow, Matrix, ParagraphRow, VectorTable
from rag.catalog.rows import FACT_COLUMNS, text_hash, to_chunk, to_fact, to_matrix, to_meta, to_paragraph, to_section
from rag.catalog.storable import is_storable
from rag.facts import StatedFact
from rag.types import Chunk, Paragraph, Report, ReportMeta, Section, SectionKind

_SLICE = 500
"""Values in one IN list; SQLite takes 32,766, but a plan is made for each length."""

_TOO_LARGE = 2**31
"""Numbers from here on are in no column of integers."""

_PARAGRAPH = [schema.paragraphs.c[name] for name in ("number", "text", "kind", "section", "path", "section_kind")]
_SECTION = [schema.sections.c[name] for name in ("index", "level", "heading", "parent", "kind")]
_CHUNK = [
    schema.chunks.c[name]
    for name in ("id", "report_id", "ordinal", "spans", "text", "embedding_text", "path", "section_kind", "tokens")
]


def meta_value(connection: Connection, key: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return a stored value, or None."""
    return connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == key))


def metas(connection: Connection) -> dict[str, ReportMeta]:
    """Return all reports by id, ordered by region, office, year and source; unknown ones last."""
    rows = [to_meta(row) for row in connection.execute(select(schema.reports))]
    rows.sort(
        key=lambda meta: (meta.region or "\uffff", meta.office or "\uffff", meta.year or 9999, meta.source, meta.id)
    )
    return {meta.id: meta for meta in rows}


def report(connection: Connection, report_id: str) -> Report | None:
    """Return a report whole."""
    if not is_storable(report_id):
        return None
    row = connection.execute(select(schema.reports).where(schema.reports.c.id == report_id)).first()
    if row is None:
        return None
    sections = _sections(connection, report_id)
    return Report(to_meta(row), sections, paragraphs(connection, [report_id]).get(report_id, ()))


def _sections(connection: Connection, report_id: str) -> tuple[Section, ...]:
    table = schema.sections.c
    query = select(*_SECTION).where(table.report_id == report_id).order_by(table.index)
    return tuple(to_section(row) for row in connection.execute(query))


def paragraph(connection: Connection, report_id: str, number: int) -> Paragraph | None:
    """Return one paragraph."""
    if not is_storable(report_id) or not 0 < number < _TOO_LARGE:
        return None
    table = schema.paragraphs.c
    row = connection.execute(select(*_PARAGRAPH).where(table.report_id == report_id, table.number == number)).first()
    return to_paragraph(ParagraphRow(*row)) if row else None


def paragraphs(connection: Connection, report_ids: Iterable[str] | None) -> dict[str, tuple[Paragraph, ...]]:
    """Return the paragraphs of reports, in order."""
    found = paragraph_rows(connection, report_ids)
    return {report_id: tuple(map(to_paragraph, rows)) for report_id, rows in found.items()}


def paragraph_rows(connection: Connection, report_ids: Iterable[str] | None) -> dict[str, list[ParagraphRow]]:
    """Return the paragraphs of reports as stored, in order.

    A survey reads all there are, so the rows come from the driver itself (SQLAlchemy's own take twice the time), and
    what many paragraphs share is kept once.
    """
    columns = "report_id, number, text, kind, section, path, section_kind"
    query = f"SELECT {columns} FROM paragraphs {{where}} ORDER BY report_id, number"
    wanted = _storable(report_ids)
    shared: Callable[[Any], Any] = sys.intern
    found = {
        report_id: [
            ParagraphRow(number, text, shared(kind), section, shared(path), shared(section_kind))
            for _, number, text, kind, section, path, section_kind in rows
        ]
        for report_id, rows in groupby(raw_rows(connection, query, "report_id", wanted), itemgetter(0))
    }
    return found if wanted is None else {report_id: found[report_id] for report_id in wanted if report_id in found}


def facts(connection: Connection, report_ids: Iterable[str] | None) -> list[StatedFact]:
    """Return the facts of reports, in the order of their reports' ids and of the text."""
    table, report_table = schema.facts.c, schema.reports.c
    query = (
        select(table.report_id, report_table.office, report_table.region, *(table[name] for name in FACT_COLUMNS))
        .join(schema.reports, report_table.id == table.report_id)
        .order_by(table.report_id, table.ordinal)
    )
    return [to_fact(row) for row in _rows(connection, query, table.report_id, report_ids)]


def chunks(connection: Connection, chunk_ids: Iterable[str]) -> dict[str, Chunk]:
    """Return chunks by id, in the order asked for; unknown ids are left out."""
    wanted = list(chunk_ids)
    found = {row[0]: to_chunk(row) for row in _rows(connection, select(*_CHUNK), schema.chunks.c.id, wanted)}
    return {chunk_id: found[chunk_id] for chunk_id in wanted if chunk_id in found}


def paragraphs_of_chunks(connection: Connection, chunk_ids: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
    """Return (report id, paragraph number) of each paragraph in some chunks, by chunk; unknown ids are left out."""
    table = schema.chunks.c
    found = _rows(connection, select(table.id, table.report_id, table.spans), table.id, chunk_ids)
    return {
        chunk_id: list(dict.fromkeys((report_id, paragraph) for paragraph, *_ in json.loads(spans)))
        for chunk_id, report_id, spans in found
    }


def report_chunks(connection: Connection, report_id: str) -> tuple[Chunk, ...]:
    """Return a report's chunks in order."""
    table = schema.chunks.c
    query = select(*_CHUNK).where(table.report_id == report_id).order_by(table.ordinal)
    return tuple(to_chunk(row) for row in connection.execute(query))


def chunk_texts(connection: Connection) -> Iterator[tuple[str, str, str, str]]:
    """Yield (id, report id, section kind, text with its headings) of all chunks, in row order."""
    table = schema.chunks.c
    query = select(table.id, table.report_id, table.section_kind, table.embedding_text).order_by(table.row)
    for row in connection.execute(query.execution_options(yield_per=5_000)):
        chunk_id, report_id, kind, text = row
        if not (chunk_id and report_id and isinstance(text, str)):
            raise ValueError(f"chunk {chunk_id!r} of report {report_id!r} is not whole")
        yield chunk_id, report_id, SectionKind(kind).value, text


def vectors(connection: Connection, dimension: int, report_ids: Iterable[str] | None = None) -> VectorTable:
    """Return vectors, of all chunks or of some reports'."""
    query = (
        'SELECT c.id, c.report_id, c.section_kind, v.vector FROM chunks c JOIN vectors v ON v."row" = c."row" '
        '{where} ORDER BY c."row"'
    )
    return _vector_table(raw_rows(connection, query, "c.report_id", _storable(report_ids)), dimension)


def vectors_of_texts(connection: Connection, dimension: int, texts: Iterable[str]) -> dict[str, Matrix]:
    """Return the vectors of those texts that some chunk was embedded from."""
    table = schema.chunks.c
    wanted = {text: text_hash(text) for text in texts}
    hashes = list(dict.fromkeys(wanted.values()))
    found: dict[str, Matrix] = {}
    for start in range(0, len(hashes), _SLICE):
        same = table.text_hash.in_(hashes[start : start + _SLICE])
        one_each = select(func.min(table.row)).where(same).group_by(table.text_hash, table.embedding_text)
        query = (
            select(table.embedding_text, schema.vectors.c.vector)
            .join(schema.vectors, schema.vectors.c.row == table.row)
            .where(table.row.in_(one_each))
        )
        for text, vector in connection.execute(query):
            if text in wanted:  # another text may have the same hash
                found[text] = to_matrix(vector, 1, dimension)[0]
    return found


def _vector_table(rows: Iterable[Sequence[Any]], dimension: int) -> VectorTable:
    """Put rows into one table; the vectors are copied once, into what becomes the matrix."""
    columns: tuple[list[str], ...] = ([], [], [])
    vectors = bytearray()
    for row in rows:
        for column, value in zip(columns, row, strict=False):
            column.append(value)
        vectors += row[3]
    ids, report_ids, kinds = (np.array(column, dtype=np.str_) for column in columns)
    return VectorTable(ids, report_ids, kinds, to_matrix(vectors, len(ids), dimension))


def reports_since(connection: Connection, changed_after: int) -> list[str]:
    """Return ids of the reports written after a point of the change counter, in the order of writing."""
    table = schema.reports.c
    return list(connection.scalars(select(table.id).where(table.changed > changed_after).order_by(table.changed)))


def removed_chunks(connection: Connection, changed_after: int) -> list[str]:
    """Return ids of chunks taken out after a point of the change counter; some may have come back since."""
    table = schema.removals.c
    return list(connection.scalars(select(table.chunk_id).where(table.changed > changed_after)))


def count(connection: Connection, table: str) -> int:
    """Return a table's number of rows."""
    return connection.scalar(select(func.count()).select_from(schema.metadata.tables[table])) or 0


def file_records(connection: Connection) -> dict[str, FileRecord]:
    """Return all files taken in, by path."""
    table = schema.files.c
    query = select(table.path, table.report_id, table.source, table.hash, table.reader, table.overrides).order_by(
        table.path
    )
    return {row[0]: FileRecord(*row) for row in connection.execute(query)}


def report_path(connection: Connection, report_id: str) -> str | None:
    """Return the file that a report was read from, or None."""
    if not is_storable(report_id):
        return None
    return connection.scalar(select(schema.reports.c.path).where(schema.reports.c.id == report_id))


def inventory(connection: Connection) -> list[InventoryRow]:
    """Return what is known of every report, with its counts and its duplicates."""
    paragraph_counts = _counts(connection, schema.paragraphs.c.report_id)
    chunk_counts = _counts(connection, schema.chunks.c.report_id)
    details = {row.id: row for row in connection.execute(select(schema.reports))}
    duplicates: dict[str, list[str]] = defaultdict(list)
    for path, record in sorted(file_records(connection).items()):
        if details[record.report_id].path != path:
            duplicates[record.report_id].append(path)
    return [
        InventoryRow(
            meta=meta,
            path=details[report_id].path,
            format=details[report_id].format,
            added_at=details[report_id].added_at,
            paragraphs=paragraph_counts.get(report_id, 0),
            chunks=chunk_counts.get(report_id, 0),
            duplicates=tuple(duplicates[report_id]),
        )
        for report_id, meta in metas(connection).items()
    ]


def _counts(connection: Connection, column: Any) -> dict[str, int]:  # noqa: ANN401
    return {row[0]: row[1] for row in connection.execute(select(column, func.count()).group_by(column))}


def _rows(connection: Connection, query: Select[Any], column: Any, values: Iterable[str] | None) -> Iterator[Any]:  # noqa: ANN401
    """Yield the query's rows, restricted to ``values`` of ``column`` unless None."""
    if values is None:
        yield from connection.execute(query)
        return
    wanted = _storable(values)
    for start in range(0, len(wanted), _SLICE):
        yield from connection.execute(query.where(column.in_(wanted[start : start + _SLICE])))


@overload
def _storable(values: None) -> None: ...
@overload
def _storable(values: Iterable[str]) -> list[str]: ...
@overload
def _storable(values: Iterable[str] | None) -> list[str] | None: ...
def _storable(values: Iterable[str] | None) -> list[str] | None:
    """Return the values once each, without those that cannot stand in any database."""
    return None if values is None else [value for value in dict.fromkeys(values) if is_storable(value)]
