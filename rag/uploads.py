"""Files handed over by people: kept in the store's own folder, then taken in like any other file.

An upload takes the place of an earlier file of the same name if both are the report of the same office and year. Other
files of that name stay: offices are apt to call their reports alike.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rag.catalog import Catalog, FileRecord
from rag.errors import FileTooLarge, LoadError, StoreError, UnsupportedFormat
from rag.ingestion import from_stored
from rag.reading import LocalReader, ReadFile
from rag.structure import with_overrides
from rag.types import IngestSummary, ReportMeta

FOLDER = "uploads"
"""Name of the folder within the store."""
LONGEST_NAME = 200
"""Bytes of a file name that are kept; file systems take 255."""
_LONGEST_SUFFIX = 16
_FORBIDDEN = '<>:"|?*'  # what some file systems do not take in a name

UploadCheck = Callable[[str, bytes], None]
"""Looks at a file's name and bytes before anything else does; raises a ``LoadError`` to refuse it."""
UploadOutcome = Literal["in", "replaced", "duplicate", "failed"]


def accept(name: str, content: bytes) -> None:
    """Refuse nothing that loading itself does not refuse."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as handed over; ``name`` may hold anything."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What became of an upload.

    Attributes:
        name: Its name as handed over.
        outcome: ``in``: a new report; ``replaced``: in place of an earlier one; ``duplicate``: its text was in
            already; ``failed``.
        report: The report that holds its text; None when it failed.
        detail: The reason for ``failed``, the file already in for ``duplicate``.
        error: Why it failed, where that is known more closely than in words.
    """

    name: str
    outcome: UploadOutcome
    report: ReportMeta | None = None
    detail: str = ""
    error: LoadError | None = None


@dataclass(frozen=True, slots=True)
class _Placed:
    """An upload put in its place; ``saved`` is what stood there, ``superseded`` a file elsewhere that it corrects."""

    position: int
    upload: str
    read: ReadFile
    path: Path
    saved: Path | None
    superseded: FileRecord | None


@dataclass(slots=True)
class _Batch:
    """Uploads under way: those put in their place, and what became of the others, by position."""

    placed: list[_Placed] = field(default_factory=list)
    results: dict[int, UploadResult] = field(default_factory=dict)


