"""Cuts many texts into batches that cost little: each text once, texts of like length together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.embedding.embedder import Progress


def length_batches(lengths: Sequence[int], size: int, budget: int | None = None) -> list[list[int]]:
    """Return the positions in batches, longest first, so that memory runs out at the start or not at all.

    Args:
        lengths: Length of each text.
        size: Most texts in a batch.
        budget: Most length in a batch of more than one text; None: no limit.
    """
    batches: list[list[int]] = []
    total = 0
    for position in sorted(range(len(lengths)), key=lambda position: -lengths[position]):
        over = budget is not None and total + lengths[position] > budget
        if not batches or over or len(batches[-1]) >= size:
            batches.append([])
            total = 0
        batches[-1].append(position)
        total += lengths[position]
    return batches


def embed_distinct(
    texts: Sequence[str],
    embed: Callable[[list[str], Progress], NDArray[np.float32]],
    on_progress: Progress | None,
) -> NDArray[np.float32]:
    """Embed each distinct text once and return a row for every text.

    Args:
        texts: The texts, repetitions and all.
        embed: Embeds distinct texts, telling after each batch how many it did.
        on_progress: Told of the repetitions too, at the end.
    """
    rows = {text: row for row, text in enumerate(Counter(texts))}
    report: Progress = on_progress or (lambda _: None)
    vectors = embed(list(rows), report)
    if repetitions := len(texts) - len(rows):
        report(repetitions)
    return vectors[[rows[text] for text in texts]] if repetitions else vectors


def printable_unicode(text: str) -> str:
    """Replace lone surrogates, which no tokenizer takes, by question marks."""
    return text.encode(errors="replace").decode()
