"""Exported files: their formats, their names, and writing one."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

from rag.errors import ExportError
from rag.exporting.document import Document
from rag.exporting.markdown import to_markdown
from rag.exporting.word import to_word

FORMATS: Mapping[str, str] = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "md": "text/markdown; charset=utf-8",
}
"""Media types by the ending of a file's name."""

_LONGEST_NAME = 150  # bytes; file systems take 255, and downloads are renamed "name (1)"
_UNSAFE = re.compile(r'[\\/:*?"<>|%]+')
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")  # as Windows has it


def export(document: Document, suffix: str) -> bytes:
    """Return a document as the bytes of a file.

    Raises:
        ExportError: there is no such format.
    """
    writers: dict[str, Callable[[Document], bytes]] = {
        "docx": to_word,
        "md": lambda written: to_markdown(written).encode("utf-8", errors="replace"),
    }
    if suffix not in writers:
        raise ExportError(f"Cannot export to .{suffix}. Name a file that ends in .docx or .md.")
    return writers[suffix](document)


def write_export(document: Document, path: Path) -> None:
    """Write a document to a file, in the format that its name ends in.

    Raises:
        ExportError: the name ends in no known format, or the file can't be written.
    """
    content = export(document, path.suffix.lower().removeprefix("."))
    beside = path.with_name(f".{secrets.token_hex(8)}.tmp")  # half a document must not stand in for a whole one
    try:
        try:
            beside.write_bytes(content)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ExportError(
            f"Cannot write {str(path)!r}: {error.strerror}. Free some space, or name another file with --export."
        ) from error


def file_name(title: str, suffix: str) -> str:
    """Return a name that every file system takes, made from a title."""
    visible = "".join(
        " " if unicodedata.category(sign)[0] in "CZ" else sign for sign in unicodedata.normalize("NFC", title)
    )
    name = " ".join(_UNSAFE.sub(" ", visible).split()).strip(". ")
    name = name.encode()[:_LONGEST_NAME].decode(errors="ignore").strip(". ")
    if not name or _RESERVED.match(name):
        name = f"export {name}".strip()
    return f"{name}.{suffix}"
