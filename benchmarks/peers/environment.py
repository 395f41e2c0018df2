"""The peer's own virtual environment, made where there is a Python for it and a package registry that answers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

REQUIREMENTS = ("haiku.rag-slim==0.101.1", "docling-core[chunking]==2.104.0")
"""haiku.rag without its extras, and what its default chunker imports; neither brings torch."""
OLDEST_PYTHON = (3, 12)
STAMP = ".installed"


class PeerUnavailable(Exception):
    """The peer cannot be run here; the message says why, for the table's notes."""


def peer_python(folder: Path, chosen: Path | None = None) -> Path:
    """Return the Python of the peer's environment, made unless it is there with the same requirements.

    Args:
        folder: Where the environment lies.
        chosen: Python to make it with; None: the first one found that is new enough.

    Raises:
        PeerUnavailable: there is no such Python, or the packages cannot be had.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = "\n".join(REQUIREMENTS)
    stamp = folder / STAMP
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and python.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _run([str(chosen or _new_enough()), "-m", "venv", str(folder)])
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--progress-bar", "off"]
    _run([str(python), *install, "--retries", "1", "--timeout", "30", *REQUIREMENTS])
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _new_enough() -> Path:
    for python in _pythons():
        if _version(python) >= OLDEST_PYTHON:
            return python
    wanted = ".".join(map(str, OLDEST_PYTHON))
    raise PeerUnavailable(f"{REQUIREMENTS[0]} needs Python {wanted}, and none is found; name one with --peer-python")


def _pythons() -> Iterator[Path]:
    """Yield this Python, those on the path, and those that pyenv keeps."""
    yield Path(sys.executable)
    names = ("python3.12", "python3.13", "python3.14", "python3")
    yield from (Path(found) for name in names if (found := shutil.which(name)))
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from sorted(kept.glob("*/bin/python"))


def _version(python: Path) -> tuple[int, ...]:
    """Return a Python's version, (0,) if it does not run."""
    try:
        told = _run([str(python), "-c", "import sys; print(*sys.version_info[:2])"])
    except PeerUnavailable:
        return (0,)
    return tuple(map(int, told.split()))


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PeerUnavailable(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise PeerUnavailable(f"`{' '.join(command[1:4])}` failed: {' '.join(told)[-300:]}")
    return done.stdout
