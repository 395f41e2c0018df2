"""The lexical index: BM25 over words and character bigrams, memory-mapped."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from array import array
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
from numpy.typing import NDArray

from rag.catalog import Catalog, ProcessLock
from rag.index.exact import best_rows
from rag.index.lexical_process import build_apart
from rag.index.state import IndexState, delete_others, read_state, write_state
from rag.index.tokens import may_carry_content, tokenize
from rag.types import Hit, SectionKind

FOLDER, STATE, LOCK = "lexical", "current.json", "write.lock"

IN_PROCESS_UP_TO = 3_000
"""Chunks up to which the index is built in this process: half a second, less than it takes to start another."""

_COMMON = 0.5
"""A token in more than this share of the chunks tells none of them apart."""

_KINDS = [kind.value for kind in SectionKind]


@dataclass(frozen=True, slots=True)
class LexicalIndex:
    """BM25 scores of all chunks.

    Attributes:
        changed: Change counter of the catalog it was built from.
        ids: Chunk ids, shape (n,).
        reports: Report ids, each with its number.
        report_codes: The number of each chunk's report, shape (n,).
        kind_codes: Position of the section kind among ``SectionKind``, shape (n,).
        scores: The BM25 matrix; None when there is no chunk.
    """

    changed: int
    ids: NDArray[np.str_]
    reports: dict[str, int]
    report_codes: NDArray[np.int32]
    kind_codes: NDArray[np.int8]
    scores: Any

    def search(
        self,
        text: str | list[str],
        k: int,
        report_ids: Collection[str] | None = None,
        section_kinds: Collection[SectionKind] = (),
    ) -> list[Hit] | None:
        """Return the best chunks; None when no content word of the question stands in the corpus.

        A content word is one that can carry meaning by itself and stands in no more than half of the chunks.
        """
        vocabulary = self.scores.vocab_dict if self.scores is not None else {}
        tokens = tokenize(text) if isinstance(text, str) else text
        known = [token for token in tokens if token in vocabulary]
        if not any(may_carry_content(token) and self._share(vocabulary[token]) <= _COMMON for token in known):
            return None
        scores = self.scores.get_scores_from_ids([vocabulary[token] for token in known])
        # Few chunks of a large corpus hold a word of the question, so the best are sought among those alone.
        scoring = np.flatnonzero(self._mask(report_ids, section_kinds) & (scores > 0))
        rows = scoring[best_rows(scores[scoring], k)]
        return [Hit(str(self.ids[row]), float(scores[row])) for row in rows]

    def reports_of_rows(self) -> NDArray[np.str_]:
        """Return the report id of each row, shape (n,)."""
        return np.array([*self.reports, ""], dtype=np.str_)[np.clip(self.report_codes, -1, len(self.reports))]

    def _share(self, token: int) -> float:
        """Return the share of chunks that hold a token; up to three chunks are too few to call it common."""
        columns = self.scores.scores["indptr"]
        count = int(columns[token + 1] - columns[token])
        return count / len(self.ids) if count > 3 else 0.0

    def _mask(self, report_ids: Collection[str] | None, section_kinds: Collection[SectionKind]) -> NDArray[np.bool_]:
        """Return which rows are of the reports and of the kinds, shape (n,)."""
        mask = np.ones(len(self.ids), dtype=bool)
        if report_ids is not None:
            allowed = np.zeros(len(self.reports), dtype=bool)
            allowed[[self.reports[report_id] for report_id in report_ids if report_id in self.reports]] = True
            mask = allowed[self.report_codes]
        if section_kinds:
            mask = mask & np.isin(self.kind_codes, [_KINDS.index(kind.value) for kind in section_kinds])
        return mask


class Builder:
    """Builds the index in memory.

    A chunk's tokens are kept as numbers, four bytes each: as text they take twenty times as much.

    Args:
        changed: Change counter of the catalog that the chunks are from.
    """

    def __init__(self, changed: int) -> None:
        self._changed = changed
        self.ids: list[str] = []
        """Of the chunks so far."""
        self._reports: dict[str, int] = {}
        self._vocabulary: dict[str, int] = {}
        self._report_codes, self._kind_codes = array("i"), array("b")
        self._documents: list[array[int]] = []

    def add(self, chunks: Iterable[tuple[str, str, str, str]]) -> None:
        """Take (id, report id, section kind, text) of some chunks."""
        words = self._vocabulary
        for chunk_id, report_id, kind, text in chunks:
            self.ids.append(chunk_id)
            self._report_codes.append(self._reports.setdefault(report_id, len(self._reports)))
            self._kind_codes.append(_KINDS.index(kind))
            self._documents.append(array("i", [words.setdefault(token, len(words)) for token in tokenize(text)]))

    def built(self) -> LexicalIndex:
        """Return the index of the chunks taken."""
        scores = None
        if self._documents:
            scores = bm25s.BM25()
            scores.index((self._documents, self._vocabulary), show_progress=False)
        return LexicalIndex(
            changed=self._changed,
            ids=np.array(self.ids, dtype=np.str_),
            reports=self._reports,
            report_codes=np.array(self._report_codes, dtype=np.int32),
            kind_codes=np.array(self._kind_codes, dtype=np.int8),
            scores=scores,
        )


def build(catalog: Catalog) -> LexicalIndex:
    """Build the index in memory from the catalog's chunks (19 s per 100,000, in which no other thread runs)."""
    builder = Builder(catalog.change_counter())
    builder.add(catalog.chunk_texts())
    return builder.built()


