"""The audit log: who did what, when, from where; one JSON object a line, never changed, bounded by rotation."""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.settings import Settings

FOLDER = "audit"
FILE = "audit.jsonl"
_LONGEST_TEXT = 4000
_LOG = logging.getLogger(__name__)


class AuditLog:
    """Appends to the log in a store. Safe to share between threads.

    Args:
        settings: The store, and how much is kept.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.store / FOLDER
        self._bytes = int(settings.audit_mb * 1024 * 1024)
        self._files = settings.audit_files
        self._lock = threading.Lock()

    def record(self, action: str, user: str, address: str, **details: object) -> None:
        """Append an entry; a log that can't be written is told in the server's own, and stops no one."""
        entry = {"at": _now(), "user": user, "from": address, "action": action, **details}
        cut = {key: value[:_LONGEST_TEXT] if isinstance(value, str) else value for key, value in entry.items()}
        # ASCII only: line breaks, control and bidirectional characters are escaped, so no value begins a line.
        line = json.dumps(cut, ensure_ascii=True, default=str) + "\n"
        try:
            with self._lock:
                self._append(line.encode())
        except OSError as error:
            _LOG.error("The audit log in %s cannot be written: %s", self._folder, error)

    def _append(self, line: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / FILE
        if path.exists() and path.stat().st_size + len(line) > self._bytes:
            self._rotate()
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line  # a full disk or a kill cut the last entry off; it must not spoil this one
            written = os.write(descriptor, line)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)

    def _rotate(self) -> None:
        for number in range(self._files, 0, -1):
            older = self._folder / f"{FILE}.{number}"
            newer = self._folder / (f"{FILE}.{number - 1}" if number > 1 else FILE)
            if newer.exists():
                os.replace(newer, older)


def read_audit(store: Path, *, user: str | None = None, since: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Yield a store's entries, oldest first; lines that are no entry (a kill may cut the last) are left out.

    Args:
        store: The store's folder.
        user: Only this user's.
        since: Only from then on.
    """
    folder = store / FOLDER
    numbered = sorted(
        folder.glob(f"{FILE}.*"), key=lambda path: -int(path.suffix[1:]) if path.suffix[1:].isdigit() else 0
    )
    for path in (*numbered, folder / FILE):
        if not path.exists():
            continue
        with path.open(encoding="ascii", errors="replace") as lines:
            for entry in filter(None, map(_entry, lines)):
                if user is not None and entry["user"] != user:
                    continue
                if since is None or datetime.fromisoformat(entry["at"]) >= since:
                    yield entry


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
        datetime.fromisoformat(entry["at"])
        return entry if isinstance(entry, dict) and "user" in entry else None
    except (ValueError, TypeError, KeyError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
