"""One ingest run: what is new is read, embedded in groups, and committed report by report.

While a group is embedded, the files after it are read and the group before it is committed.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.catalog import UNKNOWN_HOLDER, Catalog, FileRecord, StoredReport
from rag.embedding import Embedder
from rag.errors import LoadError, RagError
from rag.index import Index
from rag.ingestion.ahead import ReadAhead, Task
from rag.ingestion.beside import EmbeddingBeside
from rag.ingestion.overrides import as_stored
from rag.ingestion.progress import IngestEvent, Outcome, Progress, Tally
from rag.ingestion.waiting import Stopped
from rag.ingestion.writer import one_writer
from rag.reading import Reader, ReadFile
from rag.settings import Settings
from rag.structure import MetaOverrides
from rag.types import Chunk, FileFailure, IngestSummary, Report

READER = "2"
"""Raised when loading, structure or chunking come to read the same file otherwise; such files are then read anew."""

GROUP_CHUNKS = 256
"""Chunks embedded in one go, fewer where nothing would be embedded otherwise: enough to fill batches of like length,
few enough to lose little to a kill."""

SYNC_CHUNKS = 5_000
"""Chunks after which the vector index follows, so that stopping a long run leaves it little to catch up with."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """A file read and chunked, not yet embedded."""

    record: FileRecord
    format: str
    report: Report
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """Reports embedded together.

    Attributes:
        reads: They, in order.
        vectors: Vectors of the texts that were known before.
        texts: The others, which are being embedded.
    """

    reads: Sequence[_Read]
    vectors: dict[str, NDArray[np.float32]]
    texts: Sequence[str]


class Run:
    """One ingest run.

    The writer lock is held while reports are committed, not while they are read and embedded: whoever else writes
    gets in between groups, and what he wrote is looked at before the next one.

    Args:
        settings: The settings.
        catalog: Where the reports go.
        index: Brought up to the catalog at the end.
        embedder: Embeds a group at a time, in a thread of its own.
        reader: Reads the files.
        on_progress: Told of each step.
        stop: Asked between steps.
        already: Files read before, by absolute path; used where they are still the same.
        prepare_embedder: Called before the first file is read, to have the model loaded meanwhile.
        group_chunks: Chunks embedded in one go.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        index: Index,
        embedder: Embedder,
        reader: Reader,
        on_progress: Progress | None,
        stop: Callable[[], bool],
        already: Mapping[Path, ReadFile] | None = None,
        prepare_embedder: Callable[[], None] = lambda: None,
        group_chunks: int | None = None,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._index = index
        self._embedding = EmbeddingBeside(embedder)
        self._prepare_embedder = prepare_embedder
        self._ahead = ReadAhead(reader, already or {}, int(settings.max_file_mb * 1024 * 1024), self._make_ready)
        self._on_progress = on_progress or (lambda event: None)
        self._stop = stop
        self._group_chunks = group_chunks or GROUP_CHUNKS
        self._tally = Tally()
        self._queued: list[_Read] = []
        self._under_way: _Group | None = None
        self._again: list[Path] = []
        self._done = self._total = self._unsynced = 0
        self._seen = -1
        self._waits_for = ""

    def take_in(
        self, paths: Sequence[Path], files: list[Path], overrides: dict[str, MetaOverrides] | None, prune: bool
    ) -> IngestSummary:
        """Do it all."""
        started = time.perf_counter()
        self._overrides = overrides or {}
        with suppress(Stopped), self._embedding:
            self._take_files(files)
            if prune and not self._stop():
                self._prune(paths)
        with one_writer(self._catalog, self._settings.wait_s, self._tell_waiting):
            self._index.sync()
        self._tally.embedded, self._tally.embedding_seconds = self._embedding.embedded, self._embedding.seconds
        return self._tally.summary(time.perf_counter() - started)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the writer lock, knowing all that others wrote before."""
        with one_writer(self._catalog, self._settings.wait_s, self._wait):
            self._waits_for = ""
            self._look()
            yield
            self._seen = self._catalog.change_counter()

    def _look(self) -> None:
        """Learn which files are in, if anybody else wrote since."""
        if (now := self._catalog.change_counter()) != self._seen:
            self._known = self._catalog.files()
            self._by_hash = {(record.hash, record.reader): record for record in self._known.values()}
            self._seen = now

    def _wait(self, holder: str) -> None:
        if self._stop():
            raise Stopped
        self._tell_waiting(holder)

    def _tell_waiting(self, holder: str) -> None:
        freed = self._waits_for and holder == UNKNOWN_HOLDER  # between a look at the lock and one at its holder
        if holder != self._waits_for and not freed:
            self._waits_for = holder
            self._on_progress(IngestEvent(self._done, self._total, "", "waiting", holder))

    def _take_files(self, files: list[Path]) -> None:
        self._total = len(files)
        self._look()
        for name in sorted(self._overrides.keys() - {path.name for path in files}):
            self._tally.notes.append((name, "named in the metadata file, but not among the files read"))
        paths = [Path(os.path.abspath(path)) for path in files]
        while paths:
            for task in self._ahead.tasks(paths, self._wanted, self._is_in):
                if self._stop():
                    return
                self._take_file(task)
            self._flush()
            paths, self._again = self._again, []

    def _make_ready(self) -> None:
        self._prepare_embedder()
        self._index.prepare()

    def _wanted(self, path: Path) -> dict[str, Any] | None:
        """Return the metadata given by hand for a file, now or earlier, as stored."""
        if path.name in self._overrides:
            return as_stored(self._overrides[path.name])
        known = self._known.get(str(path))
        return known.overrides if known else None

    def _is_in(self, task: Task) -> bool:
        """Say whether a file need not be read: it is in as it is, or another with the same content is."""
        return self._is_unchanged(task) or self._twin(task) is not None

    def _is_unchanged(self, task: Task) -> bool:
        known = self._known.get(str(task.path))
        found = (task.digest, READER, task.wanted)
        return known is not None and (known.hash, known.reader, known.overrides) == found

    def _twin(self, task: Task) -> FileRecord | None:
        twin = self._by_hash.get((task.digest, READER))
        is_other = twin is not None and twin.path != str(task.path) and self._is_elsewhere(twin.report_id, task.path)
        return twin if is_other else None

    def _is_elsewhere(self, report_id: str, path: Path) -> bool:
        """Say whether another file than this one brought the report in."""
        return self._catalog.report_path(report_id) not in (None, str(path))

    def _take_file(self, task: Task) -> None:
        """Pass an unchanged file over, tell a duplicate, or queue what was read for embedding."""
        if self._is_unchanged(task):
            self._pass_over(task.path, self._known[str(task.path)].report_id)
            return
        try:
            if (twin := self._twin(task)) and self._duplicate(_record(task, twin.report_id, task.digest)):
                return
            read = self._ahead.result(task, self._while_reading)
        except LoadError as error:
            self._fail(task.path, str(error))
        else:
            self._queue(task, read)

    def _while_reading(self) -> None:
        """Go on with what has been read while the next file is not; called now and then."""
        self._while_waiting()
        if not self._embedding.busy:
            self._begin()

    def _while_waiting(self) -> None:
        if self._stop():
            raise Stopped
        if count := self._embedding.finished():
            self._on_progress(IngestEvent(self._done, self._total, "", "embedding", str(count)))

    def _pass_over(self, path: Path, report_id: str) -> None:
        owner = self._catalog.report_path(report_id)
        if owner == str(path):
            self._tally.unchanged.append(path.name)
            self._tell(path.name, "unchanged")
        else:
            self._tell_duplicate(path.name, Path(owner or "").name)

    def _queue(self, task: Task, read: ReadFile) -> None:
        report_id = read.report.meta.id
        under_way = self._under_way.reads if self._under_way else ()
        if any(other.report.meta.id == report_id for other in (*self._queued, *under_way)):
            self._flush()
        record = _record(task, report_id, read.digest)
        if self._is_elsewhere(report_id, task.path) and self._duplicate(record):
            return
        self._queued.append(_Read(record, read.format, read.report, read.chunks, read.notes))
        if not self._embedding.busy or sum(len(queued.chunks) for queued in self._queued) >= self._group_chunks:
            self._begin()

    def _duplicate(self, record: FileRecord) -> bool:
        """Record a file whose report another file holds; False if none does any longer."""
        with self._turn():
            is_elsewhere = self._is_elsewhere(record.report_id, Path(record.path))
            if is_elsewhere:
                self._put_duplicate(record)
        return is_elsewhere

    def _put_duplicate(self, record: FileRecord) -> None:
        self._catalog.put_duplicate(record)
        self._tell_duplicate(record.source, Path(self._catalog.report_path(record.report_id) or "").name)

    def _tell_duplicate(self, source: str, original: str) -> None:
        self._tally.duplicates.append((source, original))
        self._tell(source, "duplicate", original)

    def _fail(self, path: Path, reason: str) -> None:
        kept = " What was taken in from it earlier stays." if str(path) in self._known else ""
        self._tally.failures.append(FileFailure(str(path), reason + kept))
        self._tell(path.name, "failed", reason + kept)

    # Embedding and committing

    def _flush(self) -> None:
        """Embed and commit all that has been read."""
        self._begin()
        self._begin()

    def _begin(self) -> None:
        """Begin to embed the queued reports together, and commit those that were under way meanwhile."""
        done, vectors = self._under_way, self._vectors_under_way()
        queued, self._queued, self._under_way = self._queued, [], None
        if queued:
            self._under_way = self._new_group(queued, vectors)
            self._embedding.start(self._under_way.texts)
        if done:
            self._put_all(done, vectors)

    def _vectors_under_way(self) -> dict[str, NDArray[np.float32]]:
        """Wait for the reports under way; return the vector of each of their texts."""
        group = self._under_way
        if group is None:
            return {}
        matrix = self._embedding.result(self._while_waiting)
        self._while_waiting()
        return {**group.vectors, **dict(zip(group.texts, matrix, strict=True))}

    def _new_group(self, reads: list[_Read], uncommitted: Mapping[str, NDArray[np.float32]]) -> _Group:
        """Return a group; a text that the catalog or the group before it knows is not embedded again."""
        wanted = list(dict.fromkeys(chunk.embedding_text for read in reads for chunk in read.chunks))
        vectors = {text: uncommitted[text] for text in wanted if text in uncommitted}
        vectors.update(self._catalog.vectors_of_texts([text for text in wanted if text not in vectors]))
        return _Group(reads, vectors, [text for text in wanted if text not in vectors])

    def _put_all(self, group: _Group, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Commit the reports of a group one by one."""
        with self._turn():
            for read in group.reads:
                if self._stop():
                    raise Stopped
                try:
                    self._put(read, vectors)
                except LoadError as error:
                    self._fail(Path(read.record.path), str(error))
            if self._unsynced >= SYNC_CHUNKS:
                self._unsynced = 0
                self._index.follow()

    def _put(self, read: _Read, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Commit a report, unless another writer took in its file or its text, or corrected it, meanwhile."""
        record, path = read.record, Path(read.record.path)
        if self._known.get(record.path) == record:
            self._pass_over(path, record.report_id)
        elif self._is_elsewhere(record.report_id, path):
            self._put_duplicate(record)
        elif self._wanted(path) != record.overrides:
            self._again.append(path)
        else:
            self._commit(read, vectors)

    def _commit(self, read: _Read, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        rows = [vectors[chunk.embedding_text] for chunk in read.chunks]
        matrix = np.stack(rows).astype(np.float32) if rows else np.empty((0, 0), np.float32)
        try:
            self._catalog.put_report(StoredReport(read.record, read.format, read.report, read.chunks, matrix))
        except RagError:
            raise
        except Exception as error:
            _log.exception("%s could not be stored", read.record.path)
            self._fail(Path(read.record.path), f"unexpected {type(error).__name__}: {error}")
            return
        self._by_hash[read.record.hash, READER] = read.record
        self._tally.chunks += len(read.chunks)
        self._unsynced += len(read.chunks)
        self._tally.notes.extend((read.record.source, note) for note in read.notes)
        replaces = read.record.path in self._known
        (self._tally.replaced if replaces else self._tally.added).append(read.record.source)
        self._tell(read.record.source, "replaced" if replaces else "added")

    # Pruning and telling

    def _prune(self, paths: Sequence[Path]) -> None:
        folders = [Path(os.path.abspath(path)) for path in paths if path.is_dir()]
        with self._turn():
            for record in self._known.values():
                path = Path(record.path)
                if any(folder in path.parents for folder in folders) and _is_gone(path):
                    self._catalog.remove_file(record.path)
                    self._tally.removed.append(record.source)
                    self._on_progress(IngestEvent(self._done, self._total, record.source, "removed"))
            self._seen = -1  # what was removed is no longer known

    def _tell(self, source: str, outcome: Outcome, detail: str = "") -> None:
        self._done += 1
        self._on_progress(IngestEvent(self._done, self._total, source, outcome, detail))


def _record(task: Task, report_id: str, digest: str) -> FileRecord:
    return FileRecord(str(task.path), report_id, task.path.name, digest, READER, task.wanted)


def _is_gone(path: Path) -> bool:
    """Say whether a file is not there; where we may not look, or the disk fails, it is taken to be."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
