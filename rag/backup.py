"""Backup copies of a store: one archive of all that cannot be derived, and the way back.

An archive holds the catalog as an SQLite file, whichever engine it was on, so that it can be put back on either. What
is copied is of one moment while others write; the indexes are left out, since they are built anew from the catalog
without embedding.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from rag.catalog import CATALOG_FILE, HOME_FILE, ProcessLock, become_another, copy_file, filling, save_catalog
from rag.errors import StoreDamaged, StoreError

FORMAT = 1
MANIFEST = "manifest.json"
DERIVED = (
    "chroma*",
    "lexical",
    HOME_FILE,
    "*.lock",
    "*.holder",
    "*-wal",
    "*-shm",
    "*-journal",
    ".incoming-*",
    ".*.tmp",
)
"""What a backup leaves out: indexes, locks, and what SQLite or an upload has open."""

_LOCK = "in-use.lock"
_TRIES = 5
"""How many folders are made, at most, until one can be locked."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds.

    Attributes:
        format: Version of the archive's form.
        made: When, in UTC.
        store: The folder that it was made of, absolute.
        reports: Number of reports.
        files: SHA-256 of every file, by its path within the store.
    """

    format: int
    made: str
    store: str
    reports: int
    files: dict[str, str]


def back_up(store: Path, archive: Path, url: SecretStr | None = None) -> Manifest:
    """Write a store into one compressed archive; the archive appears whole or not at all.

    Args:
        store: The store's folder; others may be writing it.
        archive: The file to write (.tar.gz); an earlier one is replaced.
        url: The setting ``catalog_url``: the database that holds the catalog, None: the store's folder.

    Raises:
        StoreDamaged: the catalog is damaged; an earlier archive stays.
        StoreError: there is no store, or something cannot be read or written; an earlier archive stays.
    """
    try:
        if url is None and not (store / CATALOG_FILE).is_file():
            raise StoreError(f"No store in {str(store)!r}. Name one with --store.")
        with _workplace(archive.absolute().parent, ".backup-") as folder:
            copy = folder / "store"
            _copy(store, copy, url)
            manifest = Manifest(
                format=FORMAT,
                made=datetime.now(UTC).isoformat(timespec="seconds"),
                store=os.path.abspath(store),
                reports=_reports(copy),
                files={name: _digest(copy / name) for name in _names(copy)},
            )
            (copy / MANIFEST).write_text(json.dumps(asdict(manifest), ensure_ascii=False, indent=1), encoding="utf-8")
            _pack(copy, folder / "archive")
            os.replace(folder / "archive", archive)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"The backup {str(archive)!r} could not be made: {error}. Nothing was left behind; free some space, give "
            "permission to read the store, or name another file."
        ) from error
    return manifest


def restore(archive: Path, store: Path, url: SecretStr | None = None) -> Manifest:
    """Put a backup back as a new store; the next opening as owner builds its indexes.

    Args:
        archive: What ``back_up`` wrote, from whichever engine.
        store: The folder to make; it must not hold anything yet.
        url: The setting ``catalog_url``: an empty database for the catalog, None: the store's folder.

    Raises:
        StoreDamaged: the archive is no backup, is incomplete or was changed.
        StoreError: the folder or the database is not empty, or something cannot be read or written.
    """
    if store.exists() and (not store.is_dir() or any(store.iterdir())):
        raise StoreError(
            f"{str(store)!r} holds something already, and a restore replaces nothing. Move it away, or name a new "
            "folder with --store."
        )
    try:
        with _workplace(_existing(store.absolute().parent), ".restore-") as folder:
            unpacked = folder / "store"
            with tarfile.open(archive, "r:gz") as tar:
                tar.extractall(unpacked, filter="data")
            manifest = _checked(unpacked, archive)
            with closing(sqlite3.connect(unpacked / CATALOG_FILE)) as connection, connection:
                become_another(connection.execute, manifest.store, os.path.abspath(store))
            (unpacked / MANIFEST).unlink()
            if url is None:
                _move(unpacked, store)
            else:
                _fill(unpacked, store, url)
    except (tarfile.TarError, EOFError) as error:
        raise StoreDamaged(f"{str(archive)!r} is no backup, or only part of one: {error}. Use another copy.") from error
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"{str(archive)!r} could not be restored to {str(store)!r}: {error}. Nothing was left behind. Free some "
            "space, or name another folder with --store."
        ) from error
    return manifest


@contextmanager
def _workplace(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder that is gone afterwards, and clear away those that killed processes left.

    Its lock is made before anything else in it and goes last, so what was left has a lock or nothing in it, whenever
    its process was killed; any other folder of such a name is somebody's own.
    """
    for left in parent.glob(f"{prefix}*"):
        if left.is_dir() and ((left / _LOCK).exists() or not any(left.iterdir())):
            _remove(left, ProcessLock(left / _LOCK))
    folder, lock = _locked_folder(parent, prefix)
    try:
        yield folder
    finally:
        _remove(folder, lock)


