"""One ingest run: what is new is read, embedded in groups, and committed report by report."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.catalog import Catalog, FileRecord, StoredReport
from rag.chunking import chunk_report
from rag.embedding import Embedder
from rag.errors import LoadError, RagError
from rag.index import Index
from rag.ingestion.overrides import as_stored, from_stored
from rag.ingestion.progress import IngestEvent, Outcome, Progress, Tally
from rag.ingestion.writer import one_writer
from rag.loading import load_document
from rag.settings import Settings
from rag.structure import MetaOverrides, parse_report
from rag.types import Chunk, FileFailure, IngestSummary, Report

READER = "1"
"""Raised when loading, structure or chunking come to read the same file otherwise; such files are then read anew."""

GROUP_CHUNKS = 256
"""Chunks embedded in one go: enough to fill batches of like length, few enough to lose little to a kill."""

SYNC_CHUNKS = 5_000
"""Chunks after which the vector index follows, so that stopping a long run leaves it little to catch up with."""

_log = logging.getLogger(__name__)


class Stopped(Exception):
    """Raised inside an embedding call to leave it early."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A file read and chunked, not yet embedded."""

    record: FileRecord
    format: str
    report: Report
    chunks: tuple[Chunk, ...]
    replaces: bool
    notes: tuple[str, ...]


