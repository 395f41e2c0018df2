"""A note beside Chroma's folder that tells whether it may be trusted when it is opened again.

A kill while Chroma saves leaves a folder that cannot be opened, or that ends the process which asks it; a folder whose
files somebody changed is no better. So the note names the files as they were when nothing was being written, and a
folder is trusted only if they still are.
"""

from __future__ import annotations

import json
from pathlib import Path

from rag.durably import flush_to_disk, write_durably


def path_for(folder: Path) -> Path:
    """Return where the note on a folder stands."""
    return folder.with_name(f"{folder.name}.marker")


class Marker:
    """The note of the process that has the folder open.

    Args:
        folder: Chroma's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = path_for(folder)
        self._folder = folder
        self._stage = ""

    def writing(self) -> None:
        """Note that the folder is being written: not to be trusted if we are killed now."""
        self._note("write")

    def resting(self) -> None:
        """Note that nothing has been written for a while: to be trusted if its files are as now."""
        self._note("open")

    def closed(self) -> None:
        """Flush the files to the disk and note that the folder was closed."""
        flush_to_disk(path for path in self._folder.rglob("*") if path.is_file())
        self._note("closed")

    def _note(self, stage: str) -> None:
        if stage == self._stage:
            return
        files = {} if stage == "write" else _files(self._folder)
        write_durably(self._path, json.dumps({"stage": stage, "files": files}))
        self._stage = stage


def trouble(folder: Path) -> str:
    """Return why a folder that nobody has open must not be trusted, or an empty string."""
    try:
        note = json.loads(path_for(folder).read_text(encoding="utf-8"))
        stage, files = note["stage"], note["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return "nothing told whether it was whole"
    if stage == "write":
        return "its last writer was stopped in the middle"
    try:
        found = _files(folder)
    except OSError:
        found = {}
    return "" if found == files else "its files were changed or damaged"


def _files(folder: Path) -> dict[str, list[int]]:
    """Return size and time of change of every file, by its path within the folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            status = path.stat()
            found[path.relative_to(folder).as_posix()] = [status.st_size, status.st_mtime_ns]
    return found
