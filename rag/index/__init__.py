"""The vector index and the lexical index, both derived from the catalog and rebuilt from it at will."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.index.following import Follower
    from rag.index.search import Index, Verification
    from rag.index.tokens import tokenize

__all__ = ["Follower", "Index", "Verification", "tokenize"]

_MODULES = {"Follower": "following", "Index": "search", "Verification": "search", "tokenize": "tokens"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is asked for
    """Import what is asked for: the process that only runs Chroma starts a second sooner without the rest."""
    import importlib

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
