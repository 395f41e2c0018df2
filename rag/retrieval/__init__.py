"""Retrieval: the paragraphs and sentences of the reports that a question is about."""

from rag.retrieval.corpus import Corpus
from rag.retrieval.matching import Match, Weighted
from rag.retrieval.passages import Passage, Sentence
from rag.retrieval.preloading import Preloader
from rag.retrieval.report_text import ReportText
from rag.retrieval.retriever import Retrieval, Retriever
from rag.retrieval.scope import Scope, resolve_scope

__all__ = [
    "Corpus",
    "Match",
    "Passage",
    "Preloader",
    "ReportText",
    "Retrieval",
    "Retriever",
    "Scope",
    "Sentence",
    "Weighted",
    "resolve_scope",
]
