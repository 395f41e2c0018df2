"""The catalog: the store's source of truth."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr
from sqlalchemy import inspect

from rag.catalog import read, schema, write
from rag.catalog.checking import problems
from rag.catalog.database import CATALOG_FILE, Database, Lock, open_database
from rag.catalog.home import settle
from rag.catalog.migrations import bring_up
from rag.catalog.offices import select as select_reports
from rag.catalog.records import BuiltWith, FileRecord, InventoryRow, ParagraphRow, StoredReport, VectorRows, VectorTable
from rag.catalog.storable import check_file, check_report
from rag.catalog.vector_cache import VectorCache
from rag.errors import ModelMismatch, StoreDamaged, StoreError
from rag.facts import StatedFact
from rag.types import Chunk, Filters, Paragraph, Report, ReportMeta, SectionKind

_TRACES = ("chroma.json", "lexical")
"""What indexes leave in the store's folder, which they do only after there is a catalog."""

_BRING_OVER = (
    "The one in the store's folder is not used while RAG_CATALOG_URL is set. Bring it over: `python -m rag backup "
    "FILE.tar.gz` without RAG_CATALOG_URL, then `python -m rag restore FILE.tar.gz --store NEW_FOLDER` with it."
)

READ_AT_ONCE = 200
"""Reports whose vectors an index takes over at a time (2,300 chunks, 4 MB at 384 dimensions)."""


