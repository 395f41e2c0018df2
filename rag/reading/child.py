"""The process that reads files, within bounds of time and memory: ``python -m rag.reading.child``.

Bounds on size, pages and unpacking stop the known ways to make a small file costly. These bounds stop the others.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from rag.child_process import Tell, serve
from rag.chunking import count_tokens
from rag.reading.file import ReadFile, ReadingLimits, read_file
from rag.structure import MetaOverrides

_MEGABYTE = 1024 * 1024
_GRACE_SECONDS = 2.0

Request = tuple[Path, MetaOverrides | None]


def handler(limits: ReadingLimits) -> Callable[[Request, Tell], ReadFile]:
    """Return what reads a file; from now on this process may take only so much memory."""
    count_tokens("")  # loads the tokenizer's tables, which are the program's own
    _bound_memory(limits.megabytes)

    def read(request: Request, _tell: Tell) -> ReadFile:
        path, overrides = request
        _bound_time(limits.seconds + _GRACE_SECONDS)
        try:
            return read_file(path, overrides, limits)
        finally:
            _bound_time(0)

    return read


def _bound_memory(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # no such limits on Windows; the parent's time limit holds there too
        return
    limit = _program_bytes() + megabytes * _MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _program_bytes() -> int:
    """Return the address space that the program itself takes, before any file is read."""
    try:
        import resource

        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except OSError:  # no /proc; then the program's own is part of the bound
        return 0


def _bound_time(seconds: float) -> None:
    """Let the kernel end this process after a time, 0: never: where the parent was killed, nobody else would."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    serve(handler)
