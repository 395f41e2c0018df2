"""Try a Chroma folder in a process of its own: ``python -m rag.index.probe FOLDER``; exit 0 if it can be used.

A kill while Chroma saves can leave a folder that ends the process opening it with a segmentation fault, so whoever
finds that the last owner did not close it lets a child try first.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import rag

_TIMEOUT_S = 120


def is_usable(folder: Path, rows: int) -> bool:
    """Say whether the folder can be opened, holds ``rows`` rows and answers a query, at no risk to this process."""
    environment = {**os.environ, "PYTHONPATH": str(Path(rag.__file__).parent.parent)}
    command = [sys.executable, "-m", "rag.index.probe", str(folder), str(rows)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def main(folder: str, rows: str) -> int:
    """Open, count, read and query the collection."""
    from rag.index.chroma import ChromaCollection

    collection = ChromaCollection(Path(folder))
    try:
        if collection.count() != int(rows):
            return 1
        for ids, matrix, _ in collection.rows():
            if not collection.query(matrix[0], min(10, len(ids))):
                return 1
        return 0
    finally:
        collection.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
