"""The first stage: which statements are worth reading, by an adapter on the bundled embedding model."""

from __future__ import annotations

from pathlib import Path

from rag.embedding import Embedder, load_embedder
from rag.embedding.bundled_embedder import BundledEmbedder
from rag.evidence.scorer import Passage
from rag.settings import BUNDLED_MODEL, Settings

RETRIEVER = Path(__file__).parent / "weights" / "retriever.safetensors"
"""The adapter that brings the statements that answer to the front."""


def load_retriever(settings: Settings) -> Embedder:
    """Return what embeds statements and the questions asked of them: the bundled model with the adapter trained for it.

    Another embedding model is taken as it is.

    Raises:
        EmbeddingError: there is no such model.
    """
    if settings.embedding_model.strip() != BUNDLED_MODEL:
        return load_embedder(settings)
    return BundledEmbedder(settings, adapter=RETRIEVER)


def embedded_text(passage: Passage) -> str:
    """Return what is embedded of a statement: its context and itself."""
    return f"{passage.context} | {passage.text}"
