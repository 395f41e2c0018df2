"""The vectors of a catalog, kept in memory while nothing changes and as far as that is affordable."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from rag.catalog import read
from rag.catalog.records import VectorRows, VectorTable

KEPT_AT_ONCE = 50_000
"""Chunks up to which all vectors are read and kept whatever is asked for (75 MB at 384 dimensions)."""

KEPT_AT_MOST = 200_000
"""Chunks up to which they are kept from the second question within some reports on (300 MB); one question by itself
reads only what it needs."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """All vectors, and which report each row is of.

    Attributes:
        table: The vectors.
        reports: Report ids, each with its number.
        codes: The number of each row's report, shape (n,).
    """

    table: VectorTable
    reports: dict[str, int]
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, table: VectorTable) -> _Kept:
        reports, codes = np.unique(table.report_ids, return_inverse=True)
        return cls(table, {report_id: number for number, report_id in enumerate(reports.tolist())}, codes)

    def within(self, report_ids: Collection[str]) -> VectorRows:
        """Return the rows of some reports, found by their numbers, without comparing each row's id."""
        wanted = np.zeros(len(self.reports), dtype=bool)
        wanted[[self.reports[report_id] for report_id in report_ids if report_id in self.reports]] = True
        return VectorRows(self.table, np.flatnonzero(wanted[self.codes]))


class VectorCache:
    """Answers for the vectors of some reports or of all; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = -1
        self._chunks = 0
        self._asked_within = 0
        self._kept: _Kept | None = None

    def vectors(self, connection: Connection, report_ids: Collection[str] | None) -> VectorRows:
        """Return the vectors of some reports (None: of all) in row order.

        Args:
            connection: Inside a transaction, of the catalog that all other calls are for.
            report_ids: A set, where it is large.
        """
        with self._lock:
            self._follow(connection)
            if self._kept is None:
                dimension = int(read.meta_value(connection, "dimension") or 1)
                if report_ids is not None and not self._worth_keeping():
                    return VectorRows(read.vectors(connection, dimension, report_ids))
                self._kept = _Kept.of(read.vectors(connection, dimension))
            kept = self._kept
        return VectorRows(kept.table) if report_ids is None else kept.within(report_ids)

    def _follow(self, connection: Connection) -> None:
        changed = int(read.meta_value(connection, "changed"))
        if changed != self._changed:
            self._changed, self._kept, self._asked_within = changed, None, 0
            self._chunks = read.count(connection, "chunks")

    def _worth_keeping(self) -> bool:
        self._asked_within += 1
        return self._chunks <= KEPT_AT_ONCE or (self._chunks <= KEPT_AT_MOST and self._asked_within > 1)
