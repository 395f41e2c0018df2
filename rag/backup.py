"""Backup copies of a store: one archive of all that cannot be derived, and the way back.

Databases are copied by SQLite's own online backup, so that the copy is of one moment while others write; the indexes
are left out, since they are built anew from the catalog without embedding.
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
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rag.catalog import CATALOG_FILE
from rag.catalog.database import read_only_uri
from rag.errors import StoreDamaged, StoreError
from rag.uploads import FOLDER as UPLOADS

FORMAT = 1
MANIFEST = "manifest.json"
DERIVED = ("chroma*", "lexical", "*.lock", "*-wal", "*-shm", "*-journal", ".incoming-*", ".*.tmp")
"""What a backup leaves out: indexes, locks, and what SQLite or an upload has open."""


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


def back_up(store: Path, archive: Path) -> Manifest:
    """Write a store into one compressed archive; the archive appears whole or not at all.

    Args:
        store: The store's folder; others may be writing it.
        archive: The file to write (.tar.gz); an earlier one is replaced.

    Raises:
        StoreError: there is no store, or something cannot be read or written.
    """
    try:
        if not (store / CATALOG_FILE).is_file():
            raise StoreError(f"No store in {str(store)!r}. Name one with --store.")
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=archive.absolute().parent) as folder:
            copy = Path(folder, "store")
            _copy(store, copy)
            manifest = Manifest(
                format=FORMAT,
                made=datetime.now(UTC).isoformat(timespec="seconds"),
                store=os.path.abspath(store),
                reports=_reports(copy),
                files={name: _digest(copy / name) for name in _names(copy)},
            )
            (copy / MANIFEST).write_text(json.dumps(asdict(manifest), ensure_ascii=False, indent=1), encoding="utf-8")
            written = Path(folder, "archive")
            with tarfile.open(written, "w:gz", compresslevel=5) as tar:
                tar.add(copy, arcname=".")
            os.replace(written, archive)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"The backup {str(archive)!r} could not be made: {error}. Nothing was left behind; free some space, give "
            "permission to read the store, or name another file."
        ) from error
    return manifest


def restore(archive: Path, store: Path) -> Manifest:
    """Put a backup back as a new store; the next opening as owner builds its indexes.

    Args:
        archive: What ``back_up`` wrote.
        store: The folder to make; it must not hold anything yet.

    Raises:
        StoreDamaged: the archive is no backup, is incomplete or was changed.
        StoreError: the folder is not empty, or something cannot be read or written.
    """
    if store.exists() and (not store.is_dir() or any(store.iterdir())):
        raise StoreError(
            f"{str(store)!r} holds something already, and a restore replaces nothing. Move it away, or name a new "
            "folder with --store."
        )
    try:
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=_existing(store.absolute().parent)) as folder:
            unpacked = Path(folder, "store")
            with tarfile.open(archive, "r:gz") as tar:
                tar.extractall(unpacked, filter="data")
            manifest = _checked(unpacked, archive)
            _move_uploads(unpacked / CATALOG_FILE, manifest.store, os.path.abspath(store))
            (unpacked / MANIFEST).unlink()
            if store.is_dir():
                store.rmdir()
            shutil.move(unpacked, store)
    except (tarfile.TarError, EOFError) as error:
        raise StoreDamaged(f"{str(archive)!r} is no backup, or only part of one: {error}. Use another copy.") from error
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"{str(archive)!r} could not be restored to {str(store)!r}: {error}. Nothing was left behind. Free some "
            "space, or name another folder with --store."
        ) from error
    return manifest


def _existing(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _copy(store: Path, copy: Path) -> None:
    """Copy all that is not derived: databases by online backup, files as they are."""
    databases = {path.name for path in store.glob("*.sqlite")}
    shutil.copytree(store, copy, ignore=shutil.ignore_patterns(*DERIVED, *databases))
    for name in databases:
        with (
            closing(sqlite3.connect(read_only_uri((store / name).absolute()), uri=True)) as source,
            closing(sqlite3.connect(copy / name)) as target,
        ):
            source.backup(target)


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _reports(folder: Path) -> int:
    with closing(sqlite3.connect(folder / CATALOG_FILE)) as connection:
        return int(connection.execute("SELECT count(*) FROM reports").fetchone()[0])


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


def _move_uploads(catalog: Path, before: str, after: str) -> None:
    """Let the catalog know the uploaded files by where they are now."""
    old, new = f"{before}{os.sep}{UPLOADS}{os.sep}", f"{after}{os.sep}{UPLOADS}{os.sep}"
    with closing(sqlite3.connect(catalog)) as connection, connection:
        for table in ("files", "reports"):
            connection.execute(
                f"UPDATE {table} SET path = ? || substr(path, ?) WHERE substr(path, 1, ?) = ?",
                (new, len(old) + 1, len(old), old),
            )
