"""Text → unit vectors. Importing this package loads no model and no ``torch``; the first embedding does."""

from __future__ import annotations

from pathlib import Path

from rag.embedding.embedder import Embedder, Progress
from rag.embedding.hashing import HashEmbedder
from rag.errors import EmbeddingError
from rag.settings import BUNDLED_MODEL, Settings

__all__ = ["Embedder", "HashEmbedder", "Progress", "load_embedder"]


def load_embedder(settings: Settings, cache_dir: Path | None = None) -> Embedder:
    """Return the embedder that ``settings.embedding_model`` names; it loads at its first embedding.

    Args:
        settings: ``embedding_model`` is the bundled model, ``hash``, ``openai:NAME`` for one behind a server, a
            Sentence Transformers name, or a folder.
        cache_dir: Where the bundled model is unpacked; None: ``rag/models`` in the user's cache folder.

    Raises:
        EmbeddingError: there is no such model.
    """
    model = settings.embedding_model.strip()
    if model == BUNDLED_MODEL:
        from rag.embedding.bundled_embedder import BundledEmbedder

        return BundledEmbedder(settings, cache_dir)
    if model == "hash":
        return HashEmbedder()
    if model.startswith("openai:"):
        from rag.embedding.openai_embedder import OpenAIEmbedder

        return OpenAIEmbedder(settings)
    if not model or model.startswith("bundled:"):
        raise EmbeddingError(
            f"RAG_EMBEDDING_MODEL={settings.embedding_model!r} names no embedding model. The bundled one is "
            f"{BUNDLED_MODEL!r}; else give a Sentence Transformers name or a folder."
        )
    from rag.embedding.sentence_transformer import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(settings)
