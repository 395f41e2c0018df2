"""A low-rank adapter on the bundled model's matrices: ``W + B·A``, Hu et al. 2021, https://arxiv.org/abs/2106.09685."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rag.errors import EmbeddingError

FORMAT = "adapter-1"
HEADER = "adapter"
DOWN, UP = ".A", ".B"
READABLE = 0o644
_WAY_ON = "Get the file again, or train it anew: make reader"


@dataclass(frozen=True, slots=True)
class Adapter:
    """What an adapter's file holds.

    Attributes:
        factors: Of each matrix it changes, by the matrix's name: A, shape (rank, inputs), and B, (outputs, rank).
        base: SHA-256 of the weights of the model that it goes on.
        data: SHA-256 of the data that it was trained on.
        recipe: How it was trained.
    """

    factors: Mapping[str, tuple[Tensor, Tensor]]
    base: str
    data: str
    recipe: Mapping[str, Any]

    def merged(self, folder: Path) -> dict[str, Tensor]:
        """Return the matrices of the model in a folder with the adapter added.

        Raises:
            EmbeddingError: the adapter changes a matrix that the model does not have, or not in that shape.
        """
        try:
            with safe_open(folder / "model.safetensors", "pt") as file:
                return {name: file.get_tensor(name) + up @ down for name, (down, up) in self.factors.items()}
        except (OSError, SafetensorError, RuntimeError) as error:
            raise EmbeddingError(
                f"The adapter cannot be added to the model in {str(folder)!r} ({error}). Delete that folder, it is "
                "unpacked again; if that does not help, train the adapter anew: make reader"
            ) from error


def write_adapter(adapter: Adapter, path: Path) -> None:
    """Write an adapter's file, in float16."""
    tensors = {
        name + suffix: tensor.to(torch.float16).contiguous()
        for name, factors in adapter.factors.items()
        for suffix, tensor in zip((DOWN, UP), factors, strict=True)
    }
    header = {"format": FORMAT, "base": adapter.base, "data": adapter.data, "recipe": dict(adapter.recipe)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={HEADER: json.dumps(header, sort_keys=True)})
    path.chmod(READABLE)


def read_adapter(path: Path) -> Adapter:
    """Read an adapter's file.

    Raises:
        EmbeddingError: it cannot be read, is damaged, or is of another kind or version.
    """
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "{}"))
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}
        if header.get("format") != FORMAT:
            raise ValueError(f"no adapter's file of this version, {FORMAT}")
        names = sorted({name.removesuffix(DOWN).removesuffix(UP) for name in tensors})
        factors = {name: (tensors[name + DOWN], tensors[name + UP]) for name in names}
        return Adapter(factors, header["base"], header["data"], header["recipe"])
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise EmbeddingError(f"The adapter {str(path)!r} cannot be used ({error}). {_WAY_ON}") from error