def _locked_folder(parent: Path, prefix: str) -> tuple[Path, ProcessLock]:
    """Make a folder and lock it; another if a process that clears away has come in between."""
    for _ in range(_TRIES):
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        lock = ProcessLock(folder / _LOCK)
        if lock.acquire() and (folder / _LOCK).exists():
            return folder, lock
        lock.release()
    raise StoreError(f"{str(folder)!r} cannot be locked. Check the permissions of {str(parent)!r}.")


def _remove(folder: Path, lock: ProcessLock) -> None:
    """Remove a folder that this process has locked or can lock, the lock after all else."""
    if not lock.acquire():
        return
    with suppress(OSError):  # another user's, or another process clears it away too
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()
        (folder / _LOCK).unlink()
        folder.rmdir()
    lock.release()


def _pack(folder: Path, archive: Path) -> None:
    """Write an archive through to the disk, so that it may take an earlier one's place."""
    with archive.open("wb") as stream:
        with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=5) as tar:
            tar.add(folder, arcname=".")
        stream.flush()
        os.fsync(stream.fileno())


def _move(unpacked: Path, store: Path) -> None:
    if store.is_dir():
        store.rmdir()
    shutil.move(unpacked, store)


def _fill(unpacked: Path, store: Path, url: SecretStr) -> None:
    """Put the catalog into its database and the rest into the folder: both, or neither."""
    with filling(unpacked, url):
        (unpacked / CATALOG_FILE).unlink()
        _move(unpacked, store)


def _existing(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _copy(store: Path, copy: Path, url: SecretStr | None) -> None:
    """Copy all that is not derived: databases as of one moment, files as they are."""
    databases = {path.name for path in store.glob("*.sqlite")}
    shutil.copytree(store, copy, ignore=shutil.ignore_patterns(*DERIVED, *databases))
    for name in databases - {CATALOG_FILE}:
        copy_file(store / name, copy / name)
    save_catalog(store, url, copy / CATALOG_FILE)


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _reports(folder: Path) -> int:
    """Count the reports of a copied catalog, which must be sound: a damaged one must not replace a good backup."""
    with closing(sqlite3.connect(folder / CATALOG_FILE)) as connection:
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            return int(connection.execute("SELECT count(*) FROM reports").fetchone()[0])
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(
                f"The catalog is damaged ({error}) and was not backed up; an earlier backup stays. Move the store away "
                "and put that one back: `python -m rag restore FILE.tar.gz`."
            ) from error


def _checked(folder: Path, archive: Path) -> Manifest:
    """Return the manifest of an unpacked archive that holds exactly what it says."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise StoreDamaged(f"{str(archive)!r} is no backup of a store: it has no readable {MANIFEST}.") from error
    if manifest.format != FORMAT:
        raise StoreDamaged(f"{str(archive)!r} has form {manifest.format!r}; this program reads {FORMAT}.")
    found = {name: _digest(folder / name) for name in _names(folder) if name != MANIFEST}
    wrong = sorted(name for name in found.keys() | manifest.files.keys() if found.get(name) != manifest.files.get(name))
    if wrong or CATALOG_FILE not in found:
        raise StoreDamaged(f"{str(archive)!r} is damaged: {', '.join(wrong[:5])} differ. Use another copy.")
    return manifest
