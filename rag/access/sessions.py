"""Log-ins under way, kept in the store so that they outlive a restart; of each only a digest of its token."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from rag.access.credentials import digest
from rag.errors import AccountsError

FILE = "sessions.sqlite"
VERSION = 1
"""Kept in the file as SQLite's ``user_version``; files from before it was have 0 and the same table."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, user TEXT NOT NULL, stamp TEXT NOT NULL, "
    "expires REAL NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in: whose it is, and the stamp of the password it was begun with."""

    user: str
    stamp: str


class Sessions:
    """Sessions by token. Safe to share between threads.

    Args:
        store: The store's folder.
        hours: How long one lasts.

    Raises:
        AccountsError: the file is damaged or a newer program's.
    """

    def __init__(self, store: Path, hours: float) -> None:
        self.seconds = int(hours * 3600)
        self._lock = threading.Lock()
        path = store / FILE
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
        try:
            self._prepare(path)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, path: Path) -> None:
        try:
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version <= VERSION:
                with self._connection:
                    self._connection.execute(_TABLE)
                    self._connection.execute(f"PRAGMA user_version = {VERSION}")
        except sqlite3.DatabaseError as error:
            raise AccountsError(
                f"The log-ins in {str(path)!r} cannot be used: {error}. Where the file is damaged, delete it: everyone "
                "logs in again, and nothing else is lost."
            ) from error
        if version > VERSION:
            raise AccountsError(
                f"{str(path)!r} has version {version}, this program reads {VERSION}. Use the program that wrote it, or "
                "delete the file: everyone logs in again, and nothing else is lost."
            )

    def begin(self, user: str, stamp: str) -> str:
        """Begin a session; returns its token, which never existed before."""
        token, now = secrets.token_urlsafe(32), time.time()
        with self._lock, self._connection:
            self._connection.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
            values = (digest(token), user, stamp, now + self.seconds)
            self._connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", values)
        return token

    def find(self, token: str) -> Session | None:
        """Return the session of a token, None if there is none or its time is over."""
        query = "SELECT user, stamp FROM sessions WHERE token = ? AND expires > ?"
        with self._lock:
            row = self._connection.execute(query, (digest(token), time.time())).fetchone()
        return Session(*row) if row else None

    def end(self, token: str) -> None:
        """End a session."""
        with self._lock, self._connection:
            self._connection.execute("DELETE FROM sessions WHERE token = ?", (digest(token),))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
