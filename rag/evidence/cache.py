"""Scores kept in the store's folder by question and statement, so that asking again costs nothing."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import struct
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from rag.embedding.embedder import Progress
from rag.evidence.scorer import Passage, Score, Scorer

FILE = "scores.sqlite"
KEPT = 2_000_000
"""Chosen: scores kept, about 180 MB; the questions asked longest ago go first."""
_BUSY_SECONDS = 5.0
_KEY_BYTES = 16
_SCORE = struct.Struct("<5fII")
_LAYOUT = 2
"""Raised when the tables or what stands in them change."""
_SCHEMA = f"""
DROP TABLE IF EXISTS questions;
DROP TABLE IF EXISTS scores;
CREATE TABLE questions (key BLOB PRIMARY KEY, asked INTEGER NOT NULL, scores INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE scores (
    question BLOB NOT NULL, passage BLOB NOT NULL, score BLOB NOT NULL, PRIMARY KEY (question, passage)
) WITHOUT ROWID;
PRAGMA user_version = {_LAYOUT};
"""
Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class ScoreCache:
    """Scores by question and statement. One that cannot be used makes answers slower, never wrong or impossible.

    Args:
        folder: The store's folder.
        kept: Scores beyond which those of the questions asked longest ago are dropped.
    """

    def __init__(self, folder: Path, kept: int = KEPT) -> None:
        self._path = folder / FILE
        self._kept = kept
        self._warned = False

    def get(self, question: bytes) -> dict[bytes, Score]:
        """Return all scores kept for a question, by statement."""
        sql = "SELECT passage, score FROM scores WHERE question = ?"

        def read(connection: sqlite3.Connection) -> dict[bytes, Score]:
            return {passage: _unpack(score) for passage, score in connection.execute(sql, (question,))}

        return self._run(read) or {}

    def put(self, question: bytes, scores: dict[bytes, Score]) -> None:
        """Keep scores of a question's statements; without any, note that the question was asked again."""
        asked = (
            "INSERT INTO questions SELECT ?, coalesce(max(asked), 0) + 1, ? FROM questions WHERE true "
            "ON CONFLICT DO UPDATE SET asked = excluded.asked, scores = scores + excluded.scores"
        )
        rows = [(question, passage, _pack(score)) for passage, score in scores.items()]

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(asked, (question, len(rows)))
            if rows:
                connection.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", rows)
                self._drop_oldest(connection)

        self._run(write)

    def _drop_oldest(self, connection: sqlite3.Connection) -> None:
        while connection.execute("SELECT total(scores) FROM questions").fetchone()[0] > self._kept:
            oldest = connection.execute("SELECT key FROM questions ORDER BY asked LIMIT 1").fetchone()
            if oldest is None:
                return
            connection.execute("DELETE FROM scores WHERE question = ?", oldest)
            connection.execute("DELETE FROM questions WHERE key = ?", oldest)

    def _run(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Do something in one transaction; None after a fault, of which a log tells once.

        A file that is no database, or of another layout, is begun anew.
        """
        try:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as connection, connection:
                if connection.execute("PRAGMA user_version").fetchone()[0] != _LAYOUT:
                    connection.executescript(_SCHEMA)
                return work(connection)
        except sqlite3.OperationalError as error:  # locked, read-only, disk full
            self._warn(error)
        except (sqlite3.DatabaseError, struct.error) as error:
            self._warn(error)
            with suppress(OSError):
                self._path.unlink()
        return None

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("Scores cannot be kept in %s (%s); answers are right, asked again as slow.", self._path, error)


class CachedScorer:
    """A scorer that is asked only for what the cache does not hold.

    Args:
        scorer: What scores the others.
        cache: Where scores are kept.
    """

    def __init__(self, scorer: Scorer, cache: ScoreCache) -> None:
        self._scorer = scorer
        self._cache = cache

    @property
    def name(self) -> str:
        """Identity of the scorer."""
        return self._scorer.name

    def score(self, question: str, passages: Sequence[Passage], on_progress: Progress | None = None) -> list[Score]:
        """Return a score for each passage, in order.

        Raises:
            ScoringError: the scorer's weights are gone, or it cannot be run and the cache lacks a score.
        """
        asked = _key(self.name, question)
        keys = [_key(passage.context, passage.text) for passage in passages]
        known = self._cache.get(asked)
        missing = {key: passage for key, passage in zip(keys, passages, strict=True) if key not in known}
        if on_progress and len(missing) < len(passages):
            on_progress(len(passages) - len(missing))
        found = self._scorer.score(question, list(missing.values()), on_progress)
        fresh = dict(zip(missing, found, strict=True))
        self._cache.put(asked, fresh)
        known |= fresh
        return [known[key] for key in keys]


def _key(*parts: str) -> bytes:
    return hashlib.blake2b("\0".join(parts).encode(errors="surrogatepass"), digest_size=_KEY_BYTES).digest()


def _pack(score: Score) -> bytes:
    return _SCORE.pack(score.irrelevant, score.near, score.yes, score.no, score.planned, *score.span)


def _unpack(stored: bytes) -> Score:
    *probabilities, start, end = _SCORE.unpack(stored)
    return Score.of(probabilities, (start, end))
