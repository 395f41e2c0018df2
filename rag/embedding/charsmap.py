"""Builds the binary form in which SentencePiece keeps its normalisation rules.

A rule table is a double-array trie (Aoe 1989, in the layout of darts-clone) from UTF-8 keys to offsets into a block of
zero-ended replacements; ``tokenizers.normalizers.Precompiled`` reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

_LEAF = 1 << 8
_VALUE = 1 << 31
_OFFSET_SHIFT = 10
_PAGE = 256
_MAX_OFFSET = 1 << 21

_Trie = dict[int, "_Trie | int"]
"""Byte → rest of the trie; 0 → where the replacement stands."""


def precompile(replacements: Mapping[int, str]) -> bytes:
    """Return the rule table that replaces each code point by its string."""
    block = bytearray()
    trie: _Trie = {}
    for point, replacement in replacements.items():
        node = trie
        for byte in chr(point).encode():
            child = node.setdefault(byte, {})
            assert isinstance(child, dict)  # 0 cannot occur inside a UTF-8 key
            node = child
        node[0] = len(block)
        block += replacement.encode() + b"\0"
    units = _double_array(trie)
    return struct.pack("<I", 4 * len(units)) + struct.pack(f"<{len(units)}I", *units) + bytes(block)


def _double_array(trie: _Trie) -> list[int]:
    units = [0] * _PAGE
    taken = {0}
    offsets: set[int] = set()
    pending: list[tuple[int, _Trie]] = [(0, trie)]
    while pending:
        position, node = pending.pop()
        offset = _free_offset(position, node, taken, offsets)
        offsets.add(position ^ offset)
        units.extend([0] * max(0, ((position ^ offset) // _PAGE + 1) * _PAGE - len(units)))
        units[position] |= offset << _OFFSET_SHIFT | (_LEAF if 0 in node else 0)
        for byte, child in node.items():
            place = position ^ offset ^ byte
            taken.add(place)
            if isinstance(child, int):
                units[place] = child | _VALUE
            else:
                units[place] = byte
                pending.append((place, child))
    return units


def _free_offset(position: int, node: _Trie, taken: set[int], offsets: set[int]) -> int:
    """Return an offset at which all children of ``node`` find a free place; no two nodes may share a base."""
    for offset in range(1, _MAX_OFFSET):
        base = position ^ offset
        if base not in offsets and all(base ^ byte not in taken for byte in node):
            return offset
    raise ValueError("too many normalisation rules for one table")
