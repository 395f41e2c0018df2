"""The reader's forward pass: the encoder with the reader's weights, and its two heads."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from rag.embedding.encoder import BertEncoder
from rag.evidence.encoding import EncodedPassage
from rag.evidence.reader_file import ReaderFile, layers_of

_HEADS = ("label.weight", "label.bias", "span.weight", "span.bias")

Outputs = tuple[Tensor, tuple[Tensor, ...]]
"""Probabilities of the labels, shape (pairs, 5), and for each pair the span logits, shape (tokens, 2)."""


class ReaderEncoder:
    """The encoder and the heads, on a device.

    Args:
        file: The weights.
        folder: The unpacked base, whose word embeddings it shares.
        device: Where it runs.
        precision: Numbers that matrices are multiplied in.
        attention: Numbers that attention is computed in.
    """

    def __init__(
        self, file: ReaderFile, folder: Path, device: torch.device, precision: torch.dtype, attention: torch.dtype
    ) -> None:
        heads = {name: file.tensors[name].to(device) for name in _HEADS}
        body = {name: tensor for name, tensor in file.tensors.items() if name not in _HEADS}
        self._encoder = BertEncoder(folder, device, precision, attention, body, layers_of(body))
        if (width := heads["label.weight"].shape[1]) != self._encoder.dimension:
            raise ValueError(f"it is {width} wide, and the model {self._encoder.dimension}")
        self._label = heads["label.weight"], heads["label.bias"]
        self._span = heads["span.weight"], heads["span.bias"]

    @property
    def on_cpu(self) -> bool:
        """True if it runs on the CPU."""
        return self._encoder.on_cpu

    def run(self, batches: Sequence[Sequence[EncodedPassage]]) -> Generator[Outputs, None, None]:
        """Yield the outputs for each batch of pairs, in order."""
        return self._encoder.map_batches(self._outputs, [[pair.ids for pair in batch] for batch in batches])

    @torch.inference_mode()
    def _outputs(self, batch: Sequence[Sequence[int]]) -> Outputs:
        states = self._encoder.states(batch)
        pooled = torch.stack([pair.mean(0) for pair in states])
        labels = functional.linear(pooled, *self._label).softmax(1)
        spans = functional.linear(torch.cat(states), *self._span).cpu()
        return labels.cpu(), torch.split(spans, [len(pair) for pair in states])
