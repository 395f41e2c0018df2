"""A lock that one process at a time holds, and that tells who holds it."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

WRITER_LOCK = "write.lock"
UNKNOWN_HOLDER = "another process"
"""Who holds a lock whose holder is not known, or that was given back just now."""


class ProcessLock:
    """An operating-system lock on a file; it goes with its process, however that ends.

    Who holds it stands beside it in ``<name>.holder`` (the locked file itself cannot be read everywhere).
    """

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(
            path, timeout=0, thread_local=False, preserve_lock_file=True, on_acquired=self._keep_descriptor
        )
        self._descriptor: int | None = None
        self._holder = path.with_name(f"{path.name}.holder")

    @property
    def held(self) -> bool:
        """True while this object holds the lock."""
        return self._lock.is_locked

    @property
    def descriptor(self) -> int | None:
        """The open file that the lock hangs on, while it is held.

        A child process that inherits it keeps the lock when this process is killed, until it has ended too.
        """
        return self._descriptor if self.held else None

    def _keep_descriptor(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def acquire(self) -> bool:
        """Take the lock if it is free; False if another has it, or the folder is read-only."""
        if self.held:
            return True
        try:
            self._lock.acquire()
        except (Timeout, OSError):
            return False
        note = {"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        with contextlib.suppress(OSError):  # a full disk: the lock is held all the same
            self._holder.write_text(json.dumps(note), encoding="utf-8")
        return True

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self.held:
            self._holder.unlink(missing_ok=True)
            self._lock.release()

    def holder(self) -> str:
        """Say who holds the lock, as far as is known: ``process 4711 since 2024-01-31T08:00:00+00:00``."""
        noted = self._noted()
        return f"process {noted[0]} since {noted[1]}" if noted else UNKNOWN_HOLDER

    def holder_is_gone(self) -> bool:
        """Say whether the process that took the lock has ended, and only a child of its own still keeps it."""
        noted = self._noted()
        try:
            if noted:
                os.kill(noted[0], 0)
        except ProcessLookupError:
            return True
        except OSError:  # it runs as another user
            return False
        return False

    def _noted(self) -> tuple[int, str] | None:
        """Return the number of the process that took the lock and since when it holds it; None if that is not known."""
        try:
            note = json.loads(self._holder.read_text(encoding="utf-8"))
            return int(note["pid"]), note["since"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def current_holder(self) -> str:
        """Say who holds the lock now; empty if nobody does, or where a read-only folder does not let us try."""
        if not self.held and (self.acquire() or not os.access(self._holder.parent, os.W_OK)):
            self.release()
            return ""
        return self.holder()
