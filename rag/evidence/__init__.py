"""Which statements answer a question: statements, scorers, verdicts. Importing this package loads no model."""

from __future__ import annotations

from rag.evidence.cache import CachedScorer, ScoreCache
from rag.evidence.reader import Reader
from rag.evidence.retriever import RETRIEVER, load_retriever
from rag.evidence.scorer import LABELS, Passage, Score, Scorer, context_of
from rag.evidence.statements import Statement, statements_of
from rag.evidence.verdicts import Thresholds, confidence, verdict
from rag.settings import Settings

__all__ = [
    "LABELS",
    "RETRIEVER",
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


def load_scorer(settings: Settings) -> Reader | None:
    """Return the reader that ``settings.reader`` names, loaded at its first statement; None where it is ``none``."""
    return None if settings.reader == NO_READER else Reader(settings)
