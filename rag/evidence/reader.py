"""The bundled reader: a cross-encoder trained for this project, on the base that also embeds.

How it was trained and what it can do: ``training/MODEL_CARD.md``.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rag.embedding.batching import length_batches, printable_unicode
from rag.embedding.bundled import unpacked_model, weights_hash, weights_path
from rag.embedding.device import choose_attention, choose_device, choose_precision
from rag.embedding.embedder import Progress
from rag.errors import EmbeddingError, ScoringError
from rag.evidence.scorer import Passage, Score
from rag.evidence.verdicts import Thresholds
from rag.settings import BUNDLED_READER, Settings

if TYPE_CHECKING:
    from torch import Tensor

    from rag.evidence.encoding import EncodedPassage, PairEncoder
    from rag.evidence.reader_model import ReaderEncoder

WEIGHTS = Path(__file__).parent / "weights" / "reader.safetensors"
VERSION = 1
"""Raised when this program makes other scores of the same weights, so that kept ones are not taken for its own."""
LONGEST_SPAN = 48
"""Most tokens of an answering span; chosen: longer than all but 1% of those in the training data."""
_BATCH_TOKENS = 2048
"""Most tokens in a batch on a CPU; chosen: its activations stay near the processor."""
_GPU_BATCH_TOKENS = 32_768
_log = logging.getLogger(__name__)


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
        """Identity stored with a score: the hash of the weights, and whatever else a score depends on."""
        numbers = "+int8" if self._settings.embedding_precision == "int8" else ""
        return f"reader-{VERSION}@{file_hash(self._path)[:12]}{numbers}"

    @cached_property
    def thresholds(self) -> Thresholds:
        """Probabilities from which a verdict is given, as fitted for these weights; read without loading them.

        Raises:
            ScoringError: the weights cannot be read.
        """
        from rag.evidence.reader_file import read_header

        return read_header(self._path).thresholds

    def score(self, question: str, passages: Sequence[Passage], on_progress: Progress | None = None) -> list[Score]:
        """Return a score for each passage, in order. What memory does not suffice for at once is read one by one.

        Raises:
            ScoringError: the weights cannot be loaded or run.
        """
        if not passages:
            return []
        pairs, _ = self._load()
        asked = printable_unicode(question)
        printable = [Passage(printable_unicode(one.text), printable_unicode(one.context)) for one in passages]
        encoded = pairs.encode([(asked, passage) for passage in printable])
        scores: dict[int, Score] = {}
        try:
            self._run(encoded, printable, scores, self._settings.embedding_batch, on_progress)
        except ScoringError as error:
            if self._settings.embedding_batch == 1:
                raise
            _log.warning("%s The rest is read one by one.", error)
            self._run(encoded, printable, scores, 1, on_progress)
        return [scores[number] for number in range(len(passages))]

    def _run(
        self,
        encoded: Sequence[EncodedPassage],
        passages: Sequence[Passage],
        scores: dict[int, Score],
        size: int,
        on_progress: Progress | None,
    ) -> None:
        """Score the pairs that have no score yet, in batches of a size at most."""
        _, encoder = self._load()
        waiting = [number for number in range(len(encoded)) if number not in scores]
        budget = _BATCH_TOKENS if encoder.on_cpu else _GPU_BATCH_TOKENS
        lengths = [len(encoded[number].ids) for number in waiting]
        batches = [[waiting[place] for place in batch] for batch in length_batches(lengths, size, budget)]
        with closing(encoder.run([[encoded[number] for number in batch] for batch in batches])) as results:
            for batch in batches:
                try:
                    labels, spans = next(results)
                except (RuntimeError, MemoryError) as error:  # torch raises RuntimeError when memory runs out
                    raise ScoringError(
                        f"The reader failed: {error}. If memory ran out, set RAG_EMBEDDING_BATCH below {size} or "
                        "RAG_EMBEDDING_DEVICE to 'cpu'."
                    ) from error
                for row, number in enumerate(batch):
                    scores[number] = _score(labels[row], spans[row], encoded[number], passages[number].text)
                if on_progress:
                    on_progress(len(batch))

    def _load(self) -> tuple[PairEncoder, ReaderEncoder]:
        if self._loaded is None:
            with self._lock:
                self._loaded = self._loaded or self._loaded_now()
        return self._loaded

    def _loaded_now(self) -> tuple[PairEncoder, ReaderEncoder]:
        from tokenizers import Tokenizer

        from rag.evidence.encoding import PairEncoder
        from rag.evidence.reader_file import read_reader_file
        from rag.evidence.reader_model import ReaderEncoder

        name, file = self.name, read_reader_file(self._path)
        if file_hash(self._path)[:12] not in name:
            raise ScoringError(f"The reader's weights {str(self._path)!r} were replaced meanwhile. Start again.")
        try:
            base = weights_hash(weights_path())
            folder = unpacked_model(self._cache_dir)
            device = choose_device(self._settings.embedding_device)
            precision = choose_precision(self._settings.embedding_precision, device)
        except EmbeddingError as error:
            raise ScoringError(f"The reader's base cannot be loaded. {error}") from error
        if file.header.base != base:
            raise ScoringError(
                f"The reader {str(self._path)!r} goes on base {file.header.base[:12]}, and {base[:12]} is installed. "
                "Install the base's version with: pip install -r requirements.txt, or train it anew: make reader"
            )
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            encoder = ReaderEncoder(file, folder, device, precision, choose_attention(precision, device))
        except Exception as error:  # tokenizers raises bare Exception, safetensors and torch their own kinds
            raise ScoringError(
                f"The reader {str(self._path)!r} cannot be loaded on the model in {str(folder)!r} ({error!r}). Delete "
                "that folder, it is unpacked again; if that does not help, set RAG_READER to another file or to 'none'."
            ) from error
        return PairEncoder(tokenizer), encoder


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a reader's file, in hexadecimal digits.

    Raises:
        ScoringError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ScoringError(
            f"The reader's weights {str(path)!r} cannot be read ({error.strerror}). Set RAG_READER to a reader's file, "
            f"or to {BUNDLED_READER!r}."
        ) from error


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
    start, end = encoded.characters_of(first + span[0], first + span[1]) if span else whole
    words = text[start:end]
    start, end = start + len(words) - len(words.lstrip()), end - len(words) + len(words.rstrip())
    return Score.of(labels.tolist(), (start, end) if start < end else whole)


def _best_span(logits: Tensor) -> tuple[int, int]:
    """Return the first and last token of the likeliest span that is not too long."""
    import torch

    sums = logits[:, None, 0] + logits[None, :, 1]
    allowed = torch.ones_like(sums, dtype=torch.bool).triu().tril(LONGEST_SPAN - 1)
    best = int(sums.masked_fill(~allowed, -torch.inf).argmax())
    return divmod(best, len(logits))
