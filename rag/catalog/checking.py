"""Every way in which a catalog can contradict itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any, get_args

import numpy as np
from sqlalchemy import Connection, Table, and_, func, select

from rag.catalog import schema
from rag.catalog.database import Database
from rag.catalog.read import meta_value
from rag.catalog.rows import text_hash
from rag.types import ParagraphKind, SectionKind

_AT_ONCE = 200
"""Reports whose rows are in memory at a time."""

_UNIT = 1e-3
"""So far a unit vector's length may be from 1; a cosine is then wrong by no more than that."""

_SECTION_KINDS = {kind.value for kind in SectionKind}
_PARAGRAPH_KINDS = set(get_args(ParagraphKind))
_CHUNKED = ("body", "table_row")

Row = Any
"""A database row."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """All that is stored of one report, in order."""

    report_id: str
    sections: Sequence[Row]
    paragraphs: Sequence[Row]
    chunks: Sequence[Row]
    facts: Sequence[Row]


def problems(database: Database, connection: Connection) -> Iterator[str]:
    """Yield what is wrong with a catalog: its files, then rows that belong to nothing, then report by report."""
    yield from (f"catalog file: {found}" for found in database.damage(connection))
    yield from _bare_facts_of_store(connection)
    yield from _orphans(connection)
    dimension = int(meta_value(connection, "dimension") or 0)
    ids = list(connection.scalars(select(schema.reports.c.id).order_by(schema.reports.c.id)))
    for start in range(0, len(ids), _AT_ONCE):
        for rows in _read(connection, ids[start : start + _AT_ONCE]):
            for check in (_sections, _paragraphs, _chunks, _coverage, _facts):
                yield from (f"report {rows.report_id}: {found}" for found in check(rows))
            yield from (f"report {rows.report_id}: {found}" for found in _vectors(rows, dimension))


def _bare_facts_of_store(connection: Connection) -> Iterator[str]:
    changed, latest = meta_value(connection, "changed"), connection.scalar(select(func.max(schema.reports.c.changed)))
    if not isinstance(changed, int) or changed < (latest or 0):
        yield f"catalog: its change counter is {changed!r}, a report was written at {latest}"
    yield from (f"catalog: it has no {key}" for key in ("catalog_id",) if not meta_value(connection, key))


def _orphans(connection: Connection) -> Iterator[str]:
    reports, files, chunks = schema.reports, schema.files, schema.chunks
    for table in (schema.sections, schema.paragraphs, chunks, schema.facts, files):
        for report_id in _without(connection, table, table.c.report_id, reports.c.id):
            yield f"catalog: {table.name} of report {report_id} without the report"
    for row in _without(connection, schema.vectors, schema.vectors.c.row, chunks.c.row):
        yield f"catalog: vector {row} without its chunk"
    own = and_(files.c.report_id == reports.c.id, files.c.path == reports.c.path)
    bare = select(reports.c.id, reports.c.path).outerjoin(files, own).where(files.c.path.is_(None))
    for report_id, path in connection.execute(bare.order_by(reports.c.id)):
        yield f"report {report_id}: no file {path!r} stands for it"


def _without(connection: Connection, table: Table, column: Any, target: Any) -> Iterable[Any]:  # noqa: ANN401
    """Return the values of a column, once each, that are not where they must be."""
    query = select(column).distinct().outerjoin(target.table, target == column).where(target.is_(None))
    return connection.scalars(query.select_from(table).order_by(column)).all()


def _read(connection: Connection, ids: Sequence[str]) -> Iterator[_Rows]:
    found = {
        "sections": _by_report(connection, schema.sections, schema.sections.c.index, ids),
        "paragraphs": _by_report(connection, schema.paragraphs, schema.paragraphs.c.number, ids),
        "facts": _by_report(connection, schema.facts, schema.facts.c.ordinal, ids),
    }
    chunks, vectors = schema.chunks, schema.vectors
    query = select(chunks, vectors.c.vector).outerjoin(vectors, vectors.c.row == chunks.c.row)
    query = query.where(chunks.c.report_id.in_(ids)).order_by(chunks.c.report_id, chunks.c.ordinal)
    found["chunks"] = _grouped(connection.execute(query).mappings())
    for report_id in ids:
        yield _Rows(report_id, **{name: rows.get(report_id, []) for name, rows in found.items()})


def _by_report(connection: Connection, table: Table, order: Any, ids: Sequence[str]) -> dict[str, list[Row]]:  # noqa: ANN401
    query = select(table).where(table.c.report_id.in_(ids)).order_by(table.c.report_id, order)
    return _grouped(connection.execute(query).mappings())


def _grouped(rows: Iterable[Mapping[Any, Any]]) -> dict[str, list[Row]]:
    return {report_id: list(group) for report_id, group in groupby(rows, itemgetter("report_id"))}


def _sections(rows: _Rows) -> Iterator[str]:
    yield from _numbering("section", [row["index"] for row in rows.sections], first=0)
    for row in rows.sections:
        if row["parent"] is not None and not 0 <= row["parent"] < row["index"]:
            yield f"section {row['index']} lies in section {row['parent']}, which does not come before it"
        if row["kind"] not in _SECTION_KINDS:
            yield f"section {row['index']} is of the unknown kind {row['kind']!r}"


def _numbering(what: str, numbers: Sequence[int], first: int) -> Iterator[str]:
    wanted = list(range(first, first + len(numbers)))
    if numbers != wanted:
        missing = sorted(set(wanted) - set(numbers))
        yield f"{what} numbers are not {first}, {first + 1}, …: {missing[0]} is missing"


def _paragraphs(rows: _Rows) -> Iterator[str]:
    yield from _numbering("paragraph", [row["number"] for row in rows.paragraphs], first=1)
    digest = sha256("\n".join(row["text"] for row in rows.paragraphs).encode()).hexdigest()
    if not digest.startswith(rows.report_id):
        yield "its paragraphs are not those that it was named by: the text was changed or lost"
    sections = {row["index"]: row for row in rows.sections}
    for row in rows.paragraphs:
        if row["kind"] not in _PARAGRAPH_KINDS or row["section_kind"] not in _SECTION_KINDS:
            yield f"paragraph {row['number']} is of the unknown kind {row['kind']!r}, {row['section_kind']!r}"
        if row["section"] is not None and row["section"] not in sections:
            yield f"paragraph {row['number']} lies in section {row['section']}, which there is not"
        elif _headings(row["path"]) != _path(sections, row["section"]):
            yield f"paragraph {row['number']} has other headings than its section"


def _path(sections: Mapping[int, Row], section: int | None) -> list[str]:
    path: list[str] = []
    while section is not None and section in sections and len(path) <= len(sections):
        path.insert(0, sections[section]["heading"])
        section = sections[section]["parent"]
    return path


def _headings(path: str) -> list[str] | None:
    value = _json(path)
    return value if isinstance(value, list) else None


def _json(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text)
    except ValueError:
        return None


def _chunks(rows: _Rows) -> Iterator[str]:
    yield from _numbering("chunk", [row["ordinal"] for row in rows.chunks], first=0)
    texts = {row["number"]: row["text"] for row in rows.paragraphs}
    for row in rows.chunks:
        name = f"chunk {row['ordinal']}"
        if row["id"] != f"{rows.report_id}-c{row['ordinal']}":
            yield f"{name} has the id {row['id']!r}"
        if _cut(texts, row["spans"]) != row["text"]:
            yield f"{name} is not the text that its spans cut from the paragraphs"
        if not row["embedding_text"].endswith(row["text"]) or row["text_hash"] != text_hash(row["embedding_text"]):
            yield f"{name} was embedded from another text"
        if row["section_kind"] not in _SECTION_KINDS or _headings(row["path"]) is None:
            yield f"{name} has no headings or no kind that can be read"


def _cut(texts: Mapping[int, str], spans: str) -> str | None:
    try:
        return "\n".join(texts[number][start:end] for number, start, end in _json(spans))
    except (KeyError, TypeError, ValueError):
        return None


def _coverage(rows: _Rows) -> Iterator[str]:
    """Every character of what is chunked is in one chunk."""
    pieces: dict[int, list[tuple[int, int]]] = {}
    for row in rows.chunks:
        spans = _json(row["spans"])
        for span in spans if isinstance(spans, list) else ():
            if isinstance(span, list) and len(span) == 3 and all(isinstance(number, int) for number in span):
                pieces.setdefault(span[0], []).append((span[1], span[2]))
    for row in rows.paragraphs:
        if row["kind"] in _CHUNKED and not _covers(sorted(pieces.get(row["number"], [])), len(row["text"])):
            yield f"paragraph {row['number']} is not in the chunks, or not whole and once"


def _covers(pieces: Sequence[tuple[int, int]], length: int) -> bool:
    reached = 0
    for start, end in pieces:
        if start != reached:
            return False
        reached = end
    return reached == length


def _facts(rows: _Rows) -> Iterator[str]:
    yield from _numbering("figure", [row["ordinal"] for row in rows.facts], first=0)
    lengths = {row["number"]: len(row["text"]) for row in rows.paragraphs}
    for row in rows.facts:
        if not 0 <= row["start"] <= row["end"] <= lengths.get(row["paragraph"], -1):
            yield f"figure {row['ordinal']} stands at no place in paragraph {row['paragraph']}"


def _vectors(rows: _Rows, dimension: int) -> Iterator[str]:
    for row in rows.chunks:
        name, vector = f"chunk {row['ordinal']}", row["vector"]
        if vector is None:
            yield f"{name} has no vector"
        elif len(vector) != 4 * dimension:
            yield f"{name} has a vector of {len(vector)} bytes, not of the store's {dimension} dimensions"
        else:
            length = float(np.linalg.norm(np.frombuffer(vector, dtype="<f4").astype(np.float64)))
            if not abs(length - 1) <= _UNIT:
                yield f"{name} has a vector that is not of length 1 but {length:g}"
