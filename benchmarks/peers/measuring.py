"""Run one stage of one system in a process of its own, and tell what it took."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROC = Path("/proc")
POLL_SECONDS = 0.1
KIBIBYTES = 1024


class StageError(Exception):
    """A stage's process failed."""


def run_stage(
    command: Sequence[str], job: Mapping[str, Any], folder: Path, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run a stage and return its result with ``memory_mib``, the peaks of its processes added up.

    Args:
        command: Takes the job file's path as its last argument and writes the result where the job says.
        job: What to do; ``result`` is set here.
        folder: Where the job, the result and the output are kept.
        environment: Variables beside those of this process.

    Raises:
        StageError: the process failed or wrote no result; the message ends with what it printed last.
    """
    result, log = folder / "result.json", folder / "log.txt"
    result.unlink(missing_ok=True)
    (folder / "job.json").write_text(json.dumps({**job, "result": str(result)}), encoding="utf-8")
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*command, str(folder / "job.json")],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        with peak_memory(process.pid) as peaks:
            process.wait()
    if process.returncode or not result.exists():
        printed = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        raise StageError(f"{' '.join(command)} ended with {process.returncode}: " + " | ".join(printed))
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found | {"memory_mib": sum(peaks.values()) / KIBIBYTES if peaks else None}


@contextmanager
def peak_memory(root: int) -> Iterator[dict[int, int]]:
    """Follow a process and its descendants; the dictionary gives each one's peak resident memory in KiB so far.

    Where there is no ``/proc`` it stays empty.
    """
    peaks: dict[int, int] = {}
    over = threading.Event()

    def follow() -> None:
        while not over.wait(POLL_SECONDS):
            for process in descendants(root):
                peaks[process] = max(peaks.get(process, 0), resident_peak(process))

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def descendants(root: int) -> list[int]:
    """Return the process and all that it started, in turn; empty when it has ended."""
    found = [root] if (PROC / str(root)).exists() else []
    for process in found:
        found.extend(_children(process))
    return found


def _children(process: int) -> list[int]:
    children: list[int] = []
    for listed in (PROC / str(process) / "task").glob("*/children"):
        try:
            children.extend(map(int, listed.read_text().split()))
        except OSError:  # the thread has ended since
            continue
    return children


def resident_peak(process: int) -> int:
    """Return the most memory that a process has held so far, in KiB; 0 when it has ended."""
    try:
        status = (PROC / str(process) / "status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def processor_seconds(process: int) -> float:
    """Return the processor time that a running process has used, 0 where that cannot be told."""
    try:
        fields = (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def size_mib(folder: Path) -> float:
    """Return the size of a folder's files in MiB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
