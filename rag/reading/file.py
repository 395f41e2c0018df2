"""Reading one file: bytes → blocks → report → chunks."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rag.chunking import chunk_report
from rag.errors import DamagedFile, LoadError
from rag.loading import load_bytes, read_bytes
from rag.settings import Settings
from rag.structure import MetaOverrides, parse_report
from rag.types import Chunk, Report

_MEGABYTE = 1024 * 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """What reading a file may take, and how it is cut.

    Attributes:
        file_bytes: Size of a file.
        pdf_pages: Pages of a PDF.
        chunk_tokens: Token budget of a chunk.
        seconds: Time that a file may take in a child process.
        megabytes: Memory that a file may take in a child process, beside the program's own.
    """

    file_bytes: int
    pdf_pages: int
    chunk_tokens: int
    seconds: float
    megabytes: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the limits that are set."""
        return cls(
            file_bytes=int(settings.max_file_mb * _MEGABYTE),
            pdf_pages=settings.max_pdf_pages,
            chunk_tokens=settings.chunk_tokens,
            seconds=settings.read_timeout_s,
            megabytes=settings.read_memory_mb,
        )


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file read and cut.

    Attributes:
        digest: SHA-256 of the bytes that were read.
        format: ``txt``, ``md``, ``html``, ``docx`` or ``pdf``.
        report: What it holds.
        chunks: The report's chunks, in order.
        notes: What reading changed, guessed or missed.
    """

    digest: str
    format: str
    report: Report
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...]


def read_file(path: Path, overrides: MetaOverrides | None, limits: ReadingLimits) -> ReadFile:
    """Read a file, here and now.

    Raises:
        LoadError: it cannot be read.
        MemoryError: it takes more memory than there is.
    """
    return read_content(read_bytes(path, max_bytes=limits.file_bytes), path.name, overrides, limits)


def read_content(data: bytes, name: str, overrides: MetaOverrides | None, limits: ReadingLimits) -> ReadFile:
    """Read a file's bytes; ``name`` says which format they are in. Raises as ``read_file`` does."""
    try:
        document = load_bytes(data, name, max_pages=limits.pdf_pages)
        report = parse_report(document, overrides)
        chunks = chunk_report(report, max_tokens=limits.chunk_tokens)
    except LoadError as error:
        if isinstance(error.__cause__, MemoryError):
            raise MemoryError from error
        raise
    except MemoryError:
        raise
    except Exception as error:  # a fault of ours must not keep other files out
        _log.exception("%s could not be read", name)
        raise DamagedFile(f"unexpected {type(error).__name__}: {error}") from error
    digest = hashlib.sha256(data).hexdigest()
    return ReadFile(digest, document.format, report, chunks, (*document.notes, *report.meta.notes))
