"""What every embedder offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Progress = Callable[[int], None]
"""Called with the number of passages finished since it was last called; the calls add up to all of them."""


class Embedder(Protocol):
    """Turns text into unit vectors; the same text always gives the same direction.

    Safe to use from several threads. What is heavy is loaded at the first embedding.
    """

    @property
    def name(self) -> str:
        """Identity stored with an index: vectors of two embedders may be compared only if their names are equal."""

    @property
    def dimension(self) -> int:
        """Length of the vectors."""

    def embed_passages(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """Return one unit row a text, shape (texts, dimension), in the order of the texts."""

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a question, shape (dimension,)."""
