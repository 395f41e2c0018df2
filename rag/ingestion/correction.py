"""Office, region, year or title of a report put right by hand; its text, and so its citations, stay as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rag.catalog import Catalog, StoredReport
from rag.chunking import chunk_report
from rag.embedding import Embedder
from rag.errors import CitationError
from rag.index import Index
from rag.ingestion.overrides import as_stored, from_stored
from rag.ingestion.writer import one_writer
from rag.structure import MetaOverrides, with_overrides
from rag.types import ReportMeta


def correct_report(
    report_id: str,
    given: MetaOverrides,
    *,
    catalog: Catalog,
    index: Index,
    embedder: Embedder,
    chunk_tokens: int,
    wait_s: float,
) -> ReportMeta:
    """Let metadata given by hand win over what was read, now and whenever the same file is read again.

    Args:
        report_id: The report.
        given: What is known better; None leaves a value as it is.
        catalog: The store's catalog.
        index: Its indexes, brought into step.
        embedder: Embeds the chunks anew, since each names its office and year.
        chunk_tokens: Token budget of a chunk.
        wait_s: Seconds to wait for another writer.

    Raises:
        CitationError: there is no such report.
        StoreLocked: another process writes the store.
        StoreError: the store cannot be written.
    """
    with one_writer(catalog, wait_s):
        report = catalog.report(report_id)
        path = catalog.report_path(report_id)
        if report is None or path is None:
            raise CitationError(f"No report {report_id!r}. `python -m rag reports` lists the reports.")
        record = catalog.files()[path]
        overrides = (record.overrides or {}) | (as_stored(given) or {})
        corrected = replace(report, meta=with_overrides(report.meta, from_stored(overrides)))
        chunks = chunk_report(corrected, max_tokens=chunk_tokens)
        texts = list(dict.fromkeys(chunk.embedding_text for chunk in chunks))
        vectors = catalog.vectors_of_texts(texts)
        new = [text for text in texts if text not in vectors]
        vectors.update(zip(new, embedder.embed_passages(new) if new else [], strict=True))
        rows = [vectors[chunk.embedding_text] for chunk in chunks]
        matrix = np.stack(rows).astype(np.float32) if rows else np.empty((0, 0), np.float32)
        row = next(row for row in catalog.inventory() if row.meta.id == report_id)
        catalog.put_report(StoredReport(replace(record, overrides=overrides), row.format, corrected, chunks, matrix))
        index.try_sync()
    return corrected.meta
