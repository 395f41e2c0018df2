"""The lexical index built in a process of its own: ``python -m rag.index.lexical_process CONNECTION FOLDER``.

Cutting texts into tokens holds the interpreter lock, 19 s per 100,000 chunks, in which an application would answer
nobody. So the chunks are sent to a process that builds the index into a folder, from where it is memory-mapped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

from rag.index.child import Child, ignore_signals
from rag.index.failure import ProcessLost, Stopped

Chunk = tuple[str, str, str, str]
"""Id, report id, section kind and text of a chunk."""

_BATCH = 500
_LOOK_UP_S = 0.2
_BATCH_S = 300.0
_FINISH_S = 3600.0
"""Seconds that a batch, and the scoring of all, may take before the process counts as hung."""


def build_apart(folder: Path, chunks: Iterable[Chunk], stopped: Callable[[], bool]) -> int:
    """Have the index of some chunks built into a new folder; return its number of rows.

    Raises:
        Stopped: ``stopped`` said so.
        OSError: the process could not do it.
    """
    child = Child("rag.index.lexical_process", [str(folder)])
    try:
        rows = iter(chunks)
        while batch := list(islice(rows, _BATCH)):
            _unless(stopped)
            with child.within(_BATCH_S):
                child.connection.send(batch)
        with child.within(_FINISH_S):
            child.connection.send([])
            while not child.connection.poll(_LOOK_UP_S):
                _unless(stopped)
            done, value = child.connection.recv()
    except ProcessLost as error:
        raise OSError(f"the lexical index could not be built: {error}") from error
    finally:
        child.stop(0)
    if not done:
        raise OSError(value)
    return int(value)


def _unless(stopped: Callable[[], bool]) -> None:
    if stopped():
        raise Stopped


def main(descriptor: str, folder: str) -> int:
    """Take chunks over the connection, build the index, and tell how many there were."""
    from rag.index.lexical import build_from, save

    ignore_signals()
    with Connection(int(descriptor)) as connection:
        try:
            index = build_from(0, _received(connection))
            save(index, Path(folder))
            connection.send((True, len(index.ids)))
        except EOFError:
            return 1  # whoever wanted it is gone
        except Exception as error:
            connection.send((False, f"{type(error).__name__}: {error}"))
            return 1
    return 0


def _received(connection: Connection) -> Iterator[Chunk]:
    while batch := connection.recv():
        yield from batch


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
