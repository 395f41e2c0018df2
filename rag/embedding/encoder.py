"""A BERT encoder with mean pooling, for one purpose: little time between a text and its vector.

It reads a Sentence Transformers folder and gives the vectors that library gives. It is here because importing
``sentence_transformers`` takes five seconds of a cold process where this takes none beyond ``torch``, and because the
tokens of a batch stand in one matrix without padding, so that no multiplication is spent on nothing.
The architecture is Devlin et al. 2019, *BERT*, https://arxiv.org/abs/1810.04805.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

from rag.embedding.linear import FloatLinear, Int8Linear, Linear

THREADS = torch.get_num_threads()
"""Threads that torch has of itself. Asked here, since one thread told to work alone tells all that begin later."""

Result = TypeVar("Result")

_Norm = tuple[Tensor, Tensor]
"""Weight and bias of a layer norm."""


@dataclass(frozen=True, slots=True)
class _Layer:
    attention_input: Linear
    attention_output: Linear
    attention_norm: _Norm
    widen: Linear
    narrow: Linear
    output_norm: _Norm


class BertEncoder:
    """The encoder, loaded from a folder onto a device.

    Matrices are multiplied in ``precision`` (float32, bfloat16, int8); sums, norms and vectors stay in float32.

    On a CPU a batch is one thread's work, and batches go side by side: threads that share a batch wait for one another
    after each of its hundreds of steps, which on a busy machine takes ten times as long as the steps themselves.

    Args:
        folder: The model.
        device: Where it runs.
        precision: Numbers that matrices are multiplied in.
        attention: Numbers that attention is computed in.
        weights: Tensors that take the place of the folder's.
        layers: Layers that are run, from the first; None: all.
    """

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        precision: torch.dtype,
        attention: torch.dtype,
        weights: Mapping[str, Tensor] | None = None,
        layers: int | None = None,
    ) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.dimension: int = config["hidden_size"]
        self._heads: int = config["num_attention_heads"]
        self._epsilon: float = config["layer_norm_eps"]
        self._device = device
        self._precision = precision
        self._attention = attention
        self._at_once = THREADS if device.type == "cpu" else 1
        with safe_open(folder / "model.safetensors", "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()} | dict(weights or {})
        self._words = tensors["embeddings.word_embeddings.weight"].to(device)
        # Every token is of the first type, so its vector goes into the positions once and for all.
        first_type = tensors["embeddings.token_type_embeddings.weight"][0]
        self._positions = (tensors["embeddings.position_embeddings.weight"] + first_type).to(device)
        self._norm = self._layer_norm(tensors, "embeddings.LayerNorm")
        count: int = config["num_hidden_layers"] if layers is None else layers
        self._layers = [self._layer(tensors, number) for number in range(count)]

    @property
    def on_cpu(self) -> bool:
        """True if it runs on the CPU."""
        return self._device.type == "cpu"

    @torch.inference_mode()
    def encode(self, batch: Sequence[Sequence[int]]) -> Tensor:
        """Return a unit row for each list of token ids, shape (batch, dimension), float32 on the CPU."""
        return functional.normalize(torch.stack([text.mean(0) for text in self.states(batch)]), dim=1).cpu()

    def encode_all(self, batches: Sequence[Sequence[Sequence[int]]]) -> Generator[Tensor, None, None]:
        """Yield what ``encode`` returns for each batch, in order, with several under way."""
        return self.map_batches(self.encode, batches)

    def map_batches(
        self, compute: Callable[[Sequence[Sequence[int]]], Result], batches: Sequence[Sequence[Sequence[int]]]
    ) -> Generator[Result, None, None]:
        """Yield what a function of a batch returns for each, in order, with several under way."""
        if len(batches) == 1 or self._at_once == 1:
            yield from map(compute, batches)
            return
        with ThreadPoolExecutor(self._at_once) as pool:
            yield from pool.map(compute, batches)

    @torch.inference_mode()
    def states(self, batch: Sequence[Sequence[int]]) -> tuple[Tensor, ...]:
        """Return for each list of token ids the last layer's states, shape (tokens, dimension), float32."""
        if self.on_cpu:
            torch.set_num_threads(1)  # of this thread, and of those that begin later
        lengths = [len(ids) for ids in batch]
        tokens = torch.tensor([token for ids in batch for token in ids], device=self._device)
        positions = torch.cat([torch.arange(length) for length in lengths]).to(self._device)
        states = self._normalise(self._words[tokens] + self._positions[positions], self._norm)
        for layer in self._layers:
            states = self._transform(states, layer, lengths)
        return torch.split(states, lengths)

    def _transform(self, states: Tensor, layer: _Layer, lengths: list[int]) -> Tensor:
        attended = layer.attention_output(self._attend(layer.attention_input(states), lengths))
        states = self._normalise(states + attended, layer.attention_norm)
        return self._normalise(states + layer.narrow(functional.gelu(layer.widen(states))), layer.output_norm)

    def _attend(self, mixed: Tensor, lengths: list[int]) -> Tensor:
        """Let the tokens of each text attend to one another, and to no other text's."""
        heads = mixed.to(self._attention).view(len(mixed), 3, self._heads, -1).permute(1, 2, 0, 3).unsqueeze(1)
        joined = torch.empty(len(mixed), self.dimension, dtype=self._attention, device=self._device)
        places = torch.split(joined.view(len(mixed), self._heads, -1), lengths)
        for (query, key, value), place in zip(torch.split(heads, lengths, dim=3), places, strict=True):
            place.copy_(functional.scaled_dot_product_attention(query, key, value)[0].transpose(0, 1))
        return joined

    def _normalise(self, states: Tensor, norm: _Norm) -> Tensor:
        return functional.layer_norm(states, (self.dimension,), *norm, self._epsilon)

    def _layer(self, tensors: dict[str, Tensor], number: int) -> _Layer:
        prefix = f"encoder.layer.{number}."
        inputs = [f"{prefix}attention.self.{part}" for part in ("query", "key", "value")]
        return _Layer(
            attention_input=self._linear(tensors, *inputs),
            attention_output=self._linear(tensors, prefix + "attention.output.dense"),
            attention_norm=self._layer_norm(tensors, prefix + "attention.output.LayerNorm"),
            widen=self._linear(tensors, prefix + "intermediate.dense"),
            narrow=self._linear(tensors, prefix + "output.dense"),
            output_norm=self._layer_norm(tensors, prefix + "output.LayerNorm"),
        )

    def _linear(self, tensors: dict[str, Tensor], *names: str) -> Linear:
        """Return the product with the matrices of that name, one beside the other."""
        weight, bias = (torch.cat([tensors[f"{name}.{kind}"] for name in names]) for kind in ("weight", "bias"))
        if self._precision is torch.int8:
            return Int8Linear(weight, bias)
        return FloatLinear(weight, bias, self._device, self._precision)

    def _layer_norm(self, tensors: dict[str, Tensor], name: str) -> _Norm:
        return tensors[f"{name}.weight"].to(self._device), tensors[f"{name}.bias"].to(self._device)
