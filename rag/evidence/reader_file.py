"""The reader's file: its weights in 8-bit integers, and what is known of them.

A ``.safetensors`` file. A layer's matrix stands as integers with one scale for each output channel, all else in
float32. The header says which base it goes on, what it was trained on, and the thresholds fitted for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
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

FORMAT = "reader-2"
HEADER = "reader"
SCALE = ".scale"
INTEGER = "encoder."
"""Matrices under this name are stored as integers; embeddings and heads are small."""
LEVELS = 127
READABLE = 0o644
_PARTS = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
_WAY_ON = "Get the file again, or set RAG_READER to another reader's file or to 'none'."
SMALLEST = 1e-12
"""Scale of a channel of zeros."""


@dataclass(frozen=True, slots=True)
class ReaderHeader:
    """What is known of a reader's weights.

    Attributes:
        base: SHA-256 of the weights of the model that they go on.
        data: SHA-256 of the data that they were trained on.
        retriever: SHA-256 of the retriever's adapter that chose what was read.
        thresholds: Probabilities from which a verdict is given.
        recipe: How they were trained.
    """

    base: str
    data: str
    retriever: str
    thresholds: Thresholds
    recipe: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReaderFile:
    """What a reader's file holds.

    Attributes:
        header: What is known of the weights.
        tensors: Weights by name, in float32: layers and embeddings as the encoder names them, ``label.*``, ``span.*``.
    """

    header: ReaderHeader
    tensors: Mapping[str, Tensor]


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
    header = {"format": FORMAT, "labels": LABELS, **asdict(file.header)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(stored, path, metadata={HEADER: json.dumps(header, sort_keys=True)})  # one entry: their order is random
    path.chmod(READABLE)


def read_header(path: Path) -> ReaderHeader:
    """Read what is known of the weights in a reader's file.

    Raises:
        ScoringError: it cannot be read, is damaged, or is of another kind or version.
    """
    with _opened(path) as file:
        return _header(file, path)


def read_reader_file(path: Path) -> ReaderFile:
    """Read a reader's file.

    Raises:
        ScoringError: it cannot be read, is damaged, or is of another kind or version.
    """
    with _opened(path) as file:
        header = _header(file, path)
        stored = {name: file.get_tensor(name) for name in file.keys()}
    tensors = {
        name: tensor.float() * stored[name + SCALE][:, None] if name + SCALE in stored else tensor
        for name, tensor in stored.items()
        if not name.endswith(SCALE)
    }
    if missing := _expected(tensors) - tensors.keys():
        raise ScoringError(f"The reader's weights {str(path)!r} lack {', '.join(sorted(missing)[:3])}. {_WAY_ON}")
    return ReaderFile(header, tensors)


def layers_of(names: Iterable[str]) -> int:
    """Return the number of layers that tensors of these names are of."""
    return 1 + max((int(name.split(".")[2]) for name in names if name.startswith(INTEGER)), default=-1)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, "pt") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise ScoringError(f"The reader's weights {str(path)!r} cannot be read ({error}). {_WAY_ON}") from error


def _header(file: Any, path: Path) -> ReaderHeader:  # noqa: ANN401
    try:
        stored = json.loads(file.metadata()[HEADER])
        if stored.pop("format") == FORMAT and stored.pop("labels") == list(LABELS):
            return ReaderHeader(**stored | {"thresholds": Thresholds(**stored["thresholds"])})
    except (TypeError, KeyError, ValueError):
        pass
    raise ScoringError(
        f"{str(path)!r} is no reader's file of this version ({FORMAT}). Set RAG_READER to one written by "
        "'python -m training export', or to 'bundled'."
    )


def _expected(names: Iterable[str]) -> set[str]:
    """Return the names of all tensors that a reader of so many layers needs."""
    layers = [f"{INTEGER}layer.{number}.{part}" for number in range(layers_of(names)) for part in _PARTS]
    return {f"{part}.{kind}" for part in (*layers, "label", "span") for kind in ("weight", "bias")}
