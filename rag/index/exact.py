"""Exact nearest-neighbour search over vectors in memory."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from rag.catalog import VectorTable
from rag.types import Hit


def search(table: VectorTable, vector: NDArray[np.float32], k: int) -> list[Hit]:
    """Return the ``k`` chunks nearest to a unit vector by cosine, best first; equals in catalog order."""
    scores = table.matrix @ vector if len(table.ids) else np.zeros(0, np.float32)
    return [Hit(str(table.ids[row]), float(scores[row])) for row in best_rows(scores, k)]


def in_kinds(table: VectorTable, section_kinds: Collection[str]) -> VectorTable:
    """Return the rows whose section is of one of the kinds; none named: all."""
    if not section_kinds:
        return table
    kept = np.isin(table.section_kinds, list(section_kinds))
    return VectorTable(table.ids[kept], table.report_ids[kept], table.section_kinds[kept], table.matrix[kept])


def best_rows(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return the rows of the ``k`` highest scores, best first; equals in row order."""
    if 0 < k < len(scores):
        threshold = np.partition(scores, -k)[-k]
        rows = np.flatnonzero(scores >= threshold)
    else:
        rows = np.arange(len(scores) if k > 0 else 0)
    return rows[np.argsort(-scores[rows], kind="stable")][:k]
