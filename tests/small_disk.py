"""A small file system of its own, to be filled up or made read-only."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A tmpfs with a file that takes up what others may not have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def leave(self, free: int) -> None:
        """Leave so many bytes free, whatever a program writes here meanwhile.

        What it writes between the look at the space and its taking lets the taking fail: looked at anew then.
        """
        while True:
            self.relieve()
            status = os.statvfs(self.folder)
            size = status.f_bavail * status.f_frsize - free
            if size <= 0:
                return
            try:
                with self._ballast.open("wb") as stream:
                    os.posix_fallocate(stream.fileno(), 0, size)
                return
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def relieve(self) -> None:
        """Take the fault away."""
        self._ballast.unlink(missing_ok=True)

    def read_only(self, *, on: bool = True) -> None:
        """Let nothing be written any more, not by root either; or let it again."""
        subprocess.run(["mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.folder)], check=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a small disk for a while; skips the test, with the reason, where nothing may be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no tmpfs can be mounted here: {error}")
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
