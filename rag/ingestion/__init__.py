"""Files → catalog → indexes: what is new is read, chunked and embedded; each report goes in by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rag.catalog import BuiltWith, Catalog
from rag.embedding import Embedder
from rag.embedding.process import ProcessEmbedder, embedder_apart
from rag.index import Index
from rag.ingestion.correction import correct_report
from rag.ingestion.overrides import from_stored
from rag.ingestion.progress import IngestEvent, Progress
from rag.ingestion.removal import remove_files, remove_report
from rag.ingestion.run import GROUP_CHUNKS, Run
from rag.ingestion.served import followed_by, wait_for_index
from rag.loading import find_files
from rag.reading import LocalReader, Reader, ReadFile, ReadingLimits
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
    ray: str | None = None,
) -> IngestSummary:
    """Open the store that the settings name, making it if need be, and take the files in. See ``ingest``.

    Args:
        paths: As for ``ingest``.
        settings: As for ``ingest``, and where the store is.
        metadata: As for ``ingest``.
        prune: As for ``ingest``.
        on_progress: As for ``ingest``.
        stop: As for ``ingest``.
        ray: Address of a Ray cluster that reads and embeds; None: this machine does.

    Raises:
        SettingsError: there is no such cluster. Else as ``ingest``.
    """
    files = find_files(paths)  # a wrong path or table must not leave an empty store behind
    overrides = read_metadata_csv(metadata) if metadata else None
    with _workers(settings, ray) as workers, ExitStack() as opened:
        built_with = BuiltWith.of(workers.embedder, settings)
        catalog = opened.enter_context(Catalog.open(settings.store, built_with, create=True, url=settings.catalog_url))
        index = opened.enter_context(Index.open(catalog, owner=True, chroma_url=settings.chroma_url))
        if settings.ingest_when_served == "wait":
            wait_for_index(index, settings, on_progress, stop)
        run = Run(
            settings,
            catalog,
            index,
            workers.embedder,
            workers.reader,
            on_progress,
            stop,
            prepare_embedder=workers.prepare_embedder,
            group_chunks=workers.group_chunks,
        )
        summary = run.take_in(paths, files, overrides, prune)
        told = [("vector index", note) for note in index.notes] if index.owns_vector else [followed_by(index)]
        return replace(summary, notes=(*summary.notes, *told))


@dataclass(frozen=True, slots=True)
class _Workers:
    """Who does the work of a run beside the process that commits.

    Attributes:
        reader: Reads the files.
        embedder: Embeds the texts.
        group_chunks: Chunks that keep all who embed at work.
        prepare_embedder: Has the model loaded, so that the first texts need not wait for it.
    """

    reader: Reader
    embedder: Embedder
    group_chunks: int = GROUP_CHUNKS
    prepare_embedder: Callable[[], None] = lambda: None


@contextmanager
def _workers(settings: Settings, ray: str | None) -> Iterator[_Workers]:
    if ray is None:
        with LocalReader(ReadingLimits.of(settings)) as reader, ExitStack() as opened:
            embedder = embedder_apart(settings)
            if isinstance(embedder, ProcessEmbedder):
                yield _Workers(reader, opened.enter_context(closing(embedder)), prepare_embedder=embedder.prepare)
            else:
                yield _Workers(reader, embedder)
        return
    from rag.ingestion.cluster import ray_cluster

    with ray_cluster(ray, settings) as cluster:
        yield _Workers(cluster.reader, cluster.embedder, GROUP_CHUNKS * cluster.workers)


def ingest(
    paths: Sequence[Path],
    *,
    settings: Settings,
    catalog: Catalog,
    index: Index,
    embedder: Embedder,
    reader: Reader | None = None,
    already: Mapping[Path, ReadFile] | None = None,
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
        reader: Reads the files; None: one that starts children as needed and ends them afterwards.
        already: Files read before, by absolute path; not read again while they are the same.
        metadata: A CSV that fills in or overrides what is found in the reports; what an earlier one said stays.
        prune: Remove reports whose file lay under one of the folders and is gone.
        on_progress: Told of each step.
        stop: Asked between steps; once true, what is committed is rounded off and the rest left out.

    Raises:
        UnreadableFile: a path does not exist.
        MetadataError: the CSV is unusable.
        StoreLocked: another process wrote the store for ``settings.wait_s`` without a break.
        StoreError: the store cannot be written.
        EmbeddingError: the model cannot be loaded or run.
    """
    overrides = read_metadata_csv(metadata) if metadata else None
    files = find_files(paths)
    if reader is None:
        with LocalReader(ReadingLimits.of(settings)) as own:
            run = Run(settings, catalog, index, embedder, own, on_progress, stop, already)
            return run.take_in(paths, files, overrides, prune)
    run = Run(settings, catalog, index, embedder, reader, on_progress, stop, already)
    return run.take_in(paths, files, overrides, prune)
