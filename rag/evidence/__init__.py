"""Which statements answer a question: statements, scorers, verdicts. Importing this package loads no model."""

from __future__ import annotations

from pathlib import Path

from rag.embedding import Embedder, load_embedder
from rag.embedding.bundled_embedder import BundledEmbedder
from rag.evidence.cache import CachedScorer, ScoreCache
from rag.evidence.reader import Reader
from rag.evidence.scorer import LABELS, Passage, Score, Scorer, context_of
from rag.evidence.statements import Statement, statements_of
from rag.evidence.verdicts import Thresholds, confidence, verdict
from rag.settings import BUNDLED_MODEL, Settings

__all__ = [
    "LABELS",
    "CachedScorer",
    "Passage",
    "Reader",
    "Score",
    "ScoreCache",
    "Scorer",
    "Statement",
    "Thresholds",
    "confidence",
    "context_of",
    "load_retriever",
    "load_scorer",
    "statements_of",
    "verdict",
]

NO_READER = "none"
RETRIEVER = Path(__file__).parent / "weights" / "retriever.safetensors"
"""The adapter that brings the statements that answer to the front."""


def load_scorer(settings: Settings) -> Reader | None:
    """Return the reader that ``settings.reader`` names, loaded at its first statement; None where it is ``none``."""
    return None if settings.reader.strip() == NO_READER else Reader(settings)


def load_retriever(settings: Settings) -> Embedder:
    """Return what embeds statements and the questions asked of them: the bundled model with the adapter trained for it.

    Another embedding model is taken as it is.

    Raises:
        EmbeddingError: there is no such model.
    """
    if settings.embedding_model.strip() != BUNDLED_MODEL:
        return load_embedder(settings)
    return BundledEmbedder(settings, adapter=RETRIEVER)
