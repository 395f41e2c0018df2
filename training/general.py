"""Whether the retriever's adapter loses what the base knows of other matters.

``data/general`` holds 240 passages on 24 matters that have nothing to do with reports, ten near ones of each, and a
question or two for each passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Embedder
from rag.embedding.bundled_embedder import BundledEmbedder
from rag.evidence import load_retriever
from rag.settings import Settings
from training.data import DATA, read_jsonl


def general_metrics(settings: Settings, folder: Path = DATA) -> dict[str, float | None]:
    """Return how often the right passage comes first, by the base and with the adapter, in Chinese and in English."""
    passages, questions = (read_jsonl(folder / "general" / f"{name}.jsonl") for name in ("passages", "questions"))
    metrics: dict[str, float | None] = {}
    for name, embedder in (("base", BundledEmbedder(settings)), ("with adapter", load_retriever(settings))):
        vectors = embedder.embed_passages([passage["text"] for passage in passages])
        for language in ("zh", "en"):
            asked = [question for question in questions if question["lang"] == language]
            metrics[f"right passage first, {language}, {name}"] = _first(asked, passages, vectors, embedder)
    return metrics


def _first(
    questions: Sequence[dict[str, Any]],
    passages: Sequence[dict[str, Any]],
    vectors: NDArray[np.float32],
    embedder: Embedder,
) -> float:
    found = [
        passages[int(np.argmax(vectors @ embedder.embed_query(question["q"])))]["id"] == question["id"]
        for question in questions
    ]
    return float(np.mean(found))