class Catalog:
    """Reports with their text, chunks and vectors, in one transactional database; safe to share between threads."""

    def __init__(self, store: Path, database: Database) -> None:
        self.store = store
        self.database = database
        self._cache = threading.Lock()
        self._id: str | None = None
        self._metas: tuple[int, dict[str, ReportMeta]] | None = None
        self._vectors = VectorCache()

    @classmethod
    def open(
        cls, store: Path, built_with: BuiltWith | None = None, *, create: bool = False, url: SecretStr | None = None
    ) -> Catalog:
        """Open the catalog of a store folder.

        Args:
            store: The folder: of the catalog unless ``url`` names another place, of uploads and local indexes always.
            built_with: What would write or search now; None: not to be compared.
            create: Make the catalog if there is none.
            url: The setting ``catalog_url``.

        Raises:
            StoreError: there is no store and ``create`` is False, the folder cannot be made, or the server cannot be
                reached.
            ModelMismatch: the store was built with another model, chunk size or prefix than ``built_with``.
            StoreDamaged: the database holds no catalog, a damaged one, or one of another version.
        """
        store = store.absolute()
        if create or url is not None:
            _make_folder(store)
        database = open_database(store, url)
        catalog = cls(store, database)
        try:
            if not (create or database.exists()):
                raise _no_store(store)
            catalog._prepare(built_with, create)
        except BaseException:
            catalog.close()
            raise
        return catalog

    def _prepare(self, built_with: BuiltWith | None, create: bool) -> None:
        if not (self.database.exists() and self._has_tables()):
            self._create_if_new(create)
        bring_up(self.database)
        if not self.database.elsewhere:
            settle(self.store, self.database)
        if built_with is None:
            return
        with self.database.reading() as connection:
            found = read.meta_value(connection, "built_with")
            stored = None if found is None else dict(found)
        if stored is None:
            if create:
                self._set_built_with(built_with)
        elif stored != asdict(built_with):
            raise ModelMismatch(_mismatch(self.store, stored, asdict(built_with)))

    def _has_tables(self) -> bool:
        with self.database.reading() as connection:
            return inspect(connection).has_table(schema.meta.name)

    def _create_if_new(self, create: bool) -> None:
        """Make the tables, but not where indexes tell that there was a catalog: it is lost, and must not seem empty."""
        indexed = [name for name in _TRACES if (self.store / name).exists()]
        unused = self.database.elsewhere and (self.store / CATALOG_FILE).exists()
        if indexed and not unused:
            raise StoreDamaged(
                f"{self.database.name} holds no reports, but {str(self.store)!r} has indexes of some "
                f"({', '.join(indexed)}): the catalog was lost. {self.database.way_back()}"
            )
        if not create:
            raise StoreDamaged(
                f"{self.database.name} holds no catalog. {_BRING_OVER if unused else self.database.way_back()}"
            )
        with self.database.writing() as connection:
            self.database.check_suitable(connection)
            schema.metadata.create_all(connection)
            if read.meta_value(connection, "schema_version") is None:
                write.set_meta(connection, "schema_version", schema.SCHEMA_VERSION)
                write.set_meta(connection, "catalog_id", uuid.uuid4().hex)
                write.set_meta(connection, "changed", 0)

    def _set_built_with(self, built_with: BuiltWith) -> None:
        with self.database.writing() as connection:
            write.set_meta(connection, "built_with", asdict(built_with))

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def lock(self, name: str) -> Lock:
        """Return a lock that all processes on this catalog share, not yet taken."""
        return self.database.lock(name)

    def is_writable(self) -> bool:
        """Say whether this process may write, as far as can be told beforehand."""
        return self.database.is_writable()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Reading

    def change_counter(self) -> int:
        """Return the number of changes committed so far."""
        with self.database.reading() as connection:
            return int(read.meta_value(connection, "changed"))

    def reports_since(self, changed: int) -> list[str]:
        """Return ids of the reports written after a point of the change counter, in the order of writing."""
        with self.database.reading() as connection:
            return read.reports_since(connection, changed)

    def catalog_id(self) -> str:
        """Return what tells this catalog from any other."""
        if self._id is None:
            self._id = str(self._value("catalog_id"))
        return self._id

    def dimension(self) -> int | None:
        """Return the length of the stored vectors, or None before the first."""
        value = self._value("dimension")
        return None if value is None else int(value)

    def _value(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        with self.database.reading() as connection:
            return read.meta_value(connection, key)

    def metas(self) -> dict[str, ReportMeta]:
        """Return all reports by id, ordered by region, office, year and source."""
        with self._cache:
            with self.database.reading() as connection:
                changed = int(read.meta_value(connection, "changed"))
                if self._metas is None or self._metas[0] != changed:
                    self._metas = (changed, read.metas(connection))
            return self._metas[1]

    def report_metas(self, filters: Filters | None = None) -> list[ReportMeta]:
        """Return the reports that satisfy the filters; section kinds do not restrict reports."""
        return select_reports(self.metas().values(), filters or Filters())

    def report(self, report_id: str) -> Report | None:
        """Return a report whole, or None if there is none with this id."""
        with self.database.reading() as connection:
            return read.report(connection, report_id)

    def paragraph(self, report_id: str, number: int) -> Paragraph | None:
        """Return one paragraph, or None."""
        with self.database.reading() as connection:
            return read.paragraph(connection, report_id, number)

    def paragraphs(self, report_ids: Iterable[str] | None = None) -> dict[str, tuple[Paragraph, ...]]:
        """Return the paragraphs of reports (None: all) in order, by report id."""
        with self.database.reading() as connection:
            return read.paragraphs(connection, None if report_ids is None else list(report_ids))

    def paragraph_rows(self, report_ids: Iterable[str]) -> dict[str, list[ParagraphRow]]:
        """Return the paragraphs of reports as stored, in order, by report id."""
        with self.database.reading() as connection:
            return read.paragraph_rows(connection, report_ids)

    def facts(self, report_ids: Iterable[str] | None = None) -> list[StatedFact]:
        """Return the figures that reports (None: all) state, report by report in the order of the text."""
        with self.database.reading() as connection:
            return read.facts(connection, None if report_ids is None else list(report_ids))

    def chunks(self, chunk_ids: Iterable[str]) -> dict[str, Chunk]:
        """Return chunks by id, in the order asked for; unknown ids are left out."""
        with self.database.reading() as connection:
            return read.chunks(connection, chunk_ids)

    def paragraphs_of_chunks(self, chunk_ids: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
        """Return (report id, paragraph number) of each paragraph in some chunks, by chunk; unknown ids are left out."""
        with self.database.reading() as connection:
            return read.paragraphs_of_chunks(connection, chunk_ids)

    def report_chunks(self, report_id: str) -> tuple[Chunk, ...]:
        """Return a report's chunks in order."""
        with self.database.reading() as connection:
            return read.report_chunks(connection, report_id)

    def chunk_texts(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield (id, report id, section kind, text with office and headings) of all chunks."""
        with self.database.reading() as connection:
            yield from read.chunk_texts(connection)

    def chunk_count(self) -> int:
        """Return the number of chunks."""
        with self.database.reading() as connection:
            return read.count(connection, "chunks")

    def vectors(
        self, report_ids: Iterable[str] | None = None, section_kinds: Iterable[SectionKind] = ()
    ) -> VectorTable:
        """Return the unit vectors of all chunks, or of those in some reports or kinds of section."""
        return self.vector_rows(report_ids, section_kinds).taken()

    def vector_rows(
        self, report_ids: Iterable[str] | None = None, section_kinds: Iterable[SectionKind] = ()
    ) -> VectorRows:
        """Return what ``vectors`` does as rows of a larger table, which costs no copying."""
        wanted = None if report_ids is None else set(report_ids)
        with self.database.reading() as connection:
            rows = self._vectors.vectors(connection, wanted)
        return rows.of_kinds([kind.value for kind in section_kinds])

    def vectors_of_texts(self, texts: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """Return the vectors of those texts that some chunk of the catalog was embedded from, each a unit vector."""
        with self.database.reading() as connection:
            dimension = int(read.meta_value(connection, "dimension") or 1)
            return read.vectors_of_texts(connection, dimension, texts)

    def changes_since(self, changed: int) -> tuple[int, Iterator[VectorTable], list[str]]:
        """Return the change counter now, the vectors of reports written since, and the chunk ids removed since.

        The vectors come in tables of bounded size, each read when it is asked for. What is taken out meanwhile may be
        missing from them; it is among what was removed since the counter told.
        """
        with self.database.reading() as connection:
            now = int(read.meta_value(connection, "changed"))
            dimension = int(read.meta_value(connection, "dimension") or 1)
            written = read.reports_since(connection, changed)
            removed = read.removed_chunks(connection, changed)
        return now, self._in_parts(written, dimension), removed

    def _in_parts(self, report_ids: list[str], dimension: int) -> Iterator[VectorTable]:
        for start in range(0, len(report_ids), READ_AT_ONCE):
            with self.database.reading() as connection:
                table = read.vectors(connection, dimension, report_ids[start : start + READ_AT_ONCE])
            yield table

    def files(self) -> dict[str, FileRecord]:
        """Return all files taken in, by absolute path."""
        with self.database.reading() as connection:
            return read.file_records(connection)

    def report_path(self, report_id: str) -> str | None:
        """Return the file that a report was read from, or None if there is no such report."""
        with self.database.reading() as connection:
            return read.report_path(connection, report_id)

    def inventory(self) -> list[InventoryRow]:
        """Return what is known of every report, with its counts and its duplicates."""
        with self.database.reading() as connection:
            return read.inventory(connection)

    def check(self) -> list[str]:
        """Return what is wrong with the catalog itself; empty when nothing is."""
        found: list[str] = []
        try:
            with self.database.reading() as connection:
                found.extend(problems(self.database, connection))
        except StoreDamaged as error:
            found.append(str(error))
        return found

    # Writing

    def put_report(self, stored: StoredReport) -> None:
        """Write a report in one transaction, in place of whatever its file held before.

        Raises:
            ModelMismatch: its vectors are not as long as those in the store.
            DamagedFile: its text cannot be stored.
            StoreError: the disk is full or the folder read-only; nothing is written then.
        """
        check_report(stored)
        with self.database.writing() as connection:
            if stored.chunks:
                self._check_dimension(connection, stored.matrix.shape[1])
            write.put_report(connection, stored)

    def _check_dimension(self, connection: Any, dimension: int) -> None:  # noqa: ANN401
        known = read.meta_value(connection, "dimension")
        if known is None:
            write.set_meta(connection, "dimension", dimension)
        elif known != dimension:
            raise ModelMismatch(
                f"The store {str(self.store)!r} holds vectors of {known} dimensions, the embedding model gives "
                f"{dimension}. {_WAY_OUT}"
            )

    def put_duplicate(self, record: FileRecord) -> None:
        """Record a file whose content another file already brought in.

        Raises:
            DamagedFile: its name cannot be stored.
        """
        check_file(record)
        with self.database.writing() as connection:
            write.put_duplicate(connection, record)

    def put_file(self, record: FileRecord) -> None:
        """Record a file anew whose report stays as it is."""
        with self.database.writing() as connection:
            write.put_file(connection, record)

    def remove_file(self, path: str) -> None:
        """Forget a file; its report goes too, unless another file holds the same content."""
        self.remove_files([path])

    def remove_files(self, paths: Iterable[str]) -> None:
        """Forget several files in one transaction; a report goes with the last file that holds its content."""
        with self.database.writing() as connection:
            for path in paths:
                write.remove_file(connection, path)


def _no_store(store: Path) -> StoreError:
    return StoreError(
        f"There is no store in {str(store)!r}. Build one with `python ingest.py PATH… --store {store}`, or name "
        "another folder (--store or RAG_STORE)."
    )


_WAY_OUT = (
    "Set RAG_EMBEDDING_MODEL, RAG_PASSAGE_PREFIX and RAG_CHUNK_TOKENS as they were, or build a store anew: "
    "`python ingest.py PATH… --store NEW_FOLDER`. (`python -m rag rebuild` reuses the stored vectors, so it cannot "
    "change the model.)"
)


def _mismatch(store: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    labels = {"model": "embedding model", "chunk_tokens": "tokens a chunk"}
    sides = [
        f"{label} {found.get(name)!r} in the store, {wanted[name]!r} in the settings"
        for name, label in labels.items()
        if found.get(name) != wanted[name]
    ]
    return f"The store {str(store)!r} was built with other settings: {'; '.join(sides)}. {_WAY_OUT}"


def _make_folder(store: Path) -> None:
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The store folder {str(store)!r} cannot be made: {error.strerror}. Name another with --store."
        ) from error
