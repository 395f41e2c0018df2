"""Uploads and deletions under way, written down before anything moves, so that a kill leaves neither half done.

While one process holds ``uploads.lock`` it works in a folder ``.incoming-…`` of its own. In it each upload has a slot:
the file, where it goes, and what stood there before. Whoever finds such a folder with the lock free knows that its
process was killed, and asks the catalog: what is in stays, anything else is taken back. Files are noted by where they
are in the uploads folder: in a copy of the store nothing of the original is touched.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from rag.durably import flush_to_disk, write_durably
from rag.errors import StoreLocked

FOLDER = "uploads"
"""Name of the folder within the store."""
LOCK = "uploads.lock"
_PREFIX = ".incoming-"
_PLACE, _REMOVALS = "place.json", "removals.json"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an upload goes.

    Attributes:
        target: Its path.
        digest: SHA-256 of its bytes.
        superseded: A file elsewhere that it corrects, to be forgotten once it is in.
    """

    target: str
    digest: str
    superseded: str | None


class Slot:
    """An upload under way.

    Args:
        folder: Its own folder.
        name: What the file is called there and where it goes; None: read from the folder what was going on.
    """

    def __init__(self, folder: Path, name: str | None = None) -> None:
        self._folder = folder
        self._saved = folder / "saved"
        self._uploads = folder.parent.parent
        self.place = None if name else self._noted_place()
        self.file = folder / "file" / (name or (Path(self.place.target).name if self.place else "-"))

    def write(self, content: bytes) -> None:
        """Write the file where it can do no harm."""
        self.file.parent.mkdir(parents=True)
        with self.file.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())

    def move(self, place: Place) -> None:
        """Put the file in its place; what stands there is kept until the slot goes."""
        self.place, target = place, Path(place.target)
        target.parent.mkdir(exist_ok=True)
        noted = asdict(place) | {"target": str(target.relative_to(self._uploads))}
        _note(self._folder / _PLACE, json.dumps(noted))
        if target.exists():
            os.replace(target, self._saved)
        os.replace(self.file, target)
        flush_to_disk([target.parent])

    def take_back(self) -> None:
        """Undo ``move``, however far it came, and however far an earlier undoing."""
        if self.place is None:
            return
        target = Path(self.place.target)
        if not self.file.exists() and target.exists():
            os.replace(target, self.file)
        if self._saved.exists():
            os.replace(self._saved, target)

    def _noted_place(self) -> Place | None:
        try:
            noted = json.loads((self._folder / _PLACE).read_text(encoding="utf-8"))
            return Place(**noted | {"target": str(self._uploads / noted["target"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None


class Staging:
    """The folder of what is under way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def slot(self, position: int, name: str) -> Slot:
        """Return the slot of a new upload."""
        return Slot(self._folder / str(position), name)

    def slots(self) -> Iterator[Slot]:
        """Yield the slots of uploads that were moved, the last one first: it may stand where an earlier one did."""
        for path in sorted(self._folder.glob(f"*/{_PLACE}"), key=lambda path: -int(path.parent.name)):
            yield Slot(path.parent)

    def note_removals(self, paths: Sequence[str]) -> None:
        """Note files that go once the catalog has forgotten them."""
        names = [str(Path(path).relative_to(self._folder.parent)) for path in paths]
        _note(self._folder / _REMOVALS, json.dumps(names))

    def removals(self) -> list[str]:
        """Return the files noted."""
        try:
            names = json.loads((self._folder / _REMOVALS).read_text(encoding="utf-8"))
            return [str(self._folder.parent / name) for name in names]
        except (OSError, ValueError):
            return []

    def remove(self) -> None:
        """Delete it: all is in, or taken back."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def one_uploader(store: Path, seconds: float) -> Iterator[None]:
    """Hold the lock on the uploads folder.

    Raises:
        StoreLocked: another process has it, for longer than ``seconds``.
        OSError: the store cannot be written.
    """
    lock = FileLock(store / LOCK, timeout=seconds, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreLocked(
            f"Another program has been taking files into the store {str(store)!r} for {seconds:g} s. Wait for it to "
            "finish, then upload again."
        ) from error
    try:
        yield
    finally:
        lock.release()


def new_staging(uploads: Path) -> Staging:
    """Make a folder; the lock is held."""
    uploads.mkdir(exist_ok=True)
    return Staging(Path(tempfile.mkdtemp(prefix=_PREFIX, dir=uploads)))


def abandoned(uploads: Path) -> list[Staging]:
    """Return what processes left that were killed; the lock is held."""
    return [Staging(path) for path in sorted(uploads.glob(f"{_PREFIX}*"), key=lambda path: path.stat().st_ctime_ns)]


def _note(path: Path, text: str) -> None:
    """Write a note that is there, whole, before anything moves."""
    write_durably(path, text)
    flush_to_disk([path.parent])
