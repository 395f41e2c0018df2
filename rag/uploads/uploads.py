"""Files handed over by people: kept in the store's own folder, then taken in like any other file.

An upload takes the place of an earlier file of the same name if both are the report of the same office and year. Other
files of that name stay: offices are apt to call their reports alike.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rag.catalog import Catalog, FileRecord
from rag.errors import FileTooLarge, LoadError, RagError, StoreError, StoreFull, StoreReadOnly
from rag.ingestion import from_stored
from rag.reading import LocalReader, ReadFile
from rag.structure import with_overrides
from rag.types import IngestSummary, ReportMeta
from rag.uploads.names import safe_name
from rag.uploads.staging import FOLDER, Place, Slot, Staging, abandoned, new_staging, one_uploader

_LOG = logging.getLogger(__name__)
_OUT = "The store could not take it in. Nothing of it was kept; upload it again once the disk has space."

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
    error: RagError | None = None


@dataclass(frozen=True, slots=True)
class _Placed:
    """An upload put in its place; ``superseded`` is a file elsewhere that it corrects."""

    position: int
    upload: str
    read: ReadFile
    place: Place
    slot: Slot
    superseded: FileRecord | None

    @property
    def path(self) -> Path:
        return Path(self.place.target)


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
        wait_s: Seconds to wait for another process that takes files in.
        reader: Reads them where they can do no harm.
        ingest: Takes files, read already, into the store.
        forget: Takes paths out of the store.
    """

    def __init__(
        self,
        catalog: Catalog,
        max_bytes: int,
        wait_s: float,
        reader: LocalReader,
        ingest: Callable[[Mapping[Path, ReadFile]], IngestSummary],
        forget: Callable[[Sequence[str]], None],
    ) -> None:
        self._catalog = catalog
        self._folder = catalog.store / FOLDER
        self._max_bytes = max_bytes
        self._wait_s = wait_s
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
        with self._alone(self._wait_s):
            batch = _Batch()
            staging = new_staging(self._folder)
            try:
                for position, upload in enumerate(uploads):
                    self._add(position, upload, check, staging, batch)
                self._take_in_placed(batch)
            finally:
                self._settle(staging)
            return tuple(batch.results[position] for position in sorted(batch.results))

    @contextmanager
    def removing(self, paths: Iterable[str]) -> Iterator[None]:
        """Delete those of the files that lie in the uploads folder once the catalog has forgotten them.

        Raises:
            StoreError: the uploads folder cannot be written.
        """
        own = [path for path in paths if self._folder in Path(path).parents]
        if not own:
            yield
            return
        with self._alone(self._wait_s):
            staging = new_staging(self._folder)
            try:
                staging.note_removals(own)
                yield
            finally:
                self._settle(staging)

    def recover(self) -> None:
        """Finish or take back what a process that was killed had under way; one that lives is left alone."""
        if not self._folder.is_dir():
            return
        try:
            with self._alone(0):
                pass
        except StoreError as error:
            _LOG.info("uploads are not looked through: %s", error)

    @contextmanager
    def _alone(self, seconds: float) -> Iterator[None]:
        """Be the only one at the uploads folder, with nothing left from those before."""
        try:
            with self._lock, one_uploader(self._catalog.store, seconds):
                for staging in abandoned(self._folder):
                    self._settle(staging)
                yield
        except OSError as error:
            raise self._unwritable(error) from error

    def _settle(self, staging: Staging) -> None:
        """Let what the catalog has taken in stay, and take back the rest; left for later where it can't be told."""
        try:
            records = self._catalog.files()
            for slot in staging.slots():
                if slot.place and _is_in(slot.place, records) and Path(slot.place.target).exists():
                    self._finish(slot.place, records)
                else:
                    slot.take_back()
            for path in staging.removals():
                if path not in records:
                    Path(path).unlink(missing_ok=True)
        except (StoreError, OSError) as error:
            _LOG.warning("An upload or deletion is put right later: %s", error)
            return
        staging.remove()

    def _finish(self, place: Place, records: Mapping[str, FileRecord]) -> None:
        """Forget what an upload that is in has corrected, where its process did not come so far."""
        mine, old = records[place.target], records.get(place.superseded or "")
        if old and old.report_id != mine.report_id and self._catalog.report_path(mine.report_id) == place.target:
            self._forget([old.path])

    def _unwritable(self, error: OSError) -> StoreError:
        kind = {errno.ENOSPC: StoreFull, errno.EROFS: StoreReadOnly, errno.EACCES: StoreReadOnly}.get(
            error.errno or 0, StoreError
        )
        return kind(
            f"The uploads folder {str(self._folder)!r} cannot be written: {error.strerror or error}. Free some space "
            "or change the folder's permissions, then upload again."
        )

    def _add(self, position: int, upload: Upload, check: UploadCheck, staging: Staging, batch: _Batch) -> None:
        """Read an upload where it can do no harm, then put it where it belongs."""
        try:
            name = safe_name(upload.name)
            self._check(upload, check)
            slot = staging.slot(position, name)
            slot.write(upload.content)
            read = self._reader.read(slot.file)
        except LoadError as error:
            batch.results[position] = UploadResult(upload.name, "failed", detail=str(error), error=error)
            return
        report_id = read.report.meta.id
        if any(name == other.path.name or report_id == other.read.report.meta.id for other in batch.placed):
            self._take_in_placed(batch)  # what this one is depends on what the other turns out to be
        path, superseded = self._destination(name, read)
        place = Place(str(path), read.digest, superseded.path if superseded else None)
        slot.move(place)
        batch.placed.append(_Placed(position, upload.name, read, place, slot, superseded))

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
        placed, reasons = self._ingested(batch)
        results = [self._result(one, before.get(str(one.path)), reasons.get(str(one.path))) for one in placed]
        for one, result in zip(placed, results, strict=True):
            batch.results[one.position] = result
            if result.outcome == "failed":
                one.slot.take_back()
        self._supersede(placed, results)
        batch.placed.clear()

    def _ingested(self, batch: _Batch) -> tuple[Sequence[_Placed], dict[str, str]]:
        """Ingest what was placed; return what was dealt with, and why some failed.

        Where the store fails under way, what came in before is in; if that is nothing, the error is raised.
        """
        try:
            summary = self._ingest({one.path: one.read for one in batch.placed})
        except StoreError as error:
            records = self._catalog.files()
            inside = [one for one in batch.placed if _is_in(one.place, records)]
            if not inside:
                raise
            _LOG.warning("%s", error)
            for one in batch.placed:
                if one not in inside:
                    one.slot.take_back()
                    batch.results[one.position] = UploadResult(one.upload, "failed", detail=_OUT, error=error)
            return inside, {}
        return batch.placed, {failure.path: failure.reason for failure in summary.failures}

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


def _corrects(
    found: ReportMeta, known: FileRecord, metas: Mapping[str, ReportMeta], overrides: dict[str, Any] | None
) -> bool:
    """Say whether a report, its metadata put right like that, is of the same office and year as a file already in."""
    old = metas.get(known.report_id)
    new = with_overrides(found, from_stored(overrides))
    return old is not None and new.office is not None and (new.office, new.year) == (old.office, old.year)


def _is_in(place: Place, records: Mapping[str, FileRecord]) -> bool:
    """Say whether the catalog holds an upload."""
    record = records.get(place.target)
    return record is not None and record.hash == place.digest
