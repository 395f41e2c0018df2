"""What an uploaded file may be, looked at before any of it is kept: name, size, kind by content, what it unpacks to.

Whether it can be read is found out when it is, in a process of its own within bounds of time and memory.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rag.errors import DamagedFile, FileTooLarge, UnsupportedFormat
from rag.loading import SUPPORTED_SUFFIXES
from rag.loading.contents import check_contents
from rag.settings import Settings

_MEGABYTE = 1024 * 1024
_LONGEST_NAME = 200
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What uploads may be.

    Attributes:
        file_bytes: Size of a file.
        store: Folder whose size is bounded; None: it is not.
        store_bytes: Size of the store, the new file included.
    """

    file_bytes: int
    store: Path | None = None
    store_bytes: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the limits that are set."""
        return cls(
            file_bytes=int(settings.max_file_mb * _MEGABYTE),
            store=settings.store,
            store_bytes=int(settings.max_store_mb * _MEGABYTE),
        )


def check_upload(name: str, data: bytes, limits: UploadLimits) -> None:
    """Refuse a file that is not a report, or not only one.

    Args:
        name: Its name as sent; it may hold anything.
        data: The whole file.
        limits: What it may be.

    Raises:
        UnsupportedFormat: its name could lead elsewhere or hides what it is, or its content is not what it says.
        FileTooLarge: it is too large, unpacks to too much, or there is no room for it.
        DamagedFile: its bytes are not what its format asks for.
    """
    suffix = _check_name(name)
    if len(data) > limits.file_bytes:
        raise FileTooLarge(
            f"{name!r} has {len(data) / _MEGABYTE:.1f} MB, over the limit of {limits.file_bytes / _MEGABYTE:g} MB. "
            "Raise RAG_MAX_FILE_MB if it really is a report."
        )
    if limits.store is not None and len(data) + sum(_sizes(limits.store)) > limits.store_bytes:
        raise FileTooLarge(
            f"There is no room for {name!r}: the store may have {limits.store_bytes / _MEGABYTE:g} MB. Delete reports, "
            "or raise RAG_MAX_STORE_MB."
        )
    check_contents(data, name, suffix)
    if suffix not in {".docx", ".pdf"} and b"\x00" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DamagedFile(f"{name!r} holds bytes that no text does. Save it as UTF-8.")


def _check_name(name: str) -> str:
    """Return the suffix of a file name that shows what it is and leads nowhere."""
    hidden = next((character for character in name if unicodedata.category(character) in _UNSEEN), None)
    if hidden is not None:
        raise UnsupportedFormat(
            f"{name!r} holds the invisible character U+{ord(hidden):04X}. Give the file a name without it."
        )
    suffix = Path(name).suffix.lower()
    is_path = any(mark in name for mark in "/\\:") or name.startswith(".") or name.endswith((".", " "))
    if not name or is_path or _RESERVED.fullmatch(name) or len(name.encode()) > _LONGEST_NAME:
        raise UnsupportedFormat(
            f"{name[:80]!r} is no plain file name of at most {_LONGEST_NAME} bytes. Give it one, such as "
            "report-2023.docx."
        )
    if suffix not in SUPPORTED_SUFFIXES:
        raise UnsupportedFormat(
            f"{name!r} has the suffix {suffix!r}; what can be read is {', '.join(sorted(SUPPORTED_SUFFIXES))}."
        )
    return suffix


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        try:
            yield path.stat().st_size if path.is_file() and not path.is_symlink() else 0
        except OSError:  # gone since it was listed
            continue
