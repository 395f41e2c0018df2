"""Judgements of reports kept in the store's folder, so that none is paid for twice."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

FILE = "judgements.sqlite"


class JudgementCache:
    """Replies of a model by report, question, model and prompt. A cache that can't be used is only slower.

    Args:
        folder: The store's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def get(self, key: str) -> str | None:
        """Return the reply kept under a key, or None."""
        with contextlib.suppress(sqlite3.Error), self._open() as connection:
            row = connection.execute("SELECT reply FROM judgements WHERE key = ?", (key,)).fetchone()
            return str(row[0]) if row else None
        return None

    def put(self, key: str, reply: str) -> None:
        """Keep a reply."""
        with contextlib.suppress(sqlite3.Error), self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO judgements VALUES (?, ?)", (key, reply))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=5)
        try:
            with connection:
                connection.execute("CREATE TABLE IF NOT EXISTS judgements (key TEXT PRIMARY KEY, reply TEXT NOT NULL)")
                yield connection
        finally:
            connection.close()


def cache_key(*parts: str) -> str:
    """Return a key for what a reply depends on."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
