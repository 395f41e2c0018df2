"""Two plain designs to stand beside ours in ``evaluate.py --baselines``, scored by the same rules.

- The tutorial's design: the files' text cut every 500 characters, the same embedding model, Chroma, the nearest 10.
- BM25 alone, over the same pieces.

Neither knows filters, earlier turns, offices or years: that is what they are there to show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import bm25s
import chromadb

from rag.embedding import Embedder, load_embedder
from rag.evaluation.gold import GoldQuestion
from rag.evaluation.result import Baseline
from rag.index.tokens import tokenize
from rag.settings import Settings

CHARACTERS = 500
NEAREST = 10
CHROMA_BATCH = 500


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one file's text."""

    source: str
    text: str


def split(texts: Mapping[str, str], characters: int = CHARACTERS) -> list[Piece]:
    """Cut each text every so many characters, whatever stands there."""
    return [
        Piece(source, text[start : start + characters])
        for source, text in texts.items()
        for start in range(0, len(text), characters)
    ]


def baselines(questions: Sequence[GoldQuestion], texts: Mapping[str, str], settings: Settings) -> list[Baseline]:
    """Return both designs' contexts for every question."""
    pieces = split(texts)
    return [
        _baseline("500 characters, Chroma", questions, pieces, nearest_by_vector(pieces, load_embedder(settings))),
        _baseline("500 characters, BM25", questions, pieces, nearest_by_words(pieces)),
    ]


def nearest_by_vector(pieces: Sequence[Piece], embedder: Embedder) -> Callable[[str], list[int]]:
    """Return a search that gives the nearest pieces, best first, by Chroma over the embedder's vectors."""
    client = chromadb.EphemeralClient(chromadb.config.Settings(anonymized_telemetry=False))
    collection = client.create_collection(f"tutorial-{uuid4().hex}", metadata={"hnsw:space": "cosine"})
    vectors = embedder.embed_passages([piece.text for piece in pieces])
    for start in range(0, len(pieces), CHROMA_BATCH):
        rows = range(start, min(start + CHROMA_BATCH, len(pieces)))
        collection.upsert(ids=[str(row) for row in rows], embeddings=vectors[rows.start : rows.stop])

    def search(question: str) -> list[int]:
        count = min(NEAREST, len(pieces))
        found = collection.query(query_embeddings=embedder.embed_query(question)[None, :], n_results=count, include=[])
        return [int(name) for name in found["ids"][0]]

    return search


def nearest_by_words(pieces: Sequence[Piece]) -> Callable[[str], list[int]]:
    """Return a search that gives the pieces with the highest BM25 score, best first."""
    index = bm25s.BM25()
    index.index([tokenize(piece.text) for piece in pieces], show_progress=False)

    def search(question: str) -> list[int]:
        count = min(NEAREST, len(pieces))
        found, scores = index.retrieve([tokenize(question)], k=count, show_progress=False)
        return [int(row) for row, score in zip(found[0], scores[0], strict=True) if score > 0]

    return search


def _baseline(
    name: str, questions: Sequence[GoldQuestion], pieces: Sequence[Piece], search: Callable[[str], list[int]]
) -> Baseline:
    return Baseline(name, {question.id: _contexts(pieces, search(question.question)) for question in questions})


def _contexts(pieces: Sequence[Piece], rows: Sequence[int]) -> list[dict[str, Any]]:
    return [{"source": pieces[row].source, "text": pieces[row].text} for row in rows]