class Uploads:
    """The uploads folder of a store. Safe to share between threads: uploads wait for each other.

    Args:
        catalog: The store's catalog.
        max_bytes: Larger files are refused.
        reader: Reads them where they can do no harm.
        ingest: Takes files, read already, into the store.
        forget: Takes paths out of the store.
    """

    def __init__(
        self,
        catalog: Catalog,
        max_bytes: int,
        reader: LocalReader,
        ingest: Callable[[Mapping[Path, ReadFile]], IngestSummary],
        forget: Callable[[Sequence[str]], None],
    ) -> None:
        self._catalog = catalog
        self._folder = catalog.store / FOLDER
        self._max_bytes = max_bytes
        self._reader = reader
        self._ingest = ingest
        self._forget = forget
        self._lock = threading.Lock()

    def take_in(self, uploads: Iterable[Upload], check: UploadCheck = accept) -> tuple[UploadResult, ...]:
        """Take files in; one that cannot be read keeps no other out, and leaves what it was to correct as it is.

        Args:
            uploads: Read one after the other, so that a generator need not hold them all.
            check: Called before a file is looked into.

        Raises:
            StoreLocked: another process writes the store; none of the files since the last repeated name is in.
            StoreError: the store cannot be written.
        """
        with self._lock, self._staging() as staging:
            batch = _Batch()
            try:
                for position, upload in enumerate(uploads):
                    self._add(position, upload, check, Path(staging, str(position)), batch)
                self._take_in_placed(batch)
            except BaseException:
                for one in batch.placed:
                    _take_back(one)
                raise
            return tuple(batch.results[position] for position in sorted(batch.results))

    def remove(self, records: Iterable[FileRecord]) -> None:
        """Delete files no longer in the catalog that lie in the uploads folder; others belong to someone else."""
        with self._lock:
            still_in = self._catalog.files()
            for record in records:
                if self._folder in Path(record.path).parents and record.path not in still_in:
                    Path(record.path).unlink(missing_ok=True)

    def _staging(self) -> tempfile.TemporaryDirectory[str]:
        try:
            self._folder.mkdir(exist_ok=True)
            return tempfile.TemporaryDirectory(prefix=".incoming-", dir=self._folder)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(
            f"The uploads folder {str(self._folder)!r} cannot be written: {error.strerror or error}. Free some space "
            "or change the folder's permissions, then upload again."
        )

    def _add(self, position: int, upload: Upload, check: UploadCheck, aside: Path, batch: _Batch) -> None:
        """Read an upload where it can do no harm, then put it where it belongs."""
        try:
            aside.mkdir()
            name = safe_name(upload.name)
            self._check(upload, check)
            staged = aside / name
            staged.write_bytes(upload.content)
            read = self._reader.read(staged)
        except LoadError as error:
            batch.results[position] = UploadResult(upload.name, "failed", detail=str(error), error=error)
            return
        except OSError as error:
            raise self._unwritable(error) from error
        report_id = read.report.meta.id
        if any(name == other.path.name or report_id == other.read.report.meta.id for other in batch.placed):
            self._take_in_placed(batch)  # what this one is depends on what the other turns out to be
        path, saved, superseded = self._place(staged, read)
        batch.placed.append(_Placed(position, upload.name, read, path, saved, superseded))

    def _place(self, staged: Path, read: ReadFile) -> tuple[Path, Path | None, FileRecord | None]:
        path, superseded = self._destination(staged.name, read)
        saved = None
        path.parent.mkdir(exist_ok=True)
        if path.exists():
            saved = staged.with_name(f"{staged.name}.saved")
            os.replace(path, saved)
        os.replace(staged, path)
        return path, saved, superseded

    def _check(self, upload: Upload, check: UploadCheck) -> None:
        if len(upload.content) > self._max_bytes:
            raise FileTooLarge(
                f"{upload.name!r} is over the limit of {self._max_bytes / 1024 / 1024:g} MB. Raise RAG_MAX_FILE_MB if "
                "it really is a report."
            )
        check(upload.name, upload.content)

    def _destination(self, name: str, read: ReadFile) -> tuple[Path, FileRecord | None]:
        """Return where an upload goes, and the file outside the folder that it corrects."""
        records, metas, found = self._catalog.files(), self._catalog.metas(), read.report.meta
        for path in self._places(name):
            known = records.get(str(path))
            if known is None or known.hash == read.digest or _corrects(found, known, metas, known.overrides):
                break
        others = (
            record
            for record in records.values()
            if record.source == name and self._folder not in Path(record.path).parents
        )
        return path, next((record for record in others if _corrects(found, record, metas, None)), None)

    def _places(self, name: str) -> Iterator[Path]:
        yield self._folder / name
        number = 2
        while True:
            yield self._folder / str(number) / name
            number += 1

    def _take_in_placed(self, batch: _Batch) -> None:
        """Take in what was placed so far."""
        if not batch.placed:
            return
        before = self._catalog.files()
        summary = self._ingest({one.path: one.read for one in batch.placed})
        reasons = {failure.path: failure.reason for failure in summary.failures}
        results = [self._result(one, before.get(str(one.path)), reasons.get(str(one.path))) for one in batch.placed]
        for one, result in zip(batch.placed, results, strict=True):
            batch.results[one.position] = result
            if result.outcome == "failed":
                _take_back(one)
        self._supersede(batch.placed, results)
        batch.placed.clear()

    def _result(self, one: _Placed, before: FileRecord | None, reason: str | None) -> UploadResult:
        record = self._catalog.files().get(str(one.path))
        if reason is not None or record is None:
            return UploadResult(one.upload, "failed", detail=reason or "It was not taken in; upload it again.")
        report = self._catalog.metas().get(record.report_id)
        owner = self._catalog.report_path(record.report_id) or ""
        if owner != record.path or (before is not None and before.report_id == record.report_id):
            return UploadResult(one.upload, "duplicate", report, Path(owner).name)
        replaced = before is not None or one.superseded is not None
        return UploadResult(one.upload, "replaced" if replaced else "in", report)

    def _supersede(self, placed: Sequence[_Placed], results: Sequence[UploadResult]) -> None:
        """Take out the files elsewhere that uploads now in have corrected."""
        outdated = {
            one.superseded.path
            for one, result in zip(placed, results, strict=True)
            if one.superseded is not None
            and result.outcome == "replaced"
            and result.report is not None
            and one.superseded.report_id != result.report.id
        }
        if outdated:
            self._forget(sorted(outdated))


def safe_name(name: str) -> str:
    """Return the last part of a file name without anything that could lead elsewhere or hide what it is.

    Raises:
        UnsupportedFormat: nothing is left of it.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    visible = "".join(character for character in last if unicodedata.category(character)[0] != "C")
    kept = "".join("_" if character in _FORBIDDEN else character for character in visible).strip(" .")
    stem, dot, suffix = kept.rpartition(".")
    if not stem or not dot or len(suffix) > _LONGEST_SUFFIX:
        raise UnsupportedFormat(f"{name!r} has no file name with a suffix. Give it one, such as report-2023.docx.")
    room = LONGEST_NAME - len(suffix.encode()) - 1
    return f"{stem.encode()[:room].decode(errors='ignore')}.{suffix}"


def _corrects(
    found: ReportMeta, known: FileRecord, metas: Mapping[str, ReportMeta], overrides: dict[str, Any] | None
) -> bool:
    """Say whether a report, its metadata put right like that, is of the same office and year as a file already in."""
    old = metas.get(known.report_id)
    new = with_overrides(found, from_stored(overrides))
    return old is not None and new.office is not None and (new.office, new.year) == (old.office, old.year)


def _take_back(one: _Placed) -> None:
    one.path.unlink(missing_ok=True)
    if one.saved is not None and one.saved.exists():
        shutil.move(one.saved, one.path)
