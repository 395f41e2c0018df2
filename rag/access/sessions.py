"""Log-ins under way, kept in the store so that they outlive a restart; of each only a digest of its token."""

from __future__ import annotations

import logging
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
CLOCK_SLACK = 300
"""Seconds by which a clock may be put back before the log-ins of the time until then have to be done again."""
VERSION = 1
"""Kept in the file as SQLite's ``user_version``; files from before it was have 0 and the same table."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, user TEXT NOT NULL, stamp TEXT NOT NULL, "
    "expires REAL NOT NULL)"
)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in: whose it is, and the stamp of the password it was begun with."""

    user: str
    stamp: str


class Sessions:
    """Sessions by token. Safe to share between threads.

    Where the store cannot be written, a session lasts as long as the server: a full disk keeps nobody out.

    Args:
        store: The store's folder.
        hours: How long one lasts. One that would last longer was begun by a clock that has been put back since, and
            is over.

    Raises:
        AccountsError: the file is damaged or a newer program's.
    """

    def __init__(self, store: Path, hours: float) -> None:
        self.seconds = int(hours * 3600)
        self._lock = threading.Lock()
        self._ended: set[str] = set()
        memory = _opened(":memory:")
        self._kept: tuple[sqlite3.Connection, ...] = (memory,)
        try:
            self._kept = (_opened_file(store / FILE), memory)
        except (OSError, sqlite3.Error) as error:
            _LOG.warning("Log-ins last until the server stops: %r cannot be written (%s).", str(store / FILE), error)

    def begin(self, user: str, stamp: str) -> str:
        """Begin a session; returns its token, which never existed before."""
        token, now = secrets.token_urlsafe(32), time.time()
        values = (digest(token), user, stamp, now + self.seconds)
        with self._lock:
            for connection in self._kept:
                try:
                    with connection:
                        connection.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
                        connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", values)
                    break
                except sqlite3.Error as error:
                    _LOG.warning("A log-in lasts until the server stops, as it cannot be kept: %s", error)
        return token

    def find(self, token: str) -> Session | None:
        """Return the session of a token, None if there is none or its time is over."""
        now = time.time()
        query = "SELECT user, stamp FROM sessions WHERE token = ? AND expires > ? AND expires <= ?"
        values = (digest(token), now, now + self.seconds + CLOCK_SLACK)
        with self._lock:
            for connection in self._kept if values[0] not in self._ended else ():
                try:
                    row = connection.execute(query, values).fetchone()
                except sqlite3.Error as error:
                    _LOG.warning("The log-ins in the store cannot be read: %s", error)
                    continue
                if row:
                    return Session(*row)
        return None

    def end(self, token: str) -> None:
        """End a session, whether or not that can be written down."""
        ended = digest(token)
        with self._lock:
            for connection in self._kept:
                try:
                    with connection:
                        connection.execute("DELETE FROM sessions WHERE token = ?", (ended,))
                except sqlite3.Error as error:
                    self._ended.add(ended)
                    _LOG.error("A log-out holds until the server stops, as it cannot be kept: %s", error)

    def close(self) -> None:
        """Close the file."""
        for connection in self._kept:
            connection.close()


def _opened_file(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        return _opened(str(path))
    except sqlite3.OperationalError:  # full, read-only or busy: the log-ins in it are sound
        raise
    except sqlite3.DatabaseError as error:
        raise AccountsError(
            f"The log-ins in {str(path)!r} cannot be used: {error}. Where the file is damaged, delete it: everyone "
            "logs in again, and nothing else is lost."
        ) from error


def _opened(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise AccountsError(
                f"{path!r} has version {version}, this program reads {VERSION}. Use the program that wrote it, or "
                "delete the file: everyone logs in again, and nothing else is lost."
            )
        with connection:
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection
