"""The catalog: reports, paragraphs, chunks and their vectors, the source of truth that every index derives from."""

from __future__ import annotations

from rag.catalog.database import CATALOG_FILE, Lock
from rag.catalog.home import HOME_FILE, become_another
from rag.catalog.lock import UNKNOWN_HOLDER, WRITER_LOCK, ProcessLock
from rag.catalog.offices import matching_offices
from rag.catalog.records import BuiltWith, FileRecord, InventoryRow, ParagraphRow, StoredReport, VectorRows, VectorTable
from rag.catalog.rows import to_paragraph, to_path
from rag.catalog.store import Catalog
from rag.catalog.transfer import copy_file, filling, save_catalog

__all__ = [
    "CATALOG_FILE",
    "HOME_FILE",
    "UNKNOWN_HOLDER",
    "WRITER_LOCK",
    "BuiltWith",
    "Catalog",
    "FileRecord",
    "InventoryRow",
    "Lock",
    "ParagraphRow",
    "ProcessLock",
    "StoredReport",
    "VectorRows",
    "VectorTable",
    "become_another",
    "copy_file",
    "filling",
    "matching_offices",
    "save_catalog",
    "to_paragraph",
    "to_path",
]
