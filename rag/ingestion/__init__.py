"""Files → catalog → indexes: what is new is read, chunked and embedded; each report goes in by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rag.catalog import BuiltWith, Catalog
from rag.embedding import Embedder, load_embedder
from rag.index import Index
from rag.ingestion.correction import correct_report
from rag.ingestion.overrides import from_stored
from rag.ingestion.progress import IngestEvent, Progress
from rag.ingestion.removal import remove_files, remove_report
from rag.ingestion.run import Run
from rag.loading import find_files
from rag.settings import Settings
from rag.structure import read_metadata_csv
from rag.types import IngestSummary

__all__ = [
    "IngestEvent",
    "correct_report",
    "from_stored",
    "ingest",
    "ingest_into_store",
    "remove_files",
    "remove_report",
]


def ingest_into_store(
    paths: Sequence[Path],
    settings: Settings,
    *,
    metadata: Path | None = None,
    prune: bool = False,
    on_progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> IngestSummary:
    """Open the store that the settings name, making it if need be, and take the files in. See ``ingest``."""
    files = find_files(paths)  # a wrong path or table must not leave an empty store behind
    overrides = read_metadata_csv(metadata) if metadata else None
    embedder = load_embedder(settings)
    with (
        Catalog.open(
            settings.store, BuiltWith.of(embedder, settings), create=True, url=settings.catalog_url
        ) as catalog,
        Index.open(catalog, owner=True, chroma_url=settings.chroma_url) as index,
    ):
        run = Run(settings, catalog, index, embedder, on_progress, stop)
        return run.take_in(paths, files, overrides, prune)


def ingest(
    paths: Sequence[Path],
    *,
    settings: Settings,
    catalog: Catalog,
    index: Index,
    embedder: Embedder,
    metadata: Path | None = None,
    prune: bool = False,
    on_progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> IngestSummary:
    """Take files and folders into the store.

    Files already in and unchanged are passed over without parsing or embedding. A file that cannot be read is named
    in the summary and keeps no other out. A report counts as in once its transaction is committed, whatever happens
    to the process afterwards.

    Args:
        paths: Files and folders, the latter searched recursively.
        settings: Chunk size and file size limit.
        catalog: Where the reports go.
        index: Brought up to the catalog at the end.
        embedder: Loads its model only if something is to be embedded.
        metadata: A CSV that fills in or overrides what is found in the reports; what an earlier one said stays.
        prune: Remove reports whose file lay under one of the folders and is gone.
        on_progress: Told of each step.
        stop: Asked between steps; once true, what is committed is rounded off and the rest left out.

    Raises:
        UnreadableFile: a path does not exist.
        MetadataError: the CSV is unusable.
        StoreLocked: another ingest runs on this store.
        StoreError: the store cannot be written.
        EmbeddingError: the model cannot be loaded or run.
    """
    run = Run(settings, catalog, index, embedder, on_progress, stop)
    overrides = read_metadata_csv(metadata) if metadata else None
    return run.take_in(paths, find_files(paths), overrides, prune)
