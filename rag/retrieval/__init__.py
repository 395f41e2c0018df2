"""Retrieval: the paragraphs and sentences of the reports that a question is about."""

from rag.retrieval.corpus import Corpus, Passage, Sentence
from rag.retrieval.matching import Match, Weighted
from rag.retrieval.retriever import Retrieval, Retriever
from rag.retrieval.scope import Scope, resolve_scope

__all__ = ["Corpus", "Match", "Passage", "Retrieval", "Retriever", "Scope", "Sentence", "Weighted", "resolve_scope"]
