"""The vector index and the lexical index, both derived from the catalog and rebuilt from it at will."""

from __future__ import annotations

from rag.index.search import Index, Verification
from rag.index.tokens import tokenize

__all__ = ["Index", "Verification", "tokenize"]
