"""Every way in which an index can differ from the catalog is told, and mended by a rebuild."""

from __future__ import annotations

import numpy as np
import pytest
from stored_reports import EMBEDDER, stored_report

from rag.catalog import BuiltWith, Catalog
from rag.index import Index
from rag.index.collection import ChromaProcess
from rag.types import Hit


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(tmp_path / "store", BuiltWith(EMBEDDER.name, 320), create=True) as opened:
        for number in range(8):
            opened.put_report(stored_report(f"{number}.txt", f"第{number}项举措有序开展。", f"第{number}项经费不足。"))
        yield opened


def fields(catalog, row, **others):
    table = catalog.vectors()
    meta = catalog.metas()[str(table.report_ids[row])]
    known = {"report_id": meta.id, "section_kind": str(table.section_kinds[row])}
    return {**known, "office": meta.office, "region": meta.region, "year": meta.year, **others}


def missing(collection, catalog):
    collection.delete([str(catalog.vectors().ids[0])])
    return "1 chunks of the catalog are missing"


def surplus(collection, catalog):
    collection.upsert(["strange"], np.ones((1, 64), np.float32) / 8, [fields(catalog, 0)])
    return "1 rows are not in the catalog"


def other_vector(collection, catalog):
    collection.upsert([str(catalog.vectors().ids[0])], np.ones((1, 64), np.float32) / 8, [fields(catalog, 0)])
    return "1 rows differ from the catalog"


def other_field(collection, catalog):
    table = catalog.vectors()
    collection.upsert([str(table.ids[0])], table.matrix[:1], [fields(catalog, 0, year=1999)])
    return "1 rows differ from the catalog"


@pytest.mark.parametrize("change", [missing, surplus, other_vector, other_field])
def test_rows_that_differ_are_told_and_mended(catalog, change):
    with Index.open(catalog, owner=True) as index:
        index.sync()
        problem = change(index._vector._collection, catalog)
        assert index.verify().problems == (f"vector index: {problem}",)
        index.rebuild()
        assert index.verify().problems == ()


def test_rows_that_are_stored_but_not_found_are_told_and_mended(catalog, monkeypatch):
    lost = str(catalog.vectors().ids[3])
    with Index.open(catalog, owner=True) as index:
        index.sync()
        collection = index._vector._collection
        nearest = type(collection).nearest

        def without(self, matrix, k):
            hits = nearest(self, matrix, k)
            return [[hit for hit in found if hit.chunk_id != lost] for found in hits] if self is collection else hits

        monkeypatch.setattr(type(collection), "nearest", without)
        assert index.verify().problems == ("vector index: 1 rows are stored but not found by a question",)
        index.rebuild()
        assert index.verify().problems == ()


@pytest.fixture
def chroma_without(monkeypatch):
    """Return a function that has Chroma not find a row, as happens where its graph does not lead to it."""
    hidden = set()
    ask = ChromaProcess.ask

    def without(self, seconds, method, *arguments, patience=-1):
        answer = ask(self, seconds, method, *arguments, patience=patience)
        if method != "query":
            return answer
        return [[found for found in hits if found[0] not in hidden] for hits in answer]

    monkeypatch.setattr(ChromaProcess, "ask", without)
    return hidden.add


def found_by(index, table, row, **filters):
    return [hit.chunk_id for hit in index._vector.search(table.matrix[row], 3, patience=10, **filters)]


def test_a_row_that_chroma_does_not_find_is_found_beside_it(catalog, chroma_without):
    table = catalog.vectors()
    lost, kind = str(table.ids[3]), str(table.section_kinds[3])
    chroma_without(lost)
    with Index.open(catalog, owner=True) as index:
        index.sync()
        assert found_by(index, table, 3)[0] == lost
        assert found_by(index, table, 3, section_kinds=[kind])[0] == lost
        assert lost not in found_by(index, table, 3, section_kinds=["another"])
        assert found_by(index, table, 5)[0] == table.ids[5]
        assert index.verify().problems == ()
    with Index.open(catalog, owner=True) as index:  # what is known of it outlives the process
        assert found_by(index, table, 3)[0] == lost
        assert index.verify().problems == ()
        catalog.put_report(stored_report("new.txt", "新来的一句话。"))
        index.sync()
        assert found_by(index, table, 3)[0] == lost
        catalog.remove_file(f"/reports/{catalog.metas()[str(table.report_ids[3])].source}")
        index.sync()
        assert index._vector._collection.strays == ()
        assert lost not in found_by(index, table, 3)
        assert index.verify().problems == ()


def test_rows_cut_off_by_later_ones_are_looked_for_when_the_rows_have_grown_by_half(catalog, chroma_without):
    with Index.open(catalog, owner=True) as index:
        index.sync()
        lost = str(catalog.vectors().ids[3])
        chroma_without(lost)
        for number in range(10):
            catalog.put_report(stored_report(f"later {number}.txt", f"后来的第{number}句话。", f"第{number}处不足。"))
        index.sync()
        assert index._vector._collection.strays == (lost,)
        assert index.verify().problems == ()


def damaged_array(name, change):
    def damage(catalog):
        (path,) = catalog.store.glob(f"lexical/bm25-*/{name}")
        array = np.load(path)
        np.save(path, change(array))

    return damage


def swapped(array):
    return np.concatenate([array[1:2], array[:1], array[2:]])


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (damaged_array("ids.npy", lambda ids: np.where(ids == ids[0], "strange", ids)), "1 chunks are missing"),
        (damaged_array("ids.npy", lambda ids: np.where(ids == ids[0], "strange", ids)), "1 rows are not in the"),
        (damaged_array("ids.npy", swapped), "the chunks stand in another order"),
        (damaged_array("report_codes.npy", lambda codes: np.r_[codes[1:3], codes[2:]]), "1 rows have another report"),
        (damaged_array("kind_codes.npy", lambda codes: np.r_[codes[0] + 1, codes[1:]]), "rows have another section"),
        (damaged_array("data.csc.index.npy", lambda data: data * 2), "the scores of words differ"),
        (damaged_array("indices.csc.index.npy", swapped), "the scores of words differ"),
        (damaged_array("ids.npy", lambda ids: ids[1:]), "there is none that belongs to the catalog"),
    ],
)
def test_a_lexical_index_that_differs_is_told_and_mended(catalog, damage, problem):
    with Index.open(catalog, owner=True) as index:
        index.sync()
        damage(catalog)
        (*_, told) = (found for found in index.verify().problems if problem in found)
        assert told.startswith("lexical index: ")
        index.rebuild()
        assert index.verify().problems == ()


def test_a_lexical_index_that_cannot_be_asked_is_built_anew(catalog):
    with Index.open(catalog, owner=True) as index:
        index.sync()
    damaged_array("indices.csc.index.npy", lambda indices: indices + 10_000)(catalog)
    with Index.open(catalog) as index:
        (first, *_) = index.lexical("第3项举措", 3)
        assert isinstance(first, Hit)
        assert catalog.chunks([first.chunk_id])[first.chunk_id].text == "第3项举措有序开展。"
