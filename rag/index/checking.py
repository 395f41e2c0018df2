"""In what the vector index differs from the catalog."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.catalog import Catalog, VectorTable
from rag.index.collection import Collection
from rag.types import ReportMeta

ALL_UP_TO = 5_000
"""Rows up to which each is looked for by its own vector (3 s at 384 dimensions); of more, so many."""

_AT_ONCE = 100
_NEAREST = 10
_SAME = 1e-5
"""Cosine distance below which two vectors count as one."""


def filter_fields(report_id: str, section_kind: str, meta: ReportMeta | None) -> dict[str, Any]:
    """Return a row's filter fields; what is unknown is left out, since Chroma has no null."""
    fields = {
        "report_id": report_id,
        "section_kind": section_kind,
        "office": meta.office if meta else None,
        "region": meta.region if meta else None,
        "year": meta.year if meta else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def differences(collection: Collection, catalog: Catalog) -> list[str]:
    """Return how a collection differs from the catalog: rows that are stored, and rows that a question finds."""
    table, metas = catalog.vectors(), catalog.metas()
    row_of = {str(chunk_id): row for row, chunk_id in enumerate(table.ids)}
    missing, surplus, wrong = set(row_of), 0, set()
    for ids, matrix, fields in collection.rows():
        for chunk_id, vector, found in zip(ids, matrix, fields, strict=True):
            row = row_of.get(chunk_id)
            if row is None:
                surplus += 1
                continue
            missing.discard(chunk_id)
            report_id = str(table.report_ids[row])
            expected = filter_fields(report_id, str(table.section_kinds[row]), metas.get(report_id))
            if not (np.allclose(vector, table.matrix[row], atol=1e-5) and found == expected):
                wrong.add(chunk_id)
    faulty = missing | wrong
    stored = [row for chunk_id, row in row_of.items() if chunk_id not in faulty]
    counts = (
        (len(missing), "chunks of the catalog are missing"),
        (surplus, "rows are not in the catalog"),
        (len(wrong), "rows differ from the catalog"),
        (_not_found(collection, table, np.array(stored, np.intp)), "rows are stored but not found by a question"),
    )
    return [f"vector index: {number} {what}" for number, what in counts if number]


def _not_found(collection: Collection, table: VectorTable, rows: NDArray[np.intp]) -> int:
    """Count the rows that a question by their own vector does not bring up; of many, a sample is asked for."""
    if len(rows) > ALL_UP_TO:
        rows = np.sort(np.random.default_rng(len(rows)).choice(rows, ALL_UP_TO, replace=False))
    lost = 0
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        for row, hits in zip(part, collection.nearest(table.matrix[part], _NEAREST), strict=True):
            # Of vectors that are equal any will do: more of them may stand there than were asked for.
            lost += not any(hit.chunk_id == table.ids[row] or hit.score > 1 - _SAME for hit in hits)
    return lost
