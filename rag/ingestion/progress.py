"""What an ingest run tells while it runs and at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from rag.types import FileFailure, IngestSummary

Outcome = Literal["added", "replaced", "unchanged", "duplicate", "failed", "removed", "embedding", "waiting"]


@dataclass(frozen=True, slots=True)
class IngestEvent:
    """A step of an ingest run, told once it is done for good.

    Attributes:
        done: Files dealt with.
        total: Files found.
        source: The file it is about; empty while a group is embedded.
        outcome: What became of it; ``embedding``: some chunks of a group were embedded;
            ``waiting``: another process writes the store.
        detail: The reason for ``failed``, the file already in for ``duplicate``, whom it waits for for ``waiting``.
    """

    done: int
    total: int
    source: str
    outcome: Outcome
    detail: str = ""


Progress = Callable[[IngestEvent], None]


@dataclass(slots=True)
class Tally:
    """The summary in the making."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failures: list[FileFailure] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    chunks: int = 0
    embedded: int = 0
    embedding_seconds: float = 0.0

    def summary(self, seconds: float) -> IngestSummary:
        """Freeze it."""
        return IngestSummary(
            added=tuple(self.added),
            replaced=tuple(self.replaced),
            unchanged=tuple(self.unchanged),
            duplicates=tuple(self.duplicates),
            removed=tuple(self.removed),
            failures=tuple(self.failures),
            notes=tuple(self.notes),
            chunks=self.chunks,
            embedded=self.embedded,
            seconds=seconds,
            embedding_seconds=self.embedding_seconds,
        )
