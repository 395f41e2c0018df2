"""The only module that knows chromadb: one collection in one folder.

Figures behind the choices (2 cores, 384 dimensions, chromadb 1.5.9): documents stored along cost two to three times
the time and disk, so only ids, vectors and filter fields go in; with the default ``ef_search`` of 100 recall@10 is
0.70–0.99 depending on the data, with 400 it is 0.95–1.00.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.types import Hit

BATCH = 500
"""Rows written at a time; a write holds the interpreter lock (2,000 rows froze a process for 2.5 s)."""

_COLLECTION = "chunks"


class ChromaCollection:
    """A Chroma collection on disk. One process at a time may open a folder; the caller sees to that."""

    def __init__(self, folder: Path) -> None:
        import chromadb  # takes over a second, and most commands never need it
        from chromadb.config import Settings

        logging.getLogger("chromadb.telemetry").setLevel(logging.CRITICAL)
        self._client: Any = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
        self._collection: Any = self._client.get_or_create_collection(
            _COLLECTION,
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine", "ef_search": 400}},
        )

    def close(self) -> None:
        """Close the database behind the collection."""
        self._client.close()

    def count(self) -> int:
        """Return the number of rows."""
        return int(self._collection.count())

    def upsert(self, ids: Sequence[str], matrix: NDArray[np.float32], fields: Sequence[dict[str, Any]]) -> None:
        """Write rows in small batches, replacing those with the same ids."""
        for start in range(0, len(ids), BATCH):
            rows = slice(start, start + BATCH)
            self._collection.upsert(ids=list(ids[rows]), embeddings=matrix[rows], metadatas=list(fields[rows]))

    def delete(self, ids: Sequence[str]) -> None:
        """Delete rows; unknown ids are passed over."""
        for start in range(0, len(ids), BATCH):
            self._collection.delete(ids=list(ids[start : start + BATCH]))

    def query(self, vector: NDArray[np.float32], k: int, section_kinds: Sequence[str] = ()) -> list[Hit]:
        """Return the nearest rows by cosine, best first."""
        k = min(k, self.count())
        if k <= 0:
            return []
        where = {"section_kind": {"$in": list(section_kinds)}} if section_kinds else None
        found = self._collection.query(
            query_embeddings=vector[None, :], n_results=k, where=where, include=["distances"]
        )
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return [Hit(chunk_id, 1.0 - float(distance)) for chunk_id, distance in pairs]

    def rows(self) -> Iterator[tuple[list[str], NDArray[np.float32], list[dict[str, Any]]]]:
        """Yield (ids, vectors, filter fields) of everything, batch by batch."""
        for start in range(0, self.count(), BATCH):
            found = self._collection.get(limit=BATCH, offset=start, include=["embeddings", "metadatas"])
            yield found["ids"], np.asarray(found["embeddings"], np.float32), found["metadatas"]
