"""An embedder without a model, for tests and dry runs."""

from __future__ import annotations

import math
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.embedding.batching import embed_distinct, printable_unicode
from rag.embedding.embedder import Progress

_LENGTHS = (1, 2, 3)
_START, _END = "\x02", "\x03"


class HashEmbedder:
    """Hashes character n-grams into signed features: texts that share wording are near, meaning counts for nothing.

    Deterministic on every machine. The method is Weinberger et al. 2009, *Feature Hashing for Large Scale Multitask
    Learning*, https://arxiv.org/abs/0902.2206.
    """

    def __init__(self, dimension: int = 512) -> None:
        self._dimension = dimension

    @property
    def name(self) -> str:
        """Identity stored with an index."""
        return f"hash:{self._dimension}"

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self._dimension

    def embed_passages(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """Return one unit row a text, shape (texts, dimension)."""
        return embed_distinct(texts, self._embed, on_progress)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a question, shape (dimension,)."""
        vector = np.zeros(self._dimension, np.float32)
        for gram, count in Counter(_grams(text)).items():
            code = zlib.crc32(gram.encode())
            vector[(code >> 1) % self._dimension] += (1 if code & 1 else -1) * (1 + math.log(count))
        length = float(np.linalg.norm(vector))
        if length == 0:  # features may cancel one another out
            vector[0] = length = 1.0
        return vector / np.float32(length)

    def _embed(self, texts: list[str], report: Progress) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self._dimension), np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self.embed_query(text)
            report(1)
        return vectors


def _grams(text: str) -> Iterator[str]:
    folded = _START + unicodedata.normalize("NFKC", printable_unicode(text)).casefold() + _END
    for length in _LENGTHS:
        for start in range(len(folded) - length + 1):
            yield folded[start : start + length]
