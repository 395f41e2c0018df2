"""Changes: each function runs inside a transaction that its caller opened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from rag.catalog import schema
from rag.catalog.read import meta_value
from rag.catalog.records import FileRecord, StoredReport
from rag.catalog.rows import chunk_rows, fact_rows, paragraph_rows, section_rows, to_bytes
from rag.facts import extract_facts


def set_meta(connection: Connection, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Store a value under a key, replacing an earlier one."""
    connection.execute(delete(schema.meta).where(schema.meta.c.key == key))
    connection.execute(insert(schema.meta).values(key=key, value=value))


def put_report(connection: Connection, stored: StoredReport) -> None:
    """Write a report and its file, in place of whatever that file held before."""
    changed = _next_change(connection)
    report_id = stored.report.meta.id
    detach_file(connection, stored.file.path, changed, unless_report=report_id)
    _delete_report(connection, report_id, changed)
    connection.execute(insert(schema.reports).values(_report_row(stored, changed)))
    for table, rows in (
        (schema.sections, section_rows(stored.report)),
        (schema.paragraphs, paragraph_rows(stored.report)),
        (schema.facts, fact_rows(extract_facts(stored.report))),
    ):
        if rows:
            connection.execute(insert(table), rows)
    _insert_chunks(connection, stored)
    put_file(connection, stored.file)


def _report_row(stored: StoredReport, changed: int) -> dict[str, Any]:
    meta = stored.report.meta
    return {
        "id": meta.id,
        "source": meta.source,
        "path": stored.file.path,
        "format": stored.format,
        "title": meta.title,
        "office": meta.office,
        "office_variants": list(meta.office_variants),
        "region": meta.region,
        "year": meta.year,
        "issued": meta.issued,
        "notes": list(meta.notes),
        "added_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "changed": changed,
    }


def _insert_chunks(connection: Connection, stored: StoredReport) -> None:
    if not stored.chunks:
        return
    first = (connection.scalar(select(func.max(schema.chunks.c.row))) or 0) + 1
    connection.execute(insert(schema.chunks), chunk_rows(stored.chunks, first))
    connection.execute(
        insert(schema.vectors),
        [
            {"row": row, "vector": to_bytes(vector)}
            for row, (_, vector) in enumerate(zip(stored.chunks, stored.matrix, strict=True), first)
        ],
    )


def put_file(connection: Connection, record: FileRecord) -> None:
    """Record a file, replacing an earlier record of its path."""
    connection.execute(delete(schema.files).where(schema.files.c.path == record.path))
    connection.execute(
        insert(schema.files).values(
            path=record.path,
            report_id=record.report_id,
            source=record.source,
            hash=record.hash,
            reader=record.reader,
            overrides=record.overrides,
        )
    )


def put_duplicate(connection: Connection, record: FileRecord) -> None:
    """Record a file whose content another file already brought in."""
    detach_file(connection, record.path, _next_change(connection), unless_report=record.report_id)
    put_file(connection, record)


def remove_file(connection: Connection, path: str) -> None:
    """Forget a file; its report goes too, unless another file holds the same content."""
    detach_file(connection, path, _next_change(connection))


def detach_file(connection: Connection, path: str, changed: int, unless_report: str | None = None) -> None:
    """Take a file away from its report; the first other file with the content takes its place, else the report goes."""
    files, reports = schema.files.c, schema.reports.c
    report_id = connection.scalar(select(files.report_id).where(files.path == path))
    if report_id is None or report_id == unless_report:
        return
    connection.execute(delete(schema.files).where(files.path == path))
    heir = connection.execute(
        select(files.path, files.source).where(files.report_id == report_id).order_by(files.path)
    ).first()
    if heir is None:
        _delete_report(connection, report_id, changed)
    elif connection.scalar(select(reports.path).where(reports.id == report_id)) == path:
        connection.execute(
            update(schema.reports).where(reports.id == report_id).values(path=heir.path, source=heir.source)
        )


def _delete_report(connection: Connection, report_id: str, changed: int) -> None:
    table = schema.chunks.c
    gone = [
        {"changed": changed, "chunk_id": chunk_id}
        for chunk_id in connection.scalars(select(table.id).where(table.report_id == report_id))
    ]
    if gone:
        connection.execute(insert(schema.removals), gone)
    connection.execute(delete(schema.reports).where(schema.reports.c.id == report_id))


def _next_change(connection: Connection) -> int:
    changed = int(meta_value(connection, "changed")) + 1
    set_meta(connection, "changed", changed)
    return changed
