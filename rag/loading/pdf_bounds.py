"""How much a PDF may unpack to, found out before it is opened: its streams are inflated, bounded, and thrown away."""

from __future__ import annotations

import re
import zlib

from rag.errors import FileTooLarge

MOST_PAGES = 1000
"""Pages of the longest PDF that is read, unless set otherwise."""
_MEGABYTE = 1024 * 1024
_MOST_OF_ONE = 128 * _MEGABYTE
_MOST_OF_ALL = 1024 * _MEGABYTE
_DEEPEST = 4  # filters one within the other
_PIECE = _MEGABYTE
_STREAM = re.compile(rb"stream\r?\n")


def check_streams(data: bytes, source: str) -> None:
    """Refuse a PDF whose deflated streams unpack to more than any report's.

    Args:
        data: The whole file.
        source: The file's name, for the error.

    Raises:
        FileTooLarge: one stream, or all together, unpack to too much.
    """
    total = 0
    for start in _STREAM.finditer(data):
        size = _inflated(data, start.end(), _DEEPEST)
        total += size
        if size > _MOST_OF_ONE or total > _MOST_OF_ALL:
            most = _MOST_OF_ONE if size > _MOST_OF_ONE else _MOST_OF_ALL
            raise FileTooLarge(
                f"{source!r} unpacks to over {most // _MEGABYTE} MB: no real report does. Print it to a new PDF."
            )


def check_pages(pages: int, most: int, source: str) -> None:
    """Refuse a PDF with too many pages.

    Raises:
        FileTooLarge: it has more than are read.
    """
    if pages > most:
        raise FileTooLarge(
            f"{source!r} has {pages} pages, over the limit of {most}. Raise RAG_MAX_PDF_PAGES if it really is a report."
        )


def _inflated(data: bytes, start: int, depth: int) -> int:
    """Return the size that a stream unpacks to, counted up to just over the limit; 0 if it is not deflated."""
    if data[start : start + 1] not in (b"\x78", b"\x58", b"\x48", b"\x38", b"\x28", b"\x18", b"\x08", b"\x68"):
        return 0
    inflater, size, first, position = zlib.decompressobj(), 0, bytearray(), start
    pending = b""
    while not inflater.eof and size <= _MOST_OF_ONE:
        if not pending:
            pending = data[position : position + _PIECE]
            position += len(pending)
        try:
            piece = inflater.decompress(pending, _PIECE)
        except zlib.error:
            break
        pending = inflater.unconsumed_tail
        size += len(piece)
        if len(first) < 8 * _PIECE:
            first += piece
        if not piece and not pending and position >= len(data):
            break
    return max(size, _inflated(bytes(first), 0, depth - 1)) if depth and first else size
