"""The reader's file: its weights in 8-bit integers, and what is known of them.

A ``.safetensors`` file. A layer's matrix stands as integers with one scale for each output channel, all else in
float32. The
header says which base it goes on, what it was trained on, and the thresholds fitted for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rag.errors import ScoringError
from rag.evidence.scorer import LABELS
from rag.evidence.verdicts import Thresholds

FORMAT = "reader-1"
HEADER = "reader"
SCALE = ".scale"
INTEGER = "encoder."
"""Matrices under this name are stored as integers; embeddings and heads are small."""
LEVELS = 127
SMALLEST = 1e-12
"""Scale of a channel of zeros."""


@dataclass(frozen=True, slots=True)
class ReaderFile:
    """What a reader's file holds.

    Attributes:
        tensors: Weights by name, in float32: layers and embeddings as the encoder names them, ``label.*``, ``span.*``.
        base: SHA-256 of the weights of the model that it goes on.
        data: SHA-256 of the data that it was trained on.
        thresholds: Probabilities from which a verdict is given.
        recipe: How it was trained.
    """

    tensors: Mapping[str, Tensor]
    base: str
    data: str
    thresholds: Thresholds
    recipe: Mapping[str, Any]


def write_reader_file(file: ReaderFile, path: Path) -> None:
    """Write a reader's file."""
    stored: dict[str, Tensor] = {}
    for name, tensor in file.tensors.items():
        if tensor.ndim == 2 and name.startswith(INTEGER):
            scale = tensor.abs().amax(1).clamp_min(SMALLEST) / LEVELS
            stored[name] = (tensor / scale[:, None]).round().to(torch.int8)
            stored[name + SCALE] = scale.float()
        else:
            stored[name] = tensor.float().contiguous()
    header = {
        "format": FORMAT,
        "labels": LABELS,
        "base": file.base,
        "data": file.data,
        "thresholds": asdict(file.thresholds),
        "recipe": dict(file.recipe),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(stored, path, metadata={HEADER: json.dumps(header, sort_keys=True)})  # one entry: their order is random


def read_reader_file(path: Path) -> ReaderFile:
    """Read a reader's file.

    Raises:
        ScoringError: it cannot be read, is damaged, or is of another kind or version.
    """
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            stored = {name: file.get_tensor(name) for name in file.keys()}
    except (OSError, SafetensorError, ValueError) as error:
        raise ScoringError(
            f"The reader's weights {str(path)!r} cannot be read ({error}). Get the file again, or set RAG_READER to "
            "another reader's file or to 'none'."
        ) from error
    if header.get("format") != FORMAT or header.get("labels") != list(LABELS):
        raise ScoringError(
            f"{str(path)!r} is no reader's file of this version ({FORMAT}). Set RAG_READER to one written by "
            "'python -m training export', or to 'bundled'."
        )
    tensors = {
        name: tensor.float() * stored[name + SCALE][:, None] if name + SCALE in stored else tensor
        for name, tensor in stored.items()
        if not name.endswith(SCALE)
    }
    return ReaderFile(tensors, header["base"], header["data"], Thresholds(**header["thresholds"]), header["recipe"])
