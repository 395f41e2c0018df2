"""Names of uploaded files, made safe to keep."""

from __future__ import annotations

import unicodedata

from rag.errors import UnsupportedFormat

LONGEST_NAME = 200
"""Bytes of a file name that are kept; file systems take 255."""
_LONGEST_SUFFIX = 16
_FORBIDDEN = '<>:"|?*'  # what some file systems do not take in a name


def safe_name(name: str) -> str:
    """Return the last part of a file name without anything that could lead elsewhere or hide what it is.

    Raises:
        UnsupportedFormat: nothing is left of it.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    visible = "".join(character for character in last if unicodedata.category(character)[0] != "C")
    kept = "".join("_" if character in _FORBIDDEN else character for character in visible).strip(" .")
    stem, dot, suffix = kept.rpartition(".")
    if not stem or not dot or len(suffix) > _LONGEST_SUFFIX:
        raise UnsupportedFormat(f"{name!r} has no file name with a suffix. Give it one, such as report-2023.docx.")
    room = LONGEST_NAME - len(suffix.encode()) - 1
    return f"{stem.encode()[:room].decode(errors='ignore')}.{suffix}"
