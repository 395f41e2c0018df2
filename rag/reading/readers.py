"""Who reads files: this process, or children that take the fault, the time and the memory on themselves."""

from __future__ import annotations

import os
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rag.child_process import ChildDied, ChildProcess
from rag.errors import DamagedFile, LoadError
from rag.reading.file import ReadFile, ReadingLimits, read_file
from rag.structure import MetaOverrides

HERE_BYTES = 64 * 1024
"""Of plain text, so much is read in this process before children are started: a few reports, within a tenth of a
second, where a child takes half a second to start. Plain text has no parser that could crash or loop."""

_PLAIN = frozenset({".txt", ".md", ".markdown"})
_CORES_A_CHILD = 4
_MOST_CHILDREN = 8
_IDLE_SECONDS = 60.0


class Reader(Protocol):
    """Reads files, several at a time perhaps."""

    def submit(self, path: Path, overrides: MetaOverrides | None) -> Future[ReadFile]:
        """Have a file read; the future's error is a ``LoadError`` that says why it cannot be, and what to do."""


class LocalReader:
    """Reads on this machine. Safe to share between threads; close it to end its children.

    Args:
        limits: What a file may take.
        here_bytes: Bytes of plain text read in this process before children are started; 0: none, so that a process
            that serves people goes on doing so.
    """

    def __init__(self, limits: ReadingLimits, *, here_bytes: int = HERE_BYTES) -> None:
        self._limits = limits
        self._here_bytes = here_bytes
        self._children = min(_MOST_CHILDREN, max(1, (os.cpu_count() or 1) // _CORES_A_CHILD))
        self._lock = threading.Lock()
        self._idle: list[ChildProcess] = []
        self._busy: set[ChildProcess] = set()
        self._threads: ThreadPoolExecutor | None = None
        self._timer: threading.Timer | None = None
        self._closed = False

    def __enter__(self) -> Self:
        """Return itself; leaving closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def submit(self, path: Path, overrides: MetaOverrides | None = None) -> Future[ReadFile]:
        """Have a file read. See ``Reader``."""
        if self._may_read_here(path):
            return _done(path, overrides, self._limits)
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._children, thread_name_prefix="reading")
            return self._threads.submit(self._read, path, overrides)

    def read(self, path: Path, overrides: MetaOverrides | None = None) -> ReadFile:
        """Read a file and return it.

        Raises:
            LoadError: it cannot be read, or not within time and memory.
        """
        return self.submit(path, overrides).result()

    def close(self) -> None:
        """End the children, whatever they are doing; what still waits is not read."""
        with self._lock:
            self._closed = True
            children = [*self._idle, *self._busy]
            self._idle.clear()
            if self._timer:
                self._timer.cancel()
            threads, self._threads = self._threads, None
        for child in children:
            child.close()
        if threads:
            threads.shutdown(cancel_futures=True)

    def _may_read_here(self, path: Path) -> bool:
        try:
            size = path.stat().st_size if path.suffix.lower() in _PLAIN else self._here_bytes + 1
        except OSError:
            size = 0  # it is not there: that is soon said
        with self._lock:
            if size > self._here_bytes:
                return False
            self._here_bytes -= size
            return True

    def _read(self, path: Path, overrides: MetaOverrides | None) -> ReadFile:
        child = self._take_child()
        try:
            read: ReadFile = child.ask((path, overrides), seconds=self._limits.seconds)
        except ChildDied as error:
            self._let_go(child)
            if self._closed:
                raise CancelledError from error
            raise _too_costly(path, error, self._limits) from error
        except MemoryError as error:
            self._let_go(child)  # what is left of its memory is in pieces
            raise _too_large(path, self._limits) from error
        except LoadError:
            self._give_back(child)
            raise
        self._give_back(child)
        return read

    def _take_child(self) -> ChildProcess:
        with self._lock:
            if self._closed:
                raise CancelledError
            child = self._idle.pop() if self._idle else None
            if child and not child.is_alive:  # killed while it had nothing to do
                child.close()
                child = None
            child = child or ChildProcess("rag.reading.child", self._limits, one_thread=True)
            self._busy.add(child)
            return child

    def _give_back(self, child: ChildProcess) -> None:
        with self._lock:
            self._busy.discard(child)
            if self._closed:
                child.close()
                return
            self._idle.append(child)
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(_IDLE_SECONDS, self._end_idle)
            self._timer.daemon = True
            self._timer.start()

    def _let_go(self, child: ChildProcess) -> None:
        with self._lock:
            self._busy.discard(child)
        child.close()

    def _end_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.close()


def _done(path: Path, overrides: MetaOverrides | None, limits: ReadingLimits) -> Future[ReadFile]:
    future: Future[ReadFile] = Future()
    try:
        future.set_result(read_file(path, overrides, limits))
    except LoadError as error:
        future.set_exception(error)
    except MemoryError:
        future.set_exception(_too_large(path, limits))
    return future


def _too_costly(path: Path, death: ChildDied, limits: ReadingLimits) -> DamagedFile:
    if death.timed_out or "SIGALRM" in str(death):
        return DamagedFile(
            f"{path.name!r} cannot be read within {limits.seconds:g} s: hardly any report takes as long. Copy its text "
            "into a new document, or raise RAG_READ_TIMEOUT_S."
        )
    return DamagedFile(
        f"{path.name!r} made the program that reads it fail ({death}). Save it anew or copy its text into a new "
        f"document; if it is very large, raise RAG_READ_MEMORY_MB above {limits.megabytes}."
    )


def _too_large(path: Path, limits: ReadingLimits) -> DamagedFile:
    return DamagedFile(
        f"{path.name!r} cannot be read within {limits.megabytes} MB of memory: hardly any report takes as much. Copy "
        "its text into a new document, or raise RAG_READ_MEMORY_MB."
    )
