"""The only module that knows chromadb: collections in a folder or on a server.

Figures behind the choices (2 cores, 384 dimensions, chromadb 1.5.9): documents stored along cost two to three times
the time and disk, so only ids, vectors and filter fields go in; with the default ``ef_search`` of 100 recall@10 is
0.70–0.99 depending on the data, with 400 it is 0.95–1.00. Of 80 collections with one row unlike 8,250 that are alike, 8
did not lead to that row with the default of 16 neighbours, of 60 none with 32.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

Rows = tuple[list[str], NDArray[np.float32], list[dict[str, Any]]]
"""Ids, vectors and filter fields of some rows."""

_GRAPH = {"space": "cosine", "ef_search": 400, "max_neighbors": 32}


def load() -> None:
    """Import chromadb, which takes over a second."""
    import chromadb  # noqa: F401


class Chroma:
    """A client of Chroma; every collection is named where it is used.

    One process at a time may open a folder; the caller sees to that. Many may use a server.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - chromadb's own type
        self._client = client
        self._collections: dict[str, Any] = {}

    @classmethod
    def in_folder(cls, folder: Path) -> Chroma:
        """Open a folder, making it if need be."""
        import chromadb

        return cls(chromadb.PersistentClient(str(folder), _settings()))

    @classmethod
    def on_server(cls, url: str) -> Chroma:
        """Connect to a server, ``http://HOST:PORT``."""
        import chromadb

        address = urlsplit(url)
        secure = address.scheme == "https"
        port = address.port or (443 if secure else 8000)
        return cls(chromadb.HttpClient(address.hostname or "", port, ssl=secure, settings=_settings()))

    def close(self) -> None:
        """Close the database or the connections."""
        self._client.close()

    # Collections

    def make(self, name: str) -> None:
        """Make a collection, or take the one that is there."""
        self._collections[name] = self._client.get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": _GRAPH}
        )

    def named(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return what is noted on each collection whose name begins so."""
        found: dict[str, dict[str, Any]] = {}
        page = 100
        for start in range(0, int(self._client.count_collections()), page):
            for collection in self._client.list_collections(limit=page, offset=start):
                if collection.name.startswith(prefix):
                    found[collection.name] = dict(collection.metadata or {})
        return found

    def note(self, name: str, metadata: dict[str, Any]) -> None:
        """Note something on a collection, in place of what was noted."""
        self._collection(name).modify(metadata=metadata)

    def noted(self, name: str) -> dict[str, Any]:
        """Return what is noted on a collection."""
        return dict(self._client.get_collection(name, embedding_function=None).metadata or {})

    def remove(self, name: str) -> None:
        """Delete a collection."""
        self._collections.pop(name, None)
        self._client.delete_collection(name)

    def _collection(self, name: str) -> Any:  # noqa: ANN401 - chromadb's own type
        if name not in self._collections:
            self._collections[name] = self._client.get_collection(name, embedding_function=None)
        return self._collections[name]

    # Rows

    def count(self, name: str) -> int:
        """Return the number of rows."""
        return int(self._collection(name).count())

    def upsert(
        self, name: str, ids: Sequence[str], matrix: NDArray[np.float32], fields: Sequence[dict[str, Any]]
    ) -> None:
        """Write rows, replacing those with the same ids; one that stands there as it is to be is left alone.

        Writing a row that stands there loses one now and then from what a question finds, until the next opening: in 6
        of 528 tries right after the collection was opened, in none where it is left alone or taken out first.
        """
        collection = self._collection(name)
        standing = {chunk_id: (vector, noted) for chunk_id, vector, noted in zip(*self.rows_of(name, ids), strict=True)}
        rows = [row for row, chunk_id in enumerate(ids) if not _same(standing.get(chunk_id), matrix[row], fields[row])]
        replaced = [ids[row] for row in rows if ids[row] in standing]
        if replaced:
            collection.delete(ids=replaced)
        if rows:
            collection.upsert(
                ids=[ids[row] for row in rows], embeddings=matrix[rows], metadatas=[fields[row] for row in rows]
            )

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Delete rows; unknown ids are passed over."""
        self._collection(name).delete(ids=list(ids))

    def query(
        self, name: str, matrix: NDArray[np.float32], k: int, section_kinds: Sequence[str] = ()
    ) -> list[list[tuple[str, float]]]:
        """Return (id, cosine) of the ``k`` rows nearest to each of some vectors, best first, or all if fewer."""
        where = {"section_kind": {"$in": list(section_kinds)}} if section_kinds else None
        found = self._collection(name).query(query_embeddings=matrix, n_results=k, where=where, include=["distances"])
        return [
            [(chunk_id, 1.0 - float(distance)) for chunk_id, distance in zip(ids, distances, strict=True)]
            for ids, distances in zip(found["ids"], found["distances"], strict=True)
        ]

    def rows(self, name: str, start: int, limit: int) -> Rows:
        """Return some rows, from one on, in the collection's order."""
        return _rows(self._collection(name).get(limit=limit, offset=start, include=["embeddings", "metadatas"]))

    def rows_of(self, name: str, ids: Sequence[str]) -> Rows:
        """Return the rows with some ids; unknown ids are passed over."""
        return _rows(self._collection(name).get(ids=list(ids), include=["embeddings", "metadatas"]))


def _rows(found: Any) -> Rows:  # noqa: ANN401 - chromadb's own type
    return found["ids"], np.asarray(found["embeddings"], np.float32), found["metadatas"]


def _same(standing: tuple[Any, Any] | None, vector: NDArray[np.float32], fields: dict[str, Any]) -> bool:
    """Tell whether a row stands there with this vector and these filter fields."""
    return standing is not None and dict(standing[1] or {}) == fields and bool(np.array_equal(standing[0], vector))


def _settings() -> Any:  # noqa: ANN401 - chromadb's own type
    from chromadb.config import Settings

    logging.getLogger("chromadb.telemetry").setLevel(logging.CRITICAL)
    return Settings(anonymized_telemetry=False)
