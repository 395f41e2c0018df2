"""A model behind an OpenAI-compatible embedding server: vLLM, TEI, Ollama, ``python -m rag.embedding.server``."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.embedding.batching import embed_distinct, length_batches, printable_unicode
from rag.embedding.embedder import Progress
from rag.embedding.prefixes import choose_prefixes, identity
from rag.errors import EmbeddingError
from rag.settings import Settings

if TYPE_CHECKING:
    from langchain_openai import OpenAIEmbeddings

OPENAI_PREFIX = "openai:"
_SECONDS = 120.0
"""Time that one request may take; on two cores a batch of 32 long passages takes about three seconds."""
_RETRIES = 3
_PARALLEL = 4
"""Requests under way at a time: while one's texts are tokenised and its vectors sent, another's are embedded."""


class OpenAIEmbedder:
    """Embeds by requests to ``RAG_EMBEDDING_BASE_URL``; the model family's prefixes are put before the texts here.

    Raises:
        EmbeddingError: the settings name no model or no server.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model = settings.embedding_model.strip().removeprefix(OPENAI_PREFIX).strip()
        if not self._model or not settings.embedding_base_url:
            raise EmbeddingError(
                f"RAG_EMBEDDING_MODEL={settings.embedding_model!r} with RAG_EMBEDDING_BASE_URL="
                f"{settings.embedding_base_url!r} names no embedding server. Give both, such as openai:bge-m3 and "
                "http://127.0.0.1:8000/v1."
            )
        self._url = settings.embedding_base_url
        self._prefixes = choose_prefixes(settings, self._model)
        self._lock = threading.Lock()
        self._client: OpenAIEmbeddings | None = None
        self._dimension: int | None = None

    @property
    def name(self) -> str:
        """Identity stored with an index: the model's name, not the server's address."""
        own = choose_prefixes(self._settings.model_copy(update={"passage_prefix": None}), self._model).passage
        return identity(f"{OPENAI_PREFIX}{self._model}", self._settings, own)

    @property
    def dimension(self) -> int:
        """Length of the vectors; asks the server when nothing was embedded yet."""
        if self._dimension is None:
            self._embed_batch([self._prefixes.query])
        assert self._dimension is not None, "set by the first reply"
        return self._dimension

    def embed_passages(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """Return one unit row a text, shape (texts, dimension).

        Raises:
            EmbeddingError: the server cannot be reached, refuses, or sends what is no embedding.
        """
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        return embed_distinct(texts, self._embed, on_progress)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a question, shape (dimension,).

        Raises:
            EmbeddingError: as ``embed_passages``.
        """
        vector: NDArray[np.float32] = self._embed_batch([self._prefixes.query + printable_unicode(text)])[0]
        return vector

    def _embed(self, texts: list[str], report: Progress) -> NDArray[np.float32]:
        sent = [self._prefixes.passage + printable_unicode(text) for text in texts]
        batches = length_batches([len(text) for text in sent], self._settings.embedding_batch)
        rows: dict[int, NDArray[np.float32]] = {}
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="embedding") as threads:
            waiting = {
                threads.submit(self._embed_batch, [sent[position] for position in batch]): batch for batch in batches
            }
            try:
                for done in as_completed(waiting):
                    rows.update(zip(waiting[done], done.result(), strict=True))
                    report(len(waiting[done]))
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return np.stack([rows[position] for position in range(len(texts))])

    def _embed_batch(self, texts: list[str]) -> NDArray[np.float32]:
        with self._translated():
            replied = self._connected().embed_documents(texts)
        return self._unit_rows(replied, len(texts))

    def _unit_rows(self, replied: object, count: int) -> NDArray[np.float32]:
        """Return the reply as unit rows, if that is what it is."""
        try:
            matrix = np.asarray(replied, np.float32)
        except (TypeError, ValueError) as error:
            raise self._no_embedding("its vectors are not lists of numbers of one length") from error
        if matrix.ndim != 2 or matrix.shape[0] != count or not matrix.shape[1]:
            raise self._no_embedding(f"{count} texts were answered by an array of shape {matrix.shape}")
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise self._no_embedding("a vector is zero or not finite")
        self._check_dimension(matrix.shape[1])
        unit: NDArray[np.float32] = matrix / lengths
        return unit

    def _check_dimension(self, dimension: int) -> None:
        with self._lock:
            known = self._dimension = self._dimension or dimension
        if dimension != known:
            raise EmbeddingError(
                f"The embedding server {self._url!r} gave vectors of {known} dimensions and now gives {dimension}: "
                f"another model answers to the name {self._model!r}. Let it serve the earlier one, then try again."
            )

    def _connected(self) -> OpenAIEmbeddings:
        with self._lock:
            if self._client is None:
                self._client = _client(self._model, self._settings)
            return self._client

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the client's errors into ours, each with what to do."""
        import openai

        try:
            yield
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise EmbeddingError(
                f"The embedding server {self._url!r} does not accept the key. Set RAG_EMBEDDING_API_KEY to the one "
                "that it was started with."
            ) from error
        except openai.NotFoundError as error:
            raise EmbeddingError(
                f"The embedding server {self._url!r} has no model {self._model!r}, or its address is another one "
                f"({_line(error)}). Set RAG_EMBEDDING_MODEL to openai:NAME with a name that {self._url}/models lists; "
                "RAG_EMBEDDING_BASE_URL mostly ends in /v1."
            ) from error
        except openai.APIConnectionError as error:  # a timeout is one too
            raise EmbeddingError(
                f"The embedding server {self._url!r} (RAG_EMBEDDING_BASE_URL) cannot be reached or does not answer "
                f"within {_SECONDS:g} s ({_line(error)}). Start it, or correct the address; then run the same again."
            ) from error
        except openai.APIStatusError as error:
            raise EmbeddingError(
                f"The embedding server {self._url!r} refused ({error.status_code}: {_line(error)}). If a text was too "
                "long for it, set RAG_CHUNK_TOKENS lower; if it is busy, set RAG_EMBEDDING_BATCH below "
                f"{self._settings.embedding_batch}."
            ) from error
        except (openai.OpenAIError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._no_embedding(_line(error)) from error

    def _no_embedding(self, reason: str) -> EmbeddingError:
        return EmbeddingError(
            f"What the server {self._url!r} (RAG_EMBEDDING_BASE_URL) sent is no embedding: {reason}. Give the address "
            "of an OpenAI-compatible embedding server; it mostly ends in /v1."
        )


def _client(model: str, settings: Settings) -> OpenAIEmbeddings:
    from langchain_openai import OpenAIEmbeddings
    from pydantic import SecretStr

    return OpenAIEmbeddings(
        model=model,
        base_url=settings.embedding_base_url,
        api_key=settings.embedding_api_key or SecretStr("none"),
        check_embedding_ctx_length=False,  # else texts are sent as tokens of another model's vocabulary
        chunk_size=settings.embedding_batch,
        max_retries=_RETRIES,
        timeout=_SECONDS,
    )


def _line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
