"""The bundled reader: a cross-encoder trained for this project, on the base that also embeds.

How it was trained and what it can do: ``training/MODEL_CARD.md``.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rag.embedding.batching import length_batches, printable_unicode
from rag.embedding.bundled import unpacked_model, weights_hash, weights_path
from rag.embedding.device import choose_attention, choose_device, choose_precision
from rag.errors import EmbeddingError, ScoringError
from rag.evidence.scorer import Passage, Progress, Score
from rag.evidence.verdicts import Thresholds
from rag.settings import BUNDLED_READER, Settings

if TYPE_CHECKING:
    from torch import Tensor

    from rag.evidence.encoding import EncodedPassage, PairEncoder
    from rag.evidence.reader_model import ReaderEncoder

WEIGHTS = Path(__file__).parent / "weights" / "reader.safetensors"
LONGEST_SPAN = 48
"""Most tokens of an answering span; chosen: 99% of the training data's are shorter."""
_BATCH_TOKENS = 2048
"""Most tokens in a batch: measured, more gains nothing in speed on a CPU (benchmarks/reader_speed.py)."""
_GPU_BATCH_TOKENS = 32_768


class Reader:
    """Scores statements with the weights that ``settings.reader`` names; they are loaded at the first statement.

    Args:
        settings: Say which weights, on which device, in which numbers.
        cache_dir: Where the base is unpacked; None: ``rag/models`` in the user's cache folder.
    """

    def __init__(self, settings: Settings, cache_dir: Path | None = None) -> None:
        self._settings = settings
        self._cache_dir = cache_dir
        self._path = WEIGHTS if settings.reader == BUNDLED_READER else Path(settings.reader)
        self._lock = threading.Lock()
        self._loaded: tuple[PairEncoder, ReaderEncoder] | None = None

    @cached_property
    def name(self) -> str:
        """Identity stored with a score: the hash of the weights."""
        try:
            with self._path.open("rb") as file:
                return f"reader@{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
        except OSError as error:
            raise ScoringError(
                f"The reader's weights {str(self._path)!r} cannot be read ({error.strerror}). Set RAG_READER to a "
                f"reader's file, or to {BUNDLED_READER!r}."
            ) from error

    @property
    def thresholds(self) -> Thresholds:
        """Probabilities from which a verdict is given, as fitted for these weights."""
        _, encoder = self._load()
        return encoder.thresholds

    def score(self, question: str, passages: Sequence[Passage], on_progress: Progress | None = None) -> list[Score]:
        """Return a score for each passage, in order.

        Raises:
            ScoringError: the weights cannot be loaded or run.
        """
        if not passages:
            return []
        pairs, encoder = self._load()
        asked = printable_unicode(question)
        encoded = pairs.encode(
            [
                (asked, Passage(printable_unicode(passage.text), printable_unicode(passage.context)))
                for passage in passages
            ]
        )
        budget = _BATCH_TOKENS if encoder.on_cpu else _GPU_BATCH_TOKENS
        batches = length_batches([len(pair.ids) for pair in encoded], self._settings.embedding_batch, budget)
        scores: list[Score | None] = [None] * len(passages)
        try:
            results = encoder.run([[encoded[number] for number in batch] for batch in batches])
            for batch, (labels, spans) in zip(batches, results, strict=True):
                for row, number in enumerate(batch):
                    scores[number] = _score(labels[row], spans[row], encoded[number], passages[number].text)
                if on_progress:
                    on_progress(len(batch))
        except (RuntimeError, MemoryError) as error:  # torch raises RuntimeError when memory runs out
            raise ScoringError(
                f"The reader failed: {error}. If memory ran out, set RAG_EMBEDDING_BATCH below "
                f"{self._settings.embedding_batch} or RAG_EMBEDDING_DEVICE to 'cpu'."
            ) from error
        return [score for score in scores if score is not None]

    def _load(self) -> tuple[PairEncoder, ReaderEncoder]:
        if self._loaded is None:
            with self._lock:
                self._loaded = self._loaded or self._loaded_now()
        return self._loaded

    def _loaded_now(self) -> tuple[PairEncoder, ReaderEncoder]:
        from tokenizers import Tokenizer

        from rag.evidence.encoding import PairEncoder
        from rag.evidence.reader_model import ReaderEncoder
        from rag.evidence.weights import read_reader_file

        file = read_reader_file(self._path)
        try:
            base = weights_hash(weights_path())
            folder = unpacked_model(self._cache_dir)
            device = choose_device(self._settings.embedding_device)
            precision = choose_precision(self._settings.embedding_precision, device)
        except EmbeddingError as error:
            raise ScoringError(f"The reader's base cannot be loaded. {error}") from error
        if file.base != base:
            raise ScoringError(
                f"The reader {str(self._path)!r} goes on the base {file.base[:12]}, and {base[:12]} is installed. "
                "Install the base's version with: pip install -r requirements.txt, or train it anew: make reader"
            )
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            encoder = ReaderEncoder(file, folder, device, precision, choose_attention(precision, device))
        except (KeyError, RuntimeError, MemoryError) as error:
            raise ScoringError(
                f"The reader {str(self._path)!r} cannot be loaded ({error!r}). Get the file again, or set RAG_READER "
                "to another reader's file or to 'none'."
            ) from error
        return PairEncoder(tokenizer), encoder


def _score(labels: Tensor, spans: Tensor, encoded: EncodedPassage, text: str) -> Score:
    """Return the score of one statement.

    Args:
        labels: Probabilities of the labels, shape (5,).
        spans: Logits of the span's first and last token, shape (tokens, 2).
        encoded: The pair in tokens.
        text: The statement.
    """
    first, last = encoded.readable
    whole = (0, len(text))
    span = _best_span(spans[first:last]) if last > first else None
    characters = encoded.characters_of(first + span[0], first + span[1]) if span else whole
    return Score.of(labels.tolist(), characters if characters[0] < characters[1] else whole)


def _best_span(logits: Tensor) -> tuple[int, int]:
    """Return the first and last token of the likeliest span that is not too long."""
    import torch

    sums = logits[:, None, 0] + logits[None, :, 1]
    allowed = torch.ones_like(sums, dtype=torch.bool).triu().tril(LONGEST_SPAN - 1)
    best = int(sums.masked_fill(~allowed, -torch.inf).argmax())
    return divmod(best, len(logits))