def build_saved(catalog: Catalog, stopped: Callable[[], bool] = lambda: False) -> bool:
    """Build the index beside the old one and switch over in one step.

    Args:
        catalog: What to build it from.
        stopped: Asked now and then while a large one is built.

    Returns:
        False if another process is at it.

    Raises:
        Stopped: ``stopped`` said so.
        OSError: the disk is full or the folder read-only.
    """
    parent = catalog.store / FOLDER
    parent.mkdir(exist_ok=True)
    lock = ProcessLock(parent / LOCK)
    if not lock.acquire():
        if not os.access(parent, os.W_OK):
            raise PermissionError(errno.EACCES, "Permission denied", str(parent))
        return False
    try:
        directory = f"bm25-{uuid.uuid4().hex[:12]}"
        try:
            changed, rows = _build_into(parent / directory, catalog, stopped)
        except BaseException:
            shutil.rmtree(parent / directory, ignore_errors=True)  # where space is short, half an index takes it up
            raise
        write_state(parent / STATE, IndexState(directory, catalog.catalog_id(), changed, rows))
        delete_others(parent, "bm25-*", keep=directory)
    finally:
        lock.release()
    return True


def _build_into(folder: Path, catalog: Catalog, stopped: Callable[[], bool]) -> tuple[int, int]:
    """Build the index into a folder, a large one in a process of its own; return change counter and rows."""
    if catalog.chunk_count() > IN_PROCESS_UP_TO:
        changed = catalog.change_counter()
        return changed, build_apart(folder, catalog.chunk_texts(), stopped)
    index = build(catalog)
    save(index, folder)
    return index.changed, len(index.ids)


def save(index: LexicalIndex, folder: Path) -> None:
    """Write the index into a new folder."""
    folder.mkdir()
    for name in ("ids", "report_codes", "kind_codes"):
        np.save(folder / f"{name}.npy", getattr(index, name))
    (folder / "reports.json").write_text(json.dumps(list(index.reports)), encoding="utf-8")
    if index.scores is not None:
        index.scores.save(folder, show_progress=False)


def saved_rows(catalog: Catalog) -> int:
    """Return the number of chunks in the saved index; 0 if there is none."""
    state = read_state(catalog.store / FOLDER / STATE)
    return state.rows if state else 0


def is_current(catalog: Catalog) -> bool:
    """Say whether the saved index is in step with the catalog, without opening it."""
    state = read_state(catalog.store / FOLDER / STATE)
    return (
        state is not None
        and (state.catalog_id, state.changed) == (catalog.catalog_id(), catalog.change_counter())
        and (catalog.store / FOLDER / state.directory / "ids.npy").is_file()
    )


def saved_change(catalog: Catalog) -> int:
    """Return the catalog's change counter that the saved index is at; -1 if there is none."""
    state = read_state(catalog.store / FOLDER / STATE)
    return state.changed if state else -1


def forget(catalog: Catalog) -> None:
    """Trust the saved index no more."""
    (catalog.store / FOLDER / STATE).unlink(missing_ok=True)


def load(catalog: Catalog) -> LexicalIndex | None:
    """Open the saved index, memory-mapped; None if there is none of this catalog that can be read."""
    parent = catalog.store / FOLDER
    state = read_state(parent / STATE)
    if state is None or state.catalog_id != catalog.catalog_id() or state.changed > catalog.change_counter():
        return None
    try:
        return _read_arrays(parent / state.directory, state)
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError):
        return None


def _read_arrays(folder: Path, state: IndexState) -> LexicalIndex:
    ids, report_codes, kind_codes = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("ids", "report_codes", "kind_codes")
    )
    if {len(ids), len(report_codes), len(kind_codes)} != {state.rows}:
        raise ValueError(f"{len(ids)} rows instead of {state.rows}")
    reports = json.loads((folder / "reports.json").read_text(encoding="utf-8"))
    return LexicalIndex(
        changed=state.changed,
        ids=ids,
        reports={report_id: number for number, report_id in enumerate(reports)},
        report_codes=report_codes,
        kind_codes=kind_codes,
        scores=bm25s.BM25.load(folder, mmap=True, show_progress=False) if state.rows else None,
    )


def problems(catalog: Catalog) -> list[str]:
    """Return how the saved index differs from the catalog."""
    index = load(catalog)
    if index is None:
        return ["lexical index: there is none that belongs to the catalog"]
    if index.changed != catalog.change_counter():
        return ["lexical index: it is behind the catalog"]
    return [f"lexical index: {what}" for what in _differences(index, build(catalog))]


def _differences(found: LexicalIndex, wanted: LexicalIndex) -> list[str]:
    """Return in what a saved index differs from one just built, which is the same to the last bit."""
    missing, surplus = set(map(str, wanted.ids)), set(map(str, found.ids))
    counts = (
        (len(missing - surplus), "chunks are missing"),
        (len(surplus - missing), "rows are not in the catalog"),
    )
    told = [f"{number} {what}" for number, what in counts if number]
    if told:
        return told
    if not np.array_equal(found.ids, wanted.ids):
        return ["the chunks stand in another order"]
    reports = _different(found.reports_of_rows(), wanted.reports_of_rows())
    kinds = _different(found.kind_codes, wanted.kind_codes)
    told = [
        f"{number} rows have another {what}"
        for number, what in ((reports, "report"), (kinds, "section kind"))
        if number
    ]
    if not _same_scores(found.scores, wanted.scores):
        told.append("the scores of words differ")
    return told


def _different(one: NDArray[Any], other: NDArray[Any]) -> int:
    return int(np.sum(one != other))


def _same_scores(one: Any, other: Any) -> bool:  # noqa: ANN401 - bm25s's own type
    if one is None or other is None:
        return one is other
    return one.vocab_dict == other.vocab_dict and all(
        np.array_equal(one.scores[name], other.scores[name]) for name in ("data", "indices", "indptr")
    )
