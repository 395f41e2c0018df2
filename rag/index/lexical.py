"""The lexical index: BM25 over words and character bigrams, memory-mapped."""

from __future__ import annotations

import json
import shutil
import uuid
from array import array
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
from numpy.typing import NDArray

from rag.catalog import Catalog, ProcessLock
from rag.index.exact import best_rows
from rag.index.state import IndexState, delete_others, read_state, write_state
from rag.index.tokens import may_carry_content, tokenize
from rag.types import Hit, SectionKind

FOLDER, STATE, LOCK = "lexical", "current.json", "write.lock"

_COMMON = 0.5
"""A token in more than this share of the chunks tells none of them apart."""

_KINDS = [kind.value for kind in SectionKind]


@dataclass(frozen=True, slots=True)
class LexicalIndex:
    """BM25 scores of all chunks.

    Attributes:
        changed: Change counter of the catalog it was built from.
        ids: Chunk ids, shape (n,).
        reports: Report ids, each once.
        report_codes: Position in ``reports``, shape (n,).
        kind_codes: Position of the section kind among ``SectionKind``, shape (n,).
        scores: The BM25 matrix; None when there is no chunk.
    """

    changed: int
    ids: NDArray[np.str_]
    reports: tuple[str, ...]
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
        scores = np.where(self._mask(report_ids, section_kinds), scores, 0.0)
        rows = best_rows(scores, k)
        return [Hit(str(self.ids[row]), float(scores[row])) for row in rows if scores[row] > 0]

    def _share(self, token: int) -> float:
        """Return the share of chunks that hold a token; up to three chunks are too few to call it common."""
        columns = self.scores.scores["indptr"]
        count = int(columns[token + 1] - columns[token])
        return count / len(self.ids) if count > 3 else 0.0

    def _mask(
        self, report_ids: Collection[str] | None, section_kinds: Collection[SectionKind]
    ) -> NDArray[np.bool_] | np.bool_:
        mask: NDArray[np.bool_] | np.bool_ = np.True_
        if report_ids is not None:
            wanted = set(report_ids)
            allowed = np.array([report_id in wanted for report_id in self.reports], dtype=bool)
            mask = allowed[self.report_codes]
        if section_kinds:
            mask = mask & np.isin(self.kind_codes, [_KINDS.index(kind.value) for kind in section_kinds])
        return mask


def build(catalog: Catalog) -> LexicalIndex:
    """Build the index in memory from the catalog's chunks (19 s per 100,000).

    A chunk's tokens are kept as numbers, four bytes each: as text they take twenty times as much.
    """
    changed = catalog.change_counter()
    reports: dict[str, int] = {}
    vocabulary: dict[str, int] = {}
    ids: list[str] = []
    report_codes, kind_codes = array("i"), array("b")
    documents: list[array[int]] = []
    for chunk_id, report_id, kind, text in catalog.chunk_texts():
        ids.append(chunk_id)
        report_codes.append(reports.setdefault(report_id, len(reports)))
        kind_codes.append(_KINDS.index(kind))
        documents.append(array("i", [vocabulary.setdefault(token, len(vocabulary)) for token in tokenize(text)]))
    scores = None
    if documents:
        scores = bm25s.BM25()
        scores.index((documents, vocabulary), show_progress=False)
    return LexicalIndex(
        changed=changed,
        ids=np.array(ids, dtype=np.str_),
        reports=tuple(reports),
        report_codes=np.array(report_codes, dtype=np.int32),
        kind_codes=np.array(kind_codes, dtype=np.int8),
        scores=scores,
    )


def save(index: LexicalIndex, catalog: Catalog) -> None:
    """Write the index beside the old one and switch over in one step; nothing if another process is at it."""
    parent = catalog.store / FOLDER
    parent.mkdir(exist_ok=True)
    lock = ProcessLock(parent / LOCK)
    if not lock.acquire():
        return
    try:
        directory = f"bm25-{uuid.uuid4().hex[:12]}"
        try:
            _write_arrays(index, parent / directory)
        except BaseException:
            shutil.rmtree(parent / directory, ignore_errors=True)  # where space is short, half an index takes it up
            raise
        write_state(parent / STATE, IndexState(directory, catalog.catalog_id(), index.changed, len(index.ids)))
        delete_others(parent, "bm25-*", keep=directory)
    finally:
        lock.release()


def _write_arrays(index: LexicalIndex, folder: Path) -> None:
    folder.mkdir()
    for name in ("ids", "report_codes", "kind_codes"):
        np.save(folder / f"{name}.npy", getattr(index, name))
    (folder / "reports.json").write_text(json.dumps(index.reports), encoding="utf-8")
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


def load(catalog: Catalog) -> LexicalIndex | None:
    """Open the saved index, memory-mapped; None if there is none of this catalog that can be read."""
    parent = catalog.store / FOLDER
    state = read_state(parent / STATE)
    if state is None or state.catalog_id != catalog.catalog_id() or state.changed > catalog.change_counter():
        return None
    try:
        return _read_arrays(parent / state.directory, state)
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _read_arrays(folder: Path, state: IndexState) -> LexicalIndex:
    ids, report_codes, kind_codes = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("ids", "report_codes", "kind_codes")
    )
    if len(ids) != state.rows:
        raise ValueError(f"{len(ids)} rows instead of {state.rows}")
    return LexicalIndex(
        changed=state.changed,
        ids=ids,
        reports=tuple(json.loads((folder / "reports.json").read_text(encoding="utf-8"))),
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
    wanted, found = {row[0] for row in catalog.chunk_texts()}, set(map(str, index.ids))
    return _counted((len(wanted - found), "chunks are missing"), (len(found - wanted), "rows are not in the catalog"))


def _counted(*counts: tuple[int, str]) -> list[str]:
    return [f"lexical index: {number} {what}" for number, what in counts if number]