class Run:
    """One ingest run."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        index: Index,
        embedder: Embedder,
        on_progress: Progress | None,
        stop: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._index = index
        self._embedder = embedder
        self._on_progress = on_progress or (lambda event: None)
        self._stop = stop
        self._tally = Tally()
        self._group: list[_Read] = []
        self._done = self._total = self._unsynced = 0

    def take_in(
        self, paths: Sequence[Path], files: list[Path], overrides: dict[str, MetaOverrides] | None, prune: bool
    ) -> IngestSummary:
        """Do it all, under the writer lock."""
        started = time.perf_counter()
        with one_writer(self._catalog):
            self._take_files(files, overrides)
            if prune and not self._stop():
                self._prune(paths)
            self._index.sync()
        return self._tally.summary(time.perf_counter() - started)

    def _take_files(self, files: list[Path], overrides: dict[str, MetaOverrides] | None) -> None:
        self._total = len(files)
        self._known = self._catalog.files()
        self._by_hash = {(record.hash, record.reader): record for record in self._known.values()}
        self._note_unused(overrides or {}, files)
        try:
            for path in files:
                if self._stop():
                    return
                self._take_file(Path(os.path.abspath(path)), overrides)
            self._flush()
        except Stopped:
            return

    def _note_unused(self, overrides: dict[str, MetaOverrides], files: list[Path]) -> None:
        for name in sorted(overrides.keys() - {path.name for path in files}):
            self._tally.notes.append((name, "named in the metadata file, but not among the files read"))

    def _take_file(self, path: Path, overrides: dict[str, MetaOverrides] | None) -> None:
        """Pass an unchanged file over, tell a duplicate, or read it and queue it for embedding."""
        known = self._known.get(str(path))
        wanted = known.overrides if known else None
        if overrides and path.name in overrides:
            wanted = as_stored(overrides[path.name])
        try:
            digest = self._hash(path)
            if known and (known.hash, known.reader, known.overrides) == (digest, READER, wanted):
                self._pass_over(path, known)
                return
            twin = self._by_hash.get((digest, READER))
            if twin and twin.path != str(path) and self._is_elsewhere(twin.report_id, path):
                self._duplicate(FileRecord(str(path), twin.report_id, path.name, digest, READER, wanted))
                return
            self._read(path, digest, wanted, known)
        except (RagError, Stopped) as error:
            if not isinstance(error, LoadError):
                raise
            self._fail(path, str(error), known)
        except Exception as error:
            _log.exception("%s could not be read", path)
            self._fail(path, f"unexpected {type(error).__name__}: {error}", known)

    def _hash(self, path: Path) -> str:
        """Return the SHA-256 of a file; empty if it cannot be had, which loading will then explain."""
        try:
            if not path.is_file() or path.stat().st_size > self._max_bytes:
                return ""
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            return ""

    @property
    def _max_bytes(self) -> int:
        return int(self._settings.max_file_mb * 1024 * 1024)

    def _is_elsewhere(self, report_id: str, path: Path) -> bool:
        """Say whether another file than this one brought the report in."""
        return self._catalog.report_path(report_id) not in (None, str(path))

    def _pass_over(self, path: Path, known: FileRecord) -> None:
        owner = self._catalog.report_path(known.report_id)
        if owner == known.path:
            self._tally.unchanged.append(path.name)
            self._tell(path.name, "unchanged")
        else:
            self._tell_duplicate(path.name, Path(owner or "").name)

    def _read(self, path: Path, digest: str, wanted: dict[str, Any] | None, known: FileRecord | None) -> None:
        document = load_document(path, max_bytes=self._max_bytes, max_pages=self._settings.max_pdf_pages)
        report = parse_report(document, from_stored(wanted))
        record = FileRecord(str(path), report.meta.id, path.name, digest, READER, wanted)
        if any(read.report.meta.id == report.meta.id for read in self._group):
            self._flush()
        if self._is_elsewhere(report.meta.id, path):
            self._duplicate(record)
            return
        chunks = chunk_report(report, max_tokens=self._settings.chunk_tokens)
        self._group.append(
            _Read(
                record=record,
                format=document.format,
                report=report,
                chunks=chunks,
                replaces=known is not None,
                notes=(*document.notes, *report.meta.notes),
            )
        )
        if sum(len(read.chunks) for read in self._group) >= GROUP_CHUNKS:
            self._flush()

    def _duplicate(self, record: FileRecord) -> None:
        self._catalog.put_duplicate(record)
        self._tell_duplicate(record.source, Path(self._catalog.report_path(record.report_id) or "").name)

    def _tell_duplicate(self, source: str, original: str) -> None:
        self._tally.duplicates.append((source, original))
        self._tell(source, "duplicate", original)

    def _fail(self, path: Path, reason: str, known: FileRecord | None) -> None:
        kept = " What was taken in from it earlier stays." if known else ""
        self._tally.failures.append(FileFailure(str(path), reason + kept))
        self._tell(path.name, "failed", reason + kept)

    # Embedding and committing

    def _flush(self) -> None:
        """Embed the queued reports together, then commit them one by one."""
        group, self._group = self._group, []
        vectors = self._embed(group)
        for read in group:
            if self._stop():
                raise Stopped
            self._commit(read, vectors)
        if self._unsynced >= SYNC_CHUNKS:
            self._unsynced = 0
            self._index.follow()

    def _embed(self, group: list[_Read]) -> dict[str, NDArray[np.float32]]:
        """Return the vector of every text of the group; one that the catalog does not know yet is embedded once."""
        wanted = list(dict.fromkeys(chunk.embedding_text for read in group for chunk in read.chunks))
        vectors = self._catalog.vectors_of_texts(wanted)
        texts = [text for text in wanted if text not in vectors]
        if texts:
            started = time.perf_counter()
            matrix = self._embedder.embed_passages(texts, self._embedding_progress)
            self._tally.embedding_seconds += time.perf_counter() - started
            self._tally.embedded += len(texts)
            vectors.update(zip(texts, matrix, strict=True))
        return vectors

    def _embedding_progress(self, count: int) -> None:
        if self._stop():
            raise Stopped
        self._on_progress(IngestEvent(self._done, self._total, "", "embedding", str(count)))

    def _commit(self, read: _Read, vectors: dict[str, NDArray[np.float32]]) -> None:
        rows = [vectors[chunk.embedding_text] for chunk in read.chunks]
        matrix = np.stack(rows).astype(np.float32) if rows else np.empty((0, 0), np.float32)
        try:
            self._catalog.put_report(StoredReport(read.record, read.format, read.report, read.chunks, matrix))
        except LoadError as error:
            self._fail(Path(read.record.path), str(error), self._known.get(read.record.path))
            return
        except RagError:
            raise
        except Exception as error:
            _log.exception("%s could not be stored", read.record.path)
            known = self._known.get(read.record.path)
            self._fail(Path(read.record.path), f"unexpected {type(error).__name__}: {error}", known)
            return
        self._by_hash[read.record.hash, READER] = read.record
        self._tally.chunks += len(read.chunks)
        self._unsynced += len(read.chunks)
        self._tally.notes.extend((read.record.source, note) for note in read.notes)
        (self._tally.replaced if read.replaces else self._tally.added).append(read.record.source)
        self._tell(read.record.source, "replaced" if read.replaces else "added")

    # Pruning and telling

    def _prune(self, paths: Sequence[Path]) -> None:
        folders = [Path(os.path.abspath(path)) for path in paths if path.is_dir()]
        for record in self._catalog.files().values():
            path = Path(record.path)
            if any(folder in path.parents for folder in folders) and not os.path.lexists(path):
                self._catalog.remove_file(record.path)
                self._tally.removed.append(record.source)
                self._on_progress(IngestEvent(self._done, self._total, record.source, "removed"))

    def _tell(self, source: str, outcome: Outcome, detail: str = "") -> None:
        self._done += 1
        self._on_progress(IngestEvent(self._done, self._total, source, outcome, detail))
