"""Files to blocks of visible text: finding them, telling what they are, reading each format."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from rag.errors import DamagedFile, EmptyFile, FileTooLarge, LoadError, UnreadableFile, UnsupportedFormat
from rag.loading.contents import check_contents
from rag.loading.pdf_bounds import MOST_PAGES
from rag.types import Document

SUPPORTED_SUFFIXES = frozenset({".txt", ".md", ".markdown", ".html", ".htm", ".docx", ".pdf"})
"""Suffixes of the files that can be read, in lower case."""

_WALKED_SUFFIXES = SUPPORTED_SUFFIXES | {".doc"}  # a .doc is taken along so that its error says what to do
_MEGABYTE = 1024 * 1024


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files to load, sorted, each once.

    Folders are searched recursively for supported files; hidden files and Word's lock files are left out there. A file
    named outright is always taken. A subfolder that cannot be listed is itself returned: loading it tells why.

    Args:
        paths: Files and folders.

    Returns:
        The files' paths.

    Raises:
        UnreadableFile: a path does not exist.
    """
    found: set[Path] = set()
    for path in paths:
        if not os.path.lexists(path):
            raise UnreadableFile(f"{str(path)!r} does not exist. Check the path.")
        found.update(_walk(path) if path.is_dir() else [path])
    return sorted(found)


def load_document(path: Path, *, max_bytes: int, max_pages: int = MOST_PAGES) -> Document:
    """Read one file.

    Args:
        path: A .txt, .md, .markdown, .html, .htm, .docx or .pdf file.
        max_bytes: Larger files are refused.
        max_pages: PDFs with more pages are refused.

    Returns:
        Its visible blocks, with what loading changed or guessed as notes.

    Raises:
        LoadError: the file cannot be read; the subclass and the message say why and what to do.
    """
    return load_bytes(read_bytes(path, max_bytes=max_bytes), path.name, max_pages=max_pages)


def load_bytes(data: bytes, source: str, *, max_pages: int = MOST_PAGES) -> Document:
    """Read a file's bytes; the suffix of ``source``, its name, says in which format they are.

    Raises:
        LoadError: as ``load_document``.
    """
    try:
        if not data.strip(b"\x00\t\n\x0b\x0c\r \x1a"):
            raise EmptyFile(f"{source!r} is empty. Get the file again.")
        document = _parse(data, source, Path(source).suffix.lower(), max_pages)
    except LoadError:
        raise
    except Exception as error:  # the boundary at which no library's own error may pass
        raise DamagedFile(
            f"{source!r} cannot be read: {type(error).__name__}: {error}. Get the file again or save it anew."
        ) from error
    if not document.blocks:
        raise EmptyFile(
            f"{source!r} holds no visible text. If it shows pictures of text, recognise the text (OCR) first."
        )
    return document


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []

    def unlisted(error: OSError) -> None:
        found.append(Path(error.filename))

    for parent, folders, files in os.walk(folder, onerror=unlisted):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        found.extend(
            Path(parent, name)
            for name in files
            if not name.startswith((".", "~$")) and Path(name).suffix.lower() in _WALKED_SUFFIXES
        )
    return found


def read_bytes(path: Path, *, max_bytes: int) -> bytes:
    """Return the bytes of a file that is one, and not too large.

    Raises:
        LoadError: it cannot be read.
    """
    source = path.name
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            with os.scandir(path):
                raise UnreadableFile(f"{str(path)!r} is a folder, not a file. Name the files in it.")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFile(f"{source!r} is a device or pipe, not a file. Copy its content to a file.")
        if status.st_size > max_bytes:
            raise _too_large(source, status.st_size, max_bytes)
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise UnreadableFile(f"{source!r} is not there (any more). Check the path {str(path)!r}.") from error
    except PermissionError as error:
        raise UnreadableFile(
            f"{source!r} may not be read by this user. Give permission to read {str(path)!r}."
        ) from error
    except OSError as error:
        raise UnreadableFile(f"{source!r} cannot be read: {error.strerror or error}. Check the disk.") from error
    if len(data) > max_bytes:
        raise _too_large(source, len(data), max_bytes)
    return data


def _too_large(source: str, size: int, max_bytes: int) -> FileTooLarge:
    return FileTooLarge(
        f"{source!r} has {size / _MEGABYTE:.1f} MB, over the limit of {max_bytes / _MEGABYTE:g} MB. "
        "Raise RAG_MAX_FILE_MB if it really is a report."
    )


def _parse(data: bytes, source: str, suffix: str, max_pages: int) -> Document:
    check_contents(data, source, suffix)
    if suffix == ".txt":
        return _parse_text(data, source)
    if suffix in (".md", ".markdown"):
        return _parse_markdown(data, source)
    if suffix in (".html", ".htm"):
        return _parse_html(data, source)
    if suffix == ".docx":
        from rag.loading.docx import word_blocks

        word = word_blocks(data, source)
        return Document(source, "docx", word.blocks, word.title, word.notes)
    if suffix == ".pdf":
        from rag.loading.pdf import pdf_blocks

        pdf = pdf_blocks(data, source, max_pages)
        return Document(source, "pdf", pdf.blocks, pdf.title, pdf.notes)
    raise UnsupportedFormat(
        f"{source!r} has the suffix {suffix!r}; what can be read is {', '.join(sorted(SUPPORTED_SUFFIXES))}. "
        "Save it in one of these formats."
    )


def _parse_text(data: bytes, source: str) -> Document:
    from rag.loading.encoding import decode
    from rag.loading.text import text_blocks

    decoded = decode(data, source)
    return Document(source, "txt", text_blocks(decoded.text), None, _encoding_notes(decoded.encoding))


def _parse_markdown(data: bytes, source: str) -> Document:
    from rag.loading.encoding import decode
    from rag.loading.text import markdown_blocks

    decoded = decode(data, source)
    shown = markdown_blocks(decoded.text)
    return Document(source, "md", shown.blocks, shown.title, (*_encoding_notes(decoded.encoding), *shown.notes))


def _parse_html(data: bytes, source: str) -> Document:
    from rag.loading.encoding import decode
    from rag.loading.html import declared_encoding, page_blocks

    decoded = decode(data, source, declared_encoding(data))
    shown = page_blocks(decoded.text, source)
    return Document(source, "html", shown.blocks, shown.title, (*_encoding_notes(decoded.encoding), *shown.notes))


def _encoding_notes(encoding: str) -> tuple[str, ...]:
    return () if encoding == "utf-8" else (f"read as {encoding.upper()}",)


__all__ = ["SUPPORTED_SUFFIXES", "find_files", "load_bytes", "load_document", "read_bytes"]
