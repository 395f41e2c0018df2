"""Any Sentence Transformers model, by name or from a local folder."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.embedding.batching import embed_distinct, length_batches, printable_unicode
from rag.embedding.device import choose_device
from rag.embedding.embedder import Progress
from rag.embedding.prefixes import Prefixes, choose_prefixes, identity
from rag.errors import EmbeddingError
from rag.settings import Settings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_SAMPLED_BYTES = 1 << 16
_HUB_SECONDS = 15


class SentenceTransformerEmbedder:
    """Embeds with a Sentence Transformers model; texts are cut at the model's own limit.

    A local folder never touches the network. A name is looked for in the local Hugging Face cache first.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = settings.embedding_model
        self._lock = threading.Lock()
        self._loaded: SentenceTransformer | None = None

    @cached_property
    def name(self) -> str:
        """Identity stored with an index: the model's name, for a local folder with a hash of its content."""
        folder = Path(self._name).expanduser()
        model = f"{folder.name}@{_fingerprint(folder)}" if folder.is_dir() else self._name
        return identity(model, self._settings)

    @property
    def dimension(self) -> int:
        """Length of the vectors; loads the model."""
        dimension = self._load().get_embedding_dimension()
        if dimension is None:
            dimension = len(self.embed_query(""))
        return int(dimension)

    def embed_passages(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """Return one unit row a text, shape (texts, dimension).

        Raises:
            EmbeddingError: the model cannot be loaded or run.
        """
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        return embed_distinct(texts, self._embed, on_progress)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a question, shape (dimension,).

        Raises:
            EmbeddingError: the model cannot be loaded or run.
        """
        vector: NDArray[np.float32] = self._encode([text], self._prefixes.query)[0]
        return vector

    @cached_property
    def _prefixes(self) -> Prefixes:
        return choose_prefixes(self._settings, self._name, self._load().prompts)

    def _embed(self, texts: list[str], report: Progress) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for batch in length_batches([len(text) for text in texts], self._settings.embedding_batch):
            vectors[batch] = self._encode([texts[position] for position in batch], self._prefixes.passage)
            report(len(batch))
        return vectors

    def _encode(self, texts: list[str], prefix: str) -> NDArray[np.float32]:
        try:
            vectors = self._load().encode(
                [printable_unicode(text) for text in texts],
                prompt=prefix,
                batch_size=len(texts),
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        except (RuntimeError, MemoryError, ValueError) as error:
            raise EmbeddingError(
                f"The embedding model {self._name!r} (RAG_EMBEDDING_MODEL) failed: {error}. If memory ran out, set "
                f"RAG_EMBEDDING_BATCH below {self._settings.embedding_batch}."
            ) from error
        return np.asarray(vectors, np.float32)

    def _load(self) -> SentenceTransformer:
        if self._loaded is None:
            with self._lock:
                self._loaded = self._loaded or _load(self._name, self._settings.embedding_device)
        return self._loaded


def _load(name: str, device_setting: str) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    device = str(choose_device(device_setting))
    folder = Path(name).expanduser()
    if folder.is_dir():
        try:
            return SentenceTransformer(str(folder), device=device, local_files_only=True)
        except Exception as error:  # whatever the folder's files make transformers raise
            raise EmbeddingError(
                f"RAG_EMBEDDING_MODEL={name!r} is not a usable Sentence Transformers folder ({_line(error)})."
            ) from error
    try:
        return SentenceTransformer(name, device=device, local_files_only=True)
    except Exception:  # not in the local cache, which every library in between says in its own way
        return _download(name, device)


def _download(name: str, device: str) -> SentenceTransformer:
    from huggingface_hub import HfApi
    from sentence_transformers import SentenceTransformer

    try:
        # One question first: offline, the download itself would retry for more than a minute before it gives up.
        HfApi().model_info(name, timeout=_HUB_SECONDS)
        return SentenceTransformer(name, device=device)
    except Exception as error:  # network, hub, disk and format errors of four libraries
        raise EmbeddingError(
            f"The embedding model RAG_EMBEDDING_MODEL={name!r} is neither a local folder nor in the local Hugging Face "
            f"cache, and could not be downloaded ({_line(error)}). Offline no model hub can be reached: set "
            "RAG_EMBEDDING_MODEL to a folder that holds the model, or leave it unset for the bundled one."
        ) from error


def _line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _fingerprint(folder: Path) -> str:
    """Return a hash of the folder's files: of large ones the size and both ends, since weights take long to read."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(_SAMPLED_BYTES))
            file.seek(max(0, size - _SAMPLED_BYTES))
            digest.update(file.read(_SAMPLED_BYTES))
    return digest.hexdigest()[:12]
