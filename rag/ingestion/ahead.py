"""Reading ahead: files are read while those before them are embedded."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.ingestion.overrides import from_stored
from rag.ingestion.waiting import result_of
from rag.reading import Reader, ReadFile

_FILES = 64
"""Files read ahead: more than a group of usual reports holds, so that the next one is read when it is wanted."""
_BYTES = 64 << 20
"""Bytes of files read ahead, unless one alone has more."""


@dataclass(slots=True)
class Task:
    """A file to be dealt with.

    Attributes:
        path: Absolute path.
        digest: SHA-256 of its bytes; empty if it cannot be had, which reading will then explain.
        size: Its bytes.
        wanted: Metadata given by hand, as stored.
        reading: What is being read of it; None: nothing yet.
    """

    path: Path
    digest: str
    size: int
    wanted: dict[str, Any] | None
    reading: Future[ReadFile] | None = None


class ReadAhead:
    """Hands files over in order, having had those that follow read meanwhile.

    Args:
        reader: Reads them.
        already: Files read before, by absolute path; not read again while they are the same.
        max_bytes: Larger files are not looked into.
        prepare: Called before the first file is read.
    """

    def __init__(
        self, reader: Reader, already: Mapping[Path, ReadFile], max_bytes: int, prepare: Callable[[], None]
    ) -> None:
        self._reader = reader
        self._already = already
        self._max_bytes = max_bytes
        self._prepare: Callable[[], None] | None = prepare

    def tasks(
        self,
        paths: Sequence[Path],
        wanted: Callable[[Path], dict[str, Any] | None],
        is_in: Callable[[Task], bool],
    ) -> Iterator[Task]:
        """Yield a task for each path, in order.

        Args:
            paths: Absolute paths.
            wanted: Returns the metadata given by hand for a file.
            is_in: Says whether a file need not be read.
        """
        ahead: deque[Task] = deque()
        for path in paths:
            task = self._task(path, wanted(path))
            if not is_in(task):
                task.reading = self._submit(task)
            ahead.append(task)
            while ahead and (_is_ready(ahead[0]) or _is_full(ahead)):
                yield ahead.popleft()
        yield from ahead

    def result(self, task: Task, while_waiting: Callable[[], None]) -> ReadFile:
        """Return what was read.

        Args:
            task: The file.
            while_waiting: Called now and then; may raise to give up.

        Raises:
            LoadError: the file cannot be read.
        """
        return result_of(task.reading or self._submit(task), while_waiting)

    def _task(self, path: Path, wanted: dict[str, Any] | None) -> Task:
        try:
            size = path.stat().st_size if path.is_file() else self._max_bytes + 1
            if size > self._max_bytes:
                return Task(path, "", 0, wanted)
            with path.open("rb") as stream:
                return Task(path, hashlib.file_digest(stream, "sha256").hexdigest(), size, wanted)
        except OSError:
            return Task(path, "", 0, wanted)

    def _submit(self, task: Task) -> Future[ReadFile]:
        already = self._already.get(task.path)
        if already and already.digest == task.digest and task.wanted is None:
            done: Future[ReadFile] = Future()
            done.set_result(already)
            return done
        if self._prepare is not None:
            prepare, self._prepare = self._prepare, None
            prepare()
        return self._reader.submit(task.path, from_stored(task.wanted))


def _is_ready(task: Task) -> bool:
    return task.reading is None or task.reading.done()


def _is_full(ahead: deque[Task]) -> bool:
    return len(ahead) > _FILES or sum(task.size for task in ahead) > _BYTES
