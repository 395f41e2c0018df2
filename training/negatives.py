"""How near each statement of a text is to a question, by the embedding model: which silent ones are worth reading."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Embedder
from rag.embedding.bundled_embedder import BundledEmbedder
from rag.embedding.prefixes import E5
from rag.evidence.retriever import embedded_text
from rag.evidence.scorer import Passage, context_of
from rag.settings import Settings
from training.data import Item, Text

Vectors = NDArray[np.float32]
READ = 8
"""Statements of a text that are read, the nearest to the question by embedding (DESIGN: a report's first 8)."""


def statement_contexts(text: Text, kind: str = "headings") -> list[str]:
    """Return the context that each statement of a text is read in.

    Args:
        text: The text.
        kind: ``headings`` as the reader is served; ``heading`` (the innermost alone), ``none`` or ``neighbours`` to
            compare with it.

    Raises:
        ValueError: there is no such kind.
    """
    headings = [
        context_of(text.office, text.year, path, header) for path, header in zip(text.paths, text.headers, strict=True)
    ]
    match kind:
        case "headings":
            return headings
        case "heading":
            inner = (path[-1:] for path in text.paths)
            return [context_of(None, None, path, header) for path, header in zip(inner, text.headers, strict=True)]
        case "none":
            return [""] * len(headings)
        case "neighbours":
            before = ["", *text.statements[:-1]]
            return [f"{context} | {statement}" for context, statement in zip(headings, before, strict=True)]
        case _:
            raise ValueError(f"There is no context {kind!r}; take headings, heading, none or neighbours.")


def passages_to_embed(text: Text) -> list[str]:
    """Return what is embedded for each statement of a text."""
    pairs = zip(statement_contexts(text), text.statements, strict=True)
    return [embedded_text(Passage(statement, context)) for context, statement in pairs]


class Nearness:
    """Vectors of all statements and questions; those computed once are kept in a file.

    Args:
        texts: The texts by name.
        items: The items whose wordings are asked.
        cache: File that keeps the vectors, whichever texts and questions are wanted.
        adapter: File of the first stage's adapter; None: the base as it is.
    """

    def __init__(
        self, texts: Mapping[str, Text], items: Sequence[Item], cache: Path, adapter: Path | None = None
    ) -> None:
        passages = {name: passages_to_embed(texts[name]) for name in dict.fromkeys(item.text for item in items)}
        questions = list(dict.fromkeys(wording.text for item in items for wording in item.wordings))
        flat = [passage for of_text in passages.values() for passage in of_text]
        prefixed = [E5.query + question for question in questions] + [E5.passage + passage for passage in flat]
        # One prefix for both, empty, so that questions are embedded many at a time as passages are.
        embedder = BundledEmbedder(Settings(_env_file=None, passage_prefix=""), adapter=adapter)
        vectors = _kept(prefixed, embedder, cache)
        self._questions = dict(zip(questions, vectors, strict=False))
        borders = np.cumsum([len(questions), *map(len, passages.values())])
        self._statements = {
            name: vectors[start:end] for name, start, end in zip(passages, borders, borders[1:], strict=False)
        }

    def order(self, text: str, question: str) -> list[int]:
        """Return the numbers of a text's statements, nearest to the question first."""
        return np.argsort(-(self._statements[text] @ self._questions[question]), kind="stable").tolist()


def _kept(texts: Sequence[str], embedder: Embedder, cache: Path) -> Vectors:
    """Return the vectors of texts, computing those that the file does not hold yet."""
    keys = [hashlib.sha256(f"{embedder.name}\n{text}".encode()).hexdigest() for text in texts]
    known: dict[str, Vectors] = {}
    with suppress(FileNotFoundError, BadZipFile, EOFError, KeyError), np.load(cache) as stored:
        known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if missing:
        known |= dict(zip(missing, embedder.embed_passages(list(missing.values())), strict=True))
        cache.parent.mkdir(parents=True, exist_ok=True)
        beside = cache.with_suffix(f".{os.getpid()}.npz")
        np.savez(beside, keys=np.array(list(known)), vectors=np.stack(list(known.values())))
        beside.replace(cache)
    return np.stack([known[key] for key in keys])
