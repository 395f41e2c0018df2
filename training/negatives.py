"""How near each statement of a text is to a question, by the embedding model: which silent ones are worth reading."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Embedder
from rag.evidence.scorer import context_of
from training.data import Item, Text

Vectors = NDArray[np.float32]


def statement_contexts(text: Text) -> list[str]:
    """Return the context that each statement of a text is read in."""
    return [
        context_of(text.office, text.year, path, header) for path, header in zip(text.paths, text.headers, strict=True)
    ]


def passages_to_embed(text: Text) -> list[str]:
    """Return what is embedded for each statement of a text: its context and itself."""
    pairs = zip(statement_contexts(text), text.statements, strict=True)
    return [f"{context} | {statement}" for context, statement in pairs]


class Nearness:
    """Vectors of all statements and questions, computed once and kept in a file.

    Args:
        embedder: The embedding model.
        texts: The texts by name.
        items: The items whose wordings are asked.
        cache: File that keeps the vectors of the same texts and questions by the same model.
    """

    def __init__(self, embedder: Embedder, texts: Mapping[str, Text], items: Sequence[Item], cache: Path) -> None:
        passages = {name: passages_to_embed(text) for name, text in texts.items()}
        questions = sorted({wording.text for item in items for wording in item.wordings})
        flat = [passage for name in sorted(passages) for passage in passages[name]]
        key = hashlib.sha256("\n".join([embedder.name, *flat, *questions]).encode()).hexdigest()
        stored = _read(cache, key)
        if stored is None:
            stored = (embedder.embed_passages(flat), _questions(embedder, questions))
            cache.parent.mkdir(parents=True, exist_ok=True)
            np.savez(cache, key=np.array(key), statements=stored[0], questions=stored[1])
        borders = np.cumsum([0, *(len(passages[name]) for name in sorted(passages))])
        self._statements = {
            name: stored[0][start:end] for name, start, end in zip(sorted(passages), borders, borders[1:], strict=False)
        }
        self._questions = dict(zip(questions, stored[1], strict=True))

    def order(self, text: str, question: str) -> list[int]:
        """Return the numbers of a text's statements, nearest to the question first."""
        return np.argsort(-(self._statements[text] @ self._questions[question]), kind="stable").tolist()


def _questions(embedder: Embedder, questions: Sequence[str]) -> Vectors:
    return np.stack([embedder.embed_query(question) for question in questions])


def _read(cache: Path, key: str) -> tuple[Vectors, Vectors] | None:
    if not cache.is_file():
        return None
    with np.load(cache) as stored:
        return (stored["statements"], stored["questions"]) if str(stored["key"]) == key else None
