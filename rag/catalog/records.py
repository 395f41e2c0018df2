"""What the catalog hands out and takes in beside the shared types."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Embedder
from rag.settings import Settings
from rag.types import Chunk, ParagraphKind, Report, ReportMeta

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BuiltWith:
    """What decides whether vectors and chunks of one store go together.

    Attributes:
        model: Identity of the embedding model, its passage prefix included.
        chunk_tokens: Token budget of a chunk.
    """

    model: str
    chunk_tokens: int

    @classmethod
    def of(cls, embedder: Embedder, settings: Settings) -> BuiltWith:
        """Take it from what would write or search now."""
        return cls(embedder.name, settings.chunk_tokens)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file taken in.

    Attributes:
        path: Absolute path.
        report_id: The report it holds.
        source: Name as shown to users.
        hash: SHA-256 of its bytes.
        reader: Version of the code that read it.
        overrides: Metadata given by hand, as stored.
    """

    path: str
    report_id: str
    source: str
    hash: str
    reader: str
    overrides: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StoredReport:
    """One report, whole: what one transaction writes. ``matrix`` has one unit vector a chunk."""

    file: FileRecord
    format: str
    report: Report
    chunks: tuple[Chunk, ...]
    matrix: Matrix


class ParagraphRow(NamedTuple):
    """A paragraph as it is stored, ``path`` in JSON; cheaper than a ``Paragraph``, which it becomes when wanted."""

    number: int
    text: str
    kind: ParagraphKind
    section: int | None
    path: str
    section_kind: str


@dataclass(frozen=True, slots=True)
class VectorTable:
    """Chunk vectors, row by row.

    Attributes:
        ids: Chunk ids, shape (n,).
        report_ids: Their reports, shape (n,).
        section_kinds: Kind of their sections, shape (n,).
        matrix: Unit vectors, shape (n, dimension).
    """

    ids: NDArray[np.str_]
    report_ids: NDArray[np.str_]
    section_kinds: NDArray[np.str_]
    matrix: Matrix


@dataclass(frozen=True, slots=True)
class VectorRows:
    """Some rows of a table, whose vectors are not copied.

    Attributes:
        table: The table.
        rows: The numbers of the rows, ascending; None: all.
    """

    table: VectorTable
    rows: NDArray[np.intp] | None = None

    def of_kinds(self, section_kinds: Collection[str]) -> VectorRows:
        """Return those whose section is of one of the kinds; none named: all."""
        if not section_kinds:
            return self
        rows = np.arange(len(self.table.ids)) if self.rows is None else self.rows
        return VectorRows(self.table, rows[np.isin(self.table.section_kinds[rows], list(section_kinds))])

    def taken(self) -> VectorTable:
        """Return them as a table of their own."""
        table, rows = self.table, self.rows
        if rows is None:
            return table
        return VectorTable(table.ids[rows], table.report_ids[rows], table.section_kinds[rows], table.matrix[rows])


@dataclass(frozen=True, slots=True)
class InventoryRow:
    """A report as the inventory lists it; ``duplicates`` are other files with the same content."""

    meta: ReportMeta
    path: str
    format: str
    added_at: str
    paragraphs: int
    chunks: int
    duplicates: tuple[str, ...] = field(default=())
