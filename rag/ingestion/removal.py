"""Taking files out of the store, catalog and indexes in step."""

from __future__ import annotations

from collections.abc import Collection

from rag.catalog import Catalog, FileRecord
from rag.index import Index
from rag.ingestion.writer import one_writer


def remove_report(report_id: str, catalog: Catalog, index: Index, wait_s: float) -> tuple[FileRecord, ...]:
    """Take a report out with every file that holds its text; returns those files, none if there is no such report.

    Args:
        report_id: The report.
        catalog: The store's catalog.
        index: Its indexes, brought into step.
        wait_s: Seconds to wait for another writer.

    Raises:
        StoreLocked: another process writes the store.
        StoreError: the store cannot be written.
    """
    with one_writer(catalog, wait_s):
        held = tuple(record for record in catalog.files().values() if record.report_id == report_id)
        _remove([record.path for record in held], catalog, index)
    return held


def remove_files(paths: Collection[str], catalog: Catalog, index: Index, wait_s: float) -> None:
    """Forget files; the reports that no other file holds go too. Arguments and errors as of ``remove_report``."""
    with one_writer(catalog, wait_s):
        _remove(paths, catalog, index)


def _remove(paths: Collection[str], catalog: Catalog, index: Index) -> None:
    if paths:
        catalog.remove_files(paths)
        index.try_sync()
