"""The lexical index built in a process of its own: ``python -m rag.index.lexical_process``, set up with a folder.

Cutting texts into tokens holds the interpreter lock, 19 s per 100,000 chunks, in which an application would answer
nobody. So the chunks are sent to a process that builds the index into a folder, from where it is memory-mapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path

from rag.child_process import ChildDied, ChildProcess, Tell, serve
from rag.errors import StoreError
from rag.index.failure import Stopped

Chunk = tuple[str, str, str, str]
"""Id, report id, section kind and text of a chunk."""

_BATCH = 500
_LOOK_UP_S = 0.2
_BATCH_S = 300.0
_FINISH_S = 3600.0
"""Seconds that starting or a batch, and the scoring of all, may take before the process counts as hung."""


def build_apart(folder: Path, chunks: Iterable[Chunk], stopped: Callable[[], bool]) -> int:
    """Have the index of some chunks built into a new folder; return its number of rows.

    Raises:
        Stopped: ``stopped`` said so.
        OSError: the process could not do it.
    """
    child = ChildProcess("rag.index.lexical_process", folder, quiet=True)
    try:
        child.start(_BATCH_S)
        rows = iter(chunks)
        while batch := list(islice(rows, _BATCH)):
            _unless(stopped)
            child.ask(batch, seconds=_BATCH_S)
        return _saved(child, stopped)
    except ChildDied as error:
        raise OSError(f"the lexical index could not be built: its process is gone ({error})") from error
    except StoreError as error:
        raise OSError(f"the lexical index could not be built: {error}") from error
    finally:
        child.close()


def _saved(child: ChildProcess, stopped: Callable[[], bool]) -> int:
    """Have the index scored and saved; end the child if that is to be left in the middle."""
    with ThreadPoolExecutor(1) as thread:
        saved = thread.submit(child.ask, [], seconds=_FINISH_S)
        try:
            while not wait([saved], _LOOK_UP_S).done:
                _unless(stopped)
        except BaseException:
            child.close()
            raise
        return int(saved.result())


def _unless(stopped: Callable[[], bool]) -> None:
    if stopped():
        raise Stopped


def _handler(folder: Path) -> Callable[[Sequence[Chunk], Tell], int]:
    """Return what takes chunks, and after the last of them builds the index and tells how many there were."""
    from rag.index.lexical import Builder, save

    builder = Builder(changed=0)

    def take(chunks: Sequence[Chunk], _tell: Tell) -> int:
        try:
            builder.add(chunks)
            if not chunks:
                save(builder.built(), folder)
        except Exception as error:
            raise StoreError(f"{type(error).__name__}: {error}") from error
        return len(builder.ids)

    return take


if __name__ == "__main__":
    serve(_handler)
