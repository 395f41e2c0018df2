"""Read a file in a process of its own, that may take only so much time and memory: ``python -m rag.loading.trial``.

Bounds on size, pages and unpacking stop the known ways to make a small file costly. This one stops the others, for
files from people whom nobody at the terminal vouches for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import rag
from rag import errors
from rag.errors import DamagedFile, LoadError

_MEGABYTE = 1024 * 1024


def try_reading(path: Path, *, max_bytes: int, max_pages: int, seconds: int, megabytes: int) -> None:
    """Read a file where it can do no harm.

    Args:
        path: The file.
        max_bytes: As for ``load_document``.
        max_pages: As for ``load_document``.
        seconds: Time that it may take.
        megabytes: Memory that it may take, the reader's own included.

    Raises:
        LoadError: it cannot be read, or not within the bounds.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(rag.__file__).parent.parent), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "rag.loading.trial", *map(str, (path, max_bytes, max_pages, seconds, megabytes))]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise _too_costly(path, seconds, megabytes) from error
    try:
        told = json.loads(done.stdout or b"null")
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise _too_costly(path, seconds, megabytes)
    if told:
        raise getattr(errors, told["kind"])(told["message"])


def main(path: str, max_bytes: str, max_pages: str, seconds: str, megabytes: str) -> int:
    """Read the file and print what was wrong with it as JSON: an empty object if nothing was."""
    _bound(int(seconds), int(megabytes))
    from rag.loading import load_document

    told: dict[str, str] = {}
    try:
        load_document(Path(path), max_bytes=int(max_bytes), max_pages=int(max_pages))
    except LoadError as error:
        told = {"kind": type(error).__name__, "message": str(error)}
    sys.stdout.write(json.dumps(told))
    return 0


def _bound(seconds: int, megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # no such limits on Windows; the time limit holds there too
        return
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * _MEGABYTE, megabytes * _MEGABYTE))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _too_costly(path: Path, seconds: int, megabytes: int) -> DamagedFile:
    return DamagedFile(
        f"{path.name!r} cannot be read within {seconds} s and {megabytes} MB of memory: no real report takes as much. "
        "Copy its text into a new document."
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
