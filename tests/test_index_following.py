"""A serving process follows what other processes write, without keeping questions waiting."""

from __future__ import annotations

import threading
import time

import pytest
from stored_reports import EMBEDDER, stored_report
from waiting import wait_for

from rag.catalog import BuiltWith, Catalog
from rag.index import Follower, Index, lexical
from rag.pipeline import Rag
from rag.settings import load_settings
from rag.types import SectionKind


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(tmp_path / "store", BuiltWith(EMBEDDER.name, 320), create=True) as opened:
        for number in range(8):
            opened.put_report(stored_report(f"{number}.txt", f"第{number}项举措有序开展。", f"第{number}项经费不足。"))
        yield opened


@pytest.fixture
def served(catalog):
    """An index as a serving process has it."""
    with Index.open(catalog, owner=True) as index:
        follower = Follower(index)
        yield index
        follower.stop()


def best(index, catalog, text):
    (hit,) = index.dense(EMBEDDER.embed_query(text), 1)
    return catalog.chunks([hit.chunk_id])[hit.chunk_id].text


def test_what_another_process_writes_is_found_at_once_and_then_in_both_indexes(served, catalog):
    assert wait_for(lambda: served.lagging() == ())
    with Catalog.open(catalog.store) as elsewhere:
        elsewhere.put_report(stored_report("new.txt", "运用无人机巡查河道。"))
    assert best(served, catalog, "无人机巡查河道") == "运用无人机巡查河道。"
    assert wait_for(lambda: served.lagging() == ())
    assert served._vector.search(EMBEDDER.embed_query("无人机"), 1, patience=60) is not None
    (hit,) = served.lexical("无人机", 1)
    assert catalog.chunks([hit.chunk_id])[hit.chunk_id].text == "运用无人机巡查河道。"
    assert served.verify().problems == ()


def test_an_index_behind_is_asked_for_the_rest_where_exact_search_would_take_long(catalog, monkeypatch):
    monkeypatch.setattr("rag.index.search.EXACT_UP_TO", 3)
    with Index.open(catalog, owner=True) as index:
        index.sync()
        catalog.put_report(stored_report("new.txt", "运用无人机巡查河道。", "无人机经费不足。"))
        catalog.put_report(stored_report("1.txt", "第1项举措改写了。"))
        catalog.remove_file("/reports/2.txt")
        for text in ("无人机", "经费不足", "举措有序开展"):
            vector = EMBEDDER.embed_query(text)
            scores = sorted(map(float, catalog.vectors().matrix @ vector), reverse=True)[:10]
            assert [hit.score for hit in index._vector.search(vector, 10, patience=60)] == pytest.approx(
                scores, abs=1e-5
            )
            kinds = [SectionKind.PROBLEMS]
            table = catalog.vectors(section_kinds=kinds)
            scores = sorted(map(float, table.matrix @ vector), reverse=True)[:3]
            hits = index._vector.search(vector, 3, [kind.value for kind in kinds], patience=60)
            assert [hit.score for hit in hits] == pytest.approx(scores, abs=1e-5)
        index._vector._collection.delete([str(catalog.vectors().ids[-1])])  # as a sync under way may have
        assert best(index, catalog, "无人机经费不足") == "无人机经费不足。"


def test_a_large_lexical_index_is_built_by_another_process_while_questions_are_answered(served, catalog, monkeypatch):
    assert wait_for(lambda: served.lagging() == ())
    monkeypatch.setattr(lexical, "IN_PROCESS_UP_TO", 3)
    monkeypatch.setattr(lexical, "build", lambda catalog: pytest.fail("built in the process that answers"))
    catalog.put_report(stored_report("new.txt", "运用无人机巡查河道。"))
    assert served.lexical("经费不足", 3), "the index behind the catalog answers until then"
    assert wait_for(lambda: served.lagging() == ())
    assert len(served.lexical("无人机", 3)) == 1
    monkeypatch.undo()
    assert served.verify().problems == ()


def test_an_index_built_by_another_process_is_the_one_built_here(catalog, tmp_path):
    rows = lexical.build_apart(tmp_path / "apart", catalog.chunk_texts(), lambda: False)
    lexical.save(lexical.build(catalog), tmp_path / "here")
    files = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert rows == catalog.chunk_count() and files == sorted(path.name for path in (tmp_path / "apart").iterdir())
    for name in files:
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "apart" / name).read_bytes()


def test_a_process_that_cannot_build_the_lexical_index_is_told(catalog, tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="FileExistsError"):
        lexical.build_apart(tmp_path / "taken", catalog.chunk_texts(), lambda: False)


def test_what_was_damaged_before_the_start_is_mended_in_the_background(catalog):
    with Index.open(catalog, owner=True) as index:
        index.sync()
    (catalog.store / "chroma-1" / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    with Index.open(catalog, owner=True) as index:
        follower = Follower(index)
        assert best(index, catalog, "第3项经费不足") == "第3项经费不足。"
        assert wait_for(lambda: index.notes and index.lagging() == ())
        follower.stop()
        assert index.notes == ("The vector index was rebuilt from the catalog: its files were changed or damaged.",)


def test_stopping_leaves_a_long_build_in_the_middle_and_loses_nothing(catalog, monkeypatch):
    writing = threading.Event()
    with Index.open(catalog, owner=True) as index:
        index.sync()
        collection = type(index._vector._collection)
        upsert = collection.upsert

        def slow(*arguments):
            writing.set()
            time.sleep(0.3)
            upsert(*arguments)

        monkeypatch.setattr(collection, "upsert", slow)
        monkeypatch.setattr("rag.index.vector.BATCH", 1)
        follower = Follower(index)
        for number in range(20):
            catalog.put_report(stored_report(f"new{number}.txt", f"新增第{number}项。"))
        assert writing.wait(30)
        started = time.monotonic()
        follower.stop()
        assert time.monotonic() - started < 5
    monkeypatch.undo()
    with Index.open(catalog, owner=True) as index:
        index.sync()
        assert index.notes == () and index.verify().problems == ()


def test_an_application_finds_what_ingest_wrote_beside_it(tmp_path):
    settings = load_settings(store=tmp_path / "store", embedding_model="hash")
    report = tmp_path / "report.txt"
    report.write_text("青石街道办事处2023年法治政府建设情况报告\n\n一、主要举措\n受理信访案件9件。\n", encoding="utf-8")
    with Rag(settings, create=True, owner=True, serving=True) as application:
        with Rag(settings, owner=True) as other:
            assert not other.ingest([report]).failures
            assert other.holder() == application.holder() != ""
        assert "9" in application.ask("青石街道2023年受理信访案件多少件").answer
        assert wait_for(lambda: application.lagging() == ())
        assert application.verify().problems == ()
