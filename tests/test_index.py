from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import psutil
import pytest
from stored_reports import EMBEDDER, stored_report

from rag.catalog import BuiltWith, Catalog, VectorRows, VectorTable
from rag.errors import StoreError, StoreLocked
from rag.index import Index, exact
from rag.index import search as facade
from rag.types import SectionKind

HOLD_CHROMA = """
import sys
from pathlib import Path
from rag.catalog import Catalog
from rag.index import Index
with Catalog.open(Path(sys.argv[1])) as catalog, Index.open(catalog, owner=True):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(tmp_path / "store", BuiltWith(EMBEDDER.name, 320), create=True) as opened:
        opened.put_report(
            stored_report("a.txt", "全年办结信访案件26件。", "执法人员数量不足。", "建设公共法律服务站。")
        )
        opened.put_report(stored_report("b.txt", "聘请法律顾问审查合同。", "街道不具备行政执法权。", year=2022))
        opened.put_report(stored_report("c.txt", "开展普法宣传活动三十场。", "经费保障不足。", office=None, year=None))
        yield opened


@pytest.fixture
def index(catalog):
    with Index.open(catalog, owner=True) as opened:
        opened.sync()
        yield opened


def nearest(index, catalog, text, **filters):
    hits = index.dense(EMBEDDER.embed_query(text), 1, **filters)
    return [catalog.chunks([hit.chunk_id])[hit.chunk_id].text for hit in hits]


def uses_chroma(index):
    return index._vector.search(EMBEDDER.embed_query("执法"), 1, patience=60) is not None


def test_both_indexes_find_what_the_catalog_holds(index, catalog):
    assert nearest(index, catalog, "不具备行政执法权") == ["街道不具备行政执法权。"]
    hits = index.lexical("哪些街道没有执法权？", 3)
    assert catalog.chunks([hits[0].chunk_id])[hits[0].chunk_id].text == "街道不具备行政执法权。"
    assert index.verify().problems == ()


def chroma_processes():
    return [child for child in psutil.Process().children() if "rag.index.chroma_process" in child.cmdline()]


def test_an_index_made_ready_is_the_one_that_is_written(catalog):
    with Index.open(catalog, owner=True) as index:
        index.prepare()
        (prepared,) = chroma_processes()
        index.sync()
        assert uses_chroma(index)
        assert chroma_processes() == [prepared]
        assert index.verify().problems == ()


def test_an_index_made_ready_in_vain_is_given_back(catalog):
    with Index.open(catalog, owner=True) as index:
        index.prepare()
        assert chroma_processes()
    assert chroma_processes() == []
    with Index.open(catalog, owner=True) as index:
        assert index.owns_vector
        index.sync()
        assert index.verify().problems == ()


def test_a_process_made_ready_that_is_killed_is_replaced(catalog):
    with Index.open(catalog, owner=True) as index:
        index.prepare()
        (prepared,) = chroma_processes()
        prepared.kill()
        index.sync()
        assert uses_chroma(index)
        assert index.verify().problems == ()


def test_chroma_and_exact_search_agree(index, catalog):
    assert uses_chroma(index)
    with Index.open(catalog) as reader:
        for text in ("信访案件", "法律顾问", "经费", "执法权"):
            vector = EMBEDDER.embed_query(text)
            by_chroma, exactly = index.dense(vector, 4), reader.dense(vector, 4)
            assert [hit.score for hit in by_chroma] == pytest.approx([hit.score for hit in exactly], abs=1e-5)
            by_chroma = index.dense(vector, 4, section_kinds=[SectionKind.PROBLEMS])
            exactly = reader.dense(vector, 4, section_kinds=[SectionKind.PROBLEMS])
            assert [hit.score for hit in by_chroma] == pytest.approx([hit.score for hit in exactly], abs=1e-5)
            assert len(exactly) == 3


def test_a_search_stays_within_the_reports_and_sections_asked_for(index, catalog):
    report_id = stored_report(
        "a.txt", "全年办结信访案件26件。", "执法人员数量不足。", "建设公共法律服务站。"
    ).report.meta.id
    assert nearest(index, catalog, "街道不具备行政执法权", report_ids=[report_id]) == ["执法人员数量不足。"]
    assert nearest(index, catalog, "执法", section_kinds=[SectionKind.PLAN]) == ["建设公共法律服务站。"]
    assert index.dense(EMBEDDER.embed_query("执法"), 5, report_ids=[]) == []
    assert index.lexical("执法", 5, report_ids=[]) == []
    assert {hit.chunk_id for hit in index.lexical("执法", 5, report_ids=[report_id])} == {f"{report_id}-c1"}
    assert index.lexical("执法", 5, section_kinds=[SectionKind.PLAN]) == []


def test_a_new_report_is_found_at_once_and_verify_tells_what_is_behind(index, catalog):
    index.lexical("执法", 1)
    catalog.put_report(stored_report("d.txt", "运用无人机巡查河道。"))

    assert nearest(index, catalog, "无人机巡查河道") == ["运用无人机巡查河道。"]
    assert len(index.lexical("无人机巡查", 3)) == 1
    assert index.verify().problems == (
        "lexical index: it is behind the catalog",
        "vector index: not usable, it was behind the catalog",
    )
    index.sync()
    assert index.verify().problems == ()
    assert uses_chroma(index)


def test_a_removed_or_changed_report_leaves_both_indexes(index, catalog):
    catalog.remove_file("/reports/b.txt")
    catalog.put_report(stored_report("a.txt", "全年没有信访案件。"))
    assert nearest(index, catalog, "不具备行政执法权") != ["街道不具备行政执法权。"]
    index.sync()
    assert index.verify().problems == ()
    assert index.lexical("不具备执法权", 5) is None


def test_an_index_only_follows_what_changed(index, catalog, monkeypatch):
    written = []
    collection = index._vector._collection
    upsert = collection.upsert
    monkeypatch.setattr(collection, "upsert", lambda ids, *rest: (written.extend(ids), upsert(ids, *rest)))
    new = stored_report("d.txt", "运用无人机巡查河道。")
    catalog.put_report(new)
    index.sync()
    index.sync()
    assert written == [new.chunks[0].id]


def test_an_empty_catalog_can_be_searched(tmp_path):
    with (
        Catalog.open(tmp_path / "s", BuiltWith("m", 320), create=True) as empty,
        Index.open(empty, owner=True) as index,
    ):
        index.sync()
        assert index.dense(np.ones(64, np.float32) / 8, 5) == []
        assert index.lexical("执法", 5) is None
        assert index.verify().problems == ()
        empty.put_report(stored_report("a.txt", "甲街道依法行政。"))
        index.sync()
        assert index.verify().problems == ()


def test_rebuilding_needs_no_embedding_and_leaves_one_folder(index, catalog):
    index.rebuild()
    assert index.verify().problems == ()
    assert folders(catalog) == {"chroma-2"}
    assert len(list(catalog.store.glob("chroma-*.marker"))) == 1
    assert len(list(catalog.store.glob("lexical/bm25-*"))) == 1
    assert nearest(index, catalog, "不具备行政执法权") == ["街道不具备行政执法权。"]


def reopened(catalog):
    index = Index.open(catalog, owner=True)
    index.sync()
    problems, notes = index.verify().problems, index.notes
    index.close()
    assert problems == ()
    return notes


def folders(catalog):
    return {path.name for path in catalog.store.glob("chroma-*") if path.is_dir()}


def test_a_clean_stop_costs_nothing_at_the_next_start(index, catalog):
    index.close()
    known = folders(catalog)
    with Index.open(catalog, owner=True) as again:
        again.sync()
        assert again._vector._collection is None, "no process is started for an index in step"
        assert uses_chroma(again)
    assert reopened(catalog) == () and folders(catalog) == known


@pytest.mark.parametrize("damage", ["folder", "state", "garbage", "lexical"])
def test_a_deleted_or_damaged_index_is_rebuilt_from_the_catalog(index, catalog, damage):
    index.close()
    if damage == "folder":
        shutil.rmtree(catalog.store / "chroma-1")
    elif damage == "state":
        (catalog.store / "chroma.json").write_text("{")
    elif damage == "garbage":
        (catalog.store / "chroma-1" / "chroma.sqlite3").write_bytes(b"garbage" * 5000)
    else:
        shutil.rmtree(catalog.store / "lexical")
    with Index.open(catalog, owner=True) as opened:
        assert opened.verify().problems
        assert nearest(opened, catalog, "不具备行政执法权") == ["街道不具备行政执法权。"]
        assert opened.lexical("行政执法权", 3)
        opened.sync()
        assert opened.verify().problems == ()


def test_an_index_of_another_catalog_is_not_trusted(index, catalog, tmp_path):
    index.close()
    with Catalog.open(tmp_path / "other", BuiltWith(EMBEDDER.name, 320), create=True) as other:
        for source in ("x", "y", "z"):
            other.put_report(stored_report(f"{source}.txt", f"{source}街道依法行政。"))
    for name in ("chroma.json", "lexical"):
        source = catalog.store / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / "other" / name)
    shutil.copytree(catalog.store / "chroma-1", tmp_path / "other" / "chroma-1")
    with Catalog.open(tmp_path / "other") as other:
        assert "belonged to another catalog" in reopened(other)[0]


def test_a_catalog_put_back_to_an_earlier_time_is_told(index, catalog):
    index.close()
    earlier = (catalog.store / "earlier.sqlite").absolute()
    with (
        closing(sqlite3.connect(catalog.store / "catalog.sqlite")) as source,
        closing(sqlite3.connect(earlier)) as copy,
    ):
        source.backup(copy)
    catalog.put_report(stored_report("d.txt", "运用无人机巡查河道。"))
    reopened(catalog)
    catalog.close()
    for log in catalog.store.glob("catalog.sqlite-*"):
        log.unlink()
    (catalog.store / "catalog.sqlite").write_bytes(earlier.read_bytes())  # as where the log with the latest is lost
    with Catalog.open(catalog.store) as put_back:
        assert "reports taken in since may be missing; run `python ingest.py`" in reopened(put_back)[0]


def test_rows_that_differ_from_the_catalog_are_counted(index, catalog):
    collection = index._vector._collection
    first, second = catalog.vectors().ids[:2]
    collection.delete([str(first)])
    collection.upsert([str(second)], np.ones((1, 64), np.float32), [{"report_id": "x", "section_kind": "plan"}])
    collection.upsert(["strange"], np.ones((1, 64), np.float32), [{"report_id": "x", "section_kind": "plan"}])
    assert index.verify().problems == (
        "vector index: 1 chunks of the catalog are missing",
        "vector index: 1 rows are not in the catalog",
        "vector index: 1 rows differ from the catalog",
    )


def test_while_another_process_owns_chroma_others_search_exactly_and_say_so(index, catalog):
    index.close()
    command = [sys.executable, "-c", HOLD_CHROMA, str(catalog.store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with Index.open(catalog, owner=True) as second:
            assert nearest(second, catalog, "不具备行政执法权") == ["街道不具备行政执法权。"]
            catalog.put_report(stored_report("d.txt", "运用无人机巡查河道。"))
            second.sync()
            assert nearest(second, catalog, "无人机巡查河道") == ["运用无人机巡查河道。"]
            assert f"process {holder.pid} since" in second.verify().notes[0]
            with pytest.raises(StoreLocked, match=f"process {holder.pid} since"):
                second.rebuild()
        holder.communicate()
    assert reopened(catalog) == ()


def test_a_reader_of_a_large_store_takes_chroma_if_it_is_free(index, catalog, monkeypatch):
    index.close()
    monkeypatch.setattr(facade, "EXACT_UP_TO", 3)
    with Index.open(catalog) as reader:
        assert nearest(reader, catalog, "不具备行政执法权") == ["街道不具备行政执法权。"]
        assert reader.owns_vector and reader._vector._collection is not None


def test_a_full_disk_is_told_with_what_to_do(index, catalog, monkeypatch):
    catalog.put_report(stored_report("d.txt", "运用无人机巡查河道。"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rag.index.lexical.save", full)
    with pytest.raises(StoreError, match="No space left on device.*python -m rag rebuild"):
        index.sync()
    assert nearest(index, catalog, "无人机巡查河道") == ["运用无人机巡查河道。"]


@pytest.mark.parametrize("chosen", [None, [], [4], [0, 3, 4, 9, 10, 11], range(40)], ids=str)
def test_some_rows_of_a_table_are_searched_as_a_table_of_their_own(chosen, monkeypatch):
    monkeypatch.setattr("rag.index.exact.AT_ONCE", 4)
    ids = np.array([f"c{number}" for number in range(40)])
    matrix = np.random.default_rng(7).normal(size=(40, 8)).astype(np.float32)
    table = VectorTable(ids, ids, np.array(["plan", "other"] * 20), matrix)
    rows = VectorRows(table, None if chosen is None else np.array(chosen, dtype=np.intp))
    for some in (rows, rows.of_kinds(["plan"])):
        found = exact.search(some, matrix[0], 3)
        alone = exact.search(VectorRows(some.taken()), matrix[0], 3)
        assert [hit.chunk_id for hit in found] == [hit.chunk_id for hit in alone]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in alone], abs=1e-5)
