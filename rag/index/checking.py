"""In what the vector index differs from the catalog."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.catalog import Catalog
from rag.index.collection import PAUSE_S, Collection
from rag.types import ReportMeta

ALL_UP_TO = 5_000
"""Rows up to which each is looked for by its own vector (3 s at 384 dimensions); of more, so many."""

_AT_ONCE = 20
"""Rows looked for together: a question waits for so many (5 ms of 8,000 rows)."""

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
    stored = np.array([row for chunk_id, row in row_of.items() if chunk_id not in faulty], np.intp)
    if len(stored) > ALL_UP_TO:
        stored = np.sort(np.random.default_rng(len(stored)).choice(stored, ALL_UP_TO, replace=False))
    sought = ((table.ids[row], table.matrix[row]) for row in stored)
    counts = (
        (len(missing), "chunks of the catalog are missing"),
        (surplus, "rows are not in the catalog"),
        (len(wrong), "rows differ from the catalog"),
        (len(not_found(collection, sought)), "rows are stored but not found by a question"),
    )
    return [f"vector index: {number} {what}" for number, what in counts if number]


def not_found(collection: Collection, rows: Iterable[tuple[str, NDArray[np.float32]]]) -> list[str]:
    """Return the ids of the rows (id, vector) that a question by their own vector does not bring up.

    Chroma's graph need not lead to every row: one unlike all others is left out of its neighbours' lists when many
    rows that are alike come after it.
    """
    lost: list[str] = []
    left = iter(rows)
    while part := list(islice(left, _AT_ONCE)):
        found = collection.nearest(np.array([vector for _, vector in part]), _NEAREST)
        # Of vectors that are equal any will do: more of them may stand there than were asked for.
        lost += [
            str(chunk_id)
            for (chunk_id, _), hits in zip(part, found, strict=True)
            if not any(hit.chunk_id == chunk_id or hit.score > 1 - _SAME for hit in hits)
        ]
        time.sleep(PAUSE_S)
    return lost
