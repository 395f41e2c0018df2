"""A BERT encoder with mean pooling, for one purpose: little time between a text and its vector.

It reads a Sentence Transformers folder and gives the vectors that library gives. It is here because importing
``sentence_transformers`` takes five seconds of a cold process where this takes none beyond ``torch``, and because the
tokens of a batch stand in one matrix without padding, so that no multiplication is spent on nothing.
The architecture is Devlin et al. 2019, *BERT*, https://arxiv.org/abs/1810.04805.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

_ONE_THREAD_TOKENS = 64
"""Up to so many tokens one thread does the work: on a busy machine, waiting for a second one at the end of each of
a hundred small steps took ten times as long as the work itself (60 against 700 ms a question at load 8 on 2 cores)."""

_Linear = tuple[Tensor, Tensor]
"""Weight (outputs, inputs) and bias (outputs,); or weight and bias of a layer norm."""


@dataclass(frozen=True, slots=True)
class _Layer:
    attention_input: _Linear
    attention_output: _Linear
    attention_norm: _Linear
    widen: _Linear
    narrow: _Linear
    output_norm: _Linear


class BertEncoder:
    """The encoder, loaded from a folder onto a device.

    Matrices are held and multiplied in ``precision``; sums, norms and vectors stay in float32.
    """

    def __init__(self, folder: Path, device: torch.device, precision: torch.dtype) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.dimension: int = config["hidden_size"]
        self._heads: int = config["num_attention_heads"]
        self._epsilon: float = config["layer_norm_eps"]
        self._device = device
        self._precision = precision
        self._threads = torch.get_num_threads()
        with safe_open(folder / "model.safetensors", "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        self._words = tensors["embeddings.word_embeddings.weight"].to(device)
        # Every token is of the first type, so its vector goes into the positions once and for all.
        first_type = tensors["embeddings.token_type_embeddings.weight"][0]
        self._positions = (tensors["embeddings.position_embeddings.weight"] + first_type).to(device)
        self._norm = self._linear(tensors, "embeddings.LayerNorm", torch.float32)
        self._layers = [self._layer(tensors, number) for number in range(config["num_hidden_layers"])]

    def encode(self, batch: Sequence[Sequence[int]]) -> Tensor:
        """Return a unit row for each list of token ids, shape (batch, dimension), float32 on the CPU."""
        few = sum(map(len, batch)) <= _ONE_THREAD_TOKENS
        torch.set_num_threads(1 if few else self._threads)
        try:
            return self._forward(batch)
        finally:
            # To what it was at loading, not to what it was before: that may be another thread's passing 1.
            torch.set_num_threads(self._threads)

    @torch.inference_mode()
    def _forward(self, batch: Sequence[Sequence[int]]) -> Tensor:
        lengths = [len(ids) for ids in batch]
        tokens = torch.tensor([token for ids in batch for token in ids], device=self._device)
        positions = torch.cat([torch.arange(length) for length in lengths]).to(self._device)
        states = self._normalise(self._words[tokens] + self._positions[positions], self._norm)
        for layer in self._layers:
            states = self._transform(states, layer, lengths)
        pooled = torch.stack([text.mean(0) for text in torch.split(states, lengths)])
        return functional.normalize(pooled, dim=1).cpu()

    def _transform(self, states: Tensor, layer: _Layer, lengths: list[int]) -> Tensor:
        attended = functional.linear(self._attend(states, layer, lengths), *layer.attention_output)
        states = self._normalise(states + attended, layer.attention_norm)
        wide = functional.gelu(functional.linear(states.to(self._precision), *layer.widen))
        return self._normalise(states + functional.linear(wide, *layer.narrow), layer.output_norm)

    def _attend(self, states: Tensor, layer: _Layer, lengths: list[int]) -> Tensor:
        """Let the tokens of each text attend to one another, and to no other text's."""
        mixed = functional.linear(states.to(self._precision), *layer.attention_input)
        heads = mixed.view(len(states), 3, self._heads, -1).permute(1, 2, 0, 3).unsqueeze(1)
        texts = [
            functional.scaled_dot_product_attention(query, key, value)
            for query, key, value in torch.split(heads, lengths, dim=3)
        ]
        joined = texts[0] if len(texts) == 1 else torch.cat(texts, dim=2)
        return joined[0].transpose(0, 1).reshape(len(states), self.dimension)

    def _normalise(self, states: Tensor, norm: _Linear) -> Tensor:
        return functional.layer_norm(states, (self.dimension,), *norm, self._epsilon)

    def _layer(self, tensors: dict[str, Tensor], number: int) -> _Layer:
        prefix = f"encoder.layer.{number}."
        inputs = [f"{prefix}attention.self.{part}" for part in ("query", "key", "value")]
        weight, bias = (torch.cat([tensors[f"{name}.{kind}"] for name in inputs]) for kind in ("weight", "bias"))
        return _Layer(
            attention_input=self._place(weight, bias, self._precision),
            attention_output=self._linear(tensors, prefix + "attention.output.dense", self._precision),
            attention_norm=self._linear(tensors, prefix + "attention.output.LayerNorm", torch.float32),
            widen=self._linear(tensors, prefix + "intermediate.dense", self._precision),
            narrow=self._linear(tensors, prefix + "output.dense", self._precision),
            output_norm=self._linear(tensors, prefix + "output.LayerNorm", torch.float32),
        )

    def _linear(self, tensors: dict[str, Tensor], name: str, precision: torch.dtype) -> _Linear:
        return self._place(tensors[f"{name}.weight"], tensors[f"{name}.bias"], precision)

    def _place(self, weight: Tensor, bias: Tensor, precision: torch.dtype) -> _Linear:
        return weight.to(self._device, precision), bias.to(self._device, precision)
