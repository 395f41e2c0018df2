"""Searching a vector index that is a little behind the catalog."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.catalog import Catalog, VectorRows
from rag.index import exact
from rag.index.collection import Collection
from rag.index.state import IndexState
from rag.types import Hit

CHANGES = 1_000
"""Rows changed since the index was in step, up to which it is asked all the same: a few milliseconds more."""


def search_behind(
    collection: Collection,
    state: IndexState,
    catalog: Catalog,
    vector: NDArray[np.float32],
    k: int,
    section_kinds: Sequence[str],
    patience: float,
) -> list[Hit] | None:
    """Search an index for all but what has changed since it was in step, and that exactly; None if it is too much.

    It does not matter how much of the changes the index has been given already.

    Args:
        collection: The index.
        state: What it stands for.
        catalog: What it is behind.
        vector: A unit vector.
        k: Number of chunks.
        section_kinds: Only sections of these kinds; empty: all.
        patience: Seconds to wait for a write under way.

    Raises:
        Busy: a write was under way for longer.
        CollectionFailed: the index cannot be asked any more.
    """
    _, tables, removed = catalog.changes_since(state.changed)
    gone = set(removed)
    hits: list[Hit] = []
    for table in tables:
        gone.update(map(str, table.ids))
        if len(gone) > CHANGES:
            break
        hits += exact.search(VectorRows(table).of_kinds(section_kinds), vector, k)
    if len(gone) > CHANGES:
        return None
    known = collection.query(vector, k + len(gone), section_kinds, patience=patience)
    hits += [hit for hit in known if hit.chunk_id not in gone]
    return sorted(hits, key=lambda hit: -hit.score)[:k]
