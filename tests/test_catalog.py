from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored_reports import stored_report

from rag.catalog import BuiltWith, Catalog, matching_offices
from rag.errors import DamagedFile, ModelMismatch, StoreDamaged, StoreError
from rag.types import Filters, ReportMeta, SectionKind

BUILT_WITH = BuiltWith("model-a", 320)
STORABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@pytest.fixture
def open_catalog(tmp_path, catalog_url):
    """Open the same catalog, on one engine or the other."""
    return partial(Catalog.open, tmp_path / "store", url=catalog_url)


@pytest.fixture
def catalog(open_catalog):
    with open_catalog(BUILT_WITH, create=True) as opened:
        yield opened


def test_a_report_comes_back_as_it_was_put_in(catalog):
    stored = stored_report("a.txt", "今年办结信访案件26件。", "执法人员不足。")
    meta = replace(stored.report.meta, issued=date(2024, 1, 31), notes=("year from the file name",))
    stored = replace(stored, report=replace(stored.report, meta=meta))

    catalog.put_report(stored)

    assert catalog.report(meta.id) == stored.report
    assert catalog.report_chunks(meta.id) == stored.chunks
    assert catalog.paragraphs()[meta.id] == stored.report.paragraphs
    assert catalog.paragraph(meta.id, 2) == stored.report.paragraphs[1]
    assert list(catalog.chunks([stored.chunks[1].id, "unknown", stored.chunks[0].id])) == [
        stored.chunks[1].id,
        stored.chunks[0].id,
    ]
    assert catalog.paragraphs_of_chunks([stored.chunks[1].id, "unknown", stored.chunks[0].id]) == {
        chunk.id: list(dict.fromkeys((meta.id, span.paragraph) for span in chunk.spans)) for chunk in stored.chunks
    }
    np.testing.assert_array_equal(catalog.vectors().matrix, stored.matrix)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=1, max_size=3
    )
)
def test_any_text_comes_back_to_the_character(catalog, statements):
    stored = stored_report("any.txt", *statements)
    catalog.put_report(stored)
    assert catalog.report(stored.report.meta.id) == stored.report
    assert catalog.report_chunks(stored.report.meta.id) == stored.chunks


def test_a_text_of_megabytes_comes_back(catalog):
    stored = stored_report("long.txt", "街道不具备行政执法权。" * 200_000)
    catalog.put_report(stored)
    assert catalog.report(stored.report.meta.id) == stored.report


@pytest.mark.parametrize("text", ["办结\0信访案件", "办结\ud83d信访案件"])
def test_text_that_no_database_holds_is_refused_with_the_file_and_the_place(catalog, text):
    with pytest.raises(DamagedFile, match=r"'a\.txt' has a NUL or half a character in its paragraph 2.*Save it"):
        catalog.put_report(_with_text(stored_report("a.txt", "办结信访案件"), text))
    assert catalog.metas() == {}
    assert catalog.report(text) is None and catalog.paragraph(text, 1) is None and catalog.report_path(text) is None
    assert catalog.chunks([text]) == catalog.paragraphs([text]) == {}
    assert len(catalog.vectors([text]).ids) == 0
    assert catalog.paragraph("0" * 12, 10**12) is None


def _with_text(stored, text):
    first, second = stored.report.paragraphs
    return replace(stored, report=replace(stored.report, paragraphs=(first, replace(second, text=text))))


def test_a_file_name_that_is_no_text_is_refused(catalog):
    stored = stored_report("a.txt", "甲。")
    catalog.put_report(stored)
    with pytest.raises(DamagedFile, match="Rename the file"):
        catalog.put_duplicate(replace(stored.file, path="/reports/b\udcff.txt"))


def test_reports_chunks_and_files_come_in_the_same_order_on_every_engine(catalog):
    regions, offices = (
        ["河东区", "é区", "Z区", "a区", "_区", None, "ß区"],
        ["啊街道", "中街道", "A街道", "b街道", "-街道", "10", "9"],
    )
    names = [f"{name}.txt" for name in ("ä", "Z", "a", "_", "中", "啊", "10")]
    for number, (region, office, name) in enumerate(zip(regions, offices, names, strict=True)):
        catalog.put_report(stored_report(name, f"第{number}项。", region=region, office=office))
    metas = list(catalog.metas().values())
    assert metas == sorted(metas, key=lambda meta: (meta.region or "\uffff", meta.office))
    assert list(catalog.files()) == sorted(f"/reports/{name}" for name in names)
    written = [row[3] for row in catalog.chunk_texts()]
    assert [text[-4:] for text in written] == [f"第{number}项。" for number in range(7)]
    catalog.put_report(stored_report("啊.txt", "另一项。", "两段。"))
    assert [row[3].splitlines()[-1] for row in catalog.chunk_texts()][-2:] == ["另一项。", "两段。"]


def test_a_text_known_from_any_report_has_its_vector(catalog):
    first, second = stored_report("a.txt", "甲。", "同样的话。"), stored_report("b.txt", "乙。", "同样的话。")
    catalog.put_report(first)
    catalog.put_report(second)
    texts = [chunk.embedding_text for chunk in (*first.chunks, *second.chunks)]
    found = catalog.vectors_of_texts([*texts, "没有的话。"])
    assert found.keys() == set(texts) and len(found) == 3
    np.testing.assert_array_equal(found[first.chunks[1].embedding_text], first.matrix[1])
    assert catalog.vectors_of_texts([]) == {}


def test_texts_of_one_hash_are_told_apart(catalog, monkeypatch):
    monkeypatch.setattr("rag.catalog.rows.text_hash", lambda text: 7)
    monkeypatch.setattr("rag.catalog.read.text_hash", lambda text: 7)
    stored = stored_report("a.txt", "甲。", "乙。")
    catalog.put_report(stored)
    found = catalog.vectors_of_texts([stored.chunks[1].embedding_text, "丙。"])
    assert list(found) == [stored.chunks[1].embedding_text]
    np.testing.assert_array_equal(found[stored.chunks[1].embedding_text], stored.matrix[1])


def test_what_is_not_there_is_none(catalog):
    assert catalog.report("0" * 12) is None
    assert catalog.paragraph("0" * 12, 1) is None
    assert catalog.report_path("0" * 12) is None
    assert catalog.paragraphs(["0" * 12]) == {}
    assert len(catalog.vectors().ids) == 0


def test_a_changed_file_replaces_its_report_and_its_vectors(catalog):
    old, new = stored_report("a.txt", "旧的内容。"), stored_report("a.txt", "新的内容。", "还有不足。")
    catalog.put_report(old)
    before = catalog.change_counter()
    catalog.put_report(new)

    assert list(catalog.metas()) == [new.report.meta.id]
    assert list(catalog.vectors().ids) == [chunk.id for chunk in new.chunks]
    assert catalog.chunk_count() == 2
    _, changed, removed = catalog.changes_since(before)
    assert [chunk_id for table in changed for chunk_id in table.ids] == [chunk.id for chunk in new.chunks]
    assert removed == [old.chunks[0].id]


def test_the_same_content_twice_is_taken_once_and_told(catalog):
    stored = stored_report("a.txt", "同样的内容。")
    catalog.put_report(stored)
    catalog.put_duplicate(replace(stored.file, path="/reports/copy.txt", source="copy.txt"))

    (row,) = catalog.inventory()
    assert (row.path, row.duplicates) == ("/reports/a.txt", ("/reports/copy.txt",))
    assert (row.paragraphs, row.chunks) == (2, 1)


def test_a_duplicate_takes_over_when_the_original_goes(catalog):
    stored = stored_report("a.txt", "同样的内容。")
    catalog.put_report(stored)
    catalog.put_duplicate(replace(stored.file, path="/reports/copy.txt", source="copy.txt"))

    catalog.remove_file("/reports/a.txt")
    (row,) = catalog.inventory()
    assert (row.path, row.meta.source, row.duplicates) == ("/reports/copy.txt", "copy.txt", ())

    catalog.remove_file("/reports/copy.txt")
    assert catalog.inventory() == []
    assert catalog.chunk_count() == 0


def test_a_file_that_becomes_a_copy_of_another_leaves_no_old_report(catalog):
    first, second = stored_report("a.txt", "甲。"), stored_report("b.txt", "乙。")
    catalog.put_report(first)
    catalog.put_report(second)
    catalog.put_duplicate(replace(second.file, report_id=first.report.meta.id))
    assert list(catalog.metas()) == [first.report.meta.id]
    assert catalog.check() == []


def test_a_report_that_fails_half_way_leaves_nothing(catalog):
    good = stored_report("a.txt", "甲。", "乙。")
    bad = replace(good, matrix=good.matrix[:1])
    with pytest.raises(ValueError, match="shorter"):
        catalog.put_report(bad)
    assert catalog.metas() == {}
    assert catalog.change_counter() == 0
    catalog.put_report(good)
    assert len(catalog.metas()) == 1


def test_vectors_can_be_had_of_some_reports_and_sections(catalog):
    first, second = stored_report("a.txt", "甲。", "甲的不足。"), stored_report("b.txt", "乙。", "乙的不足。")
    catalog.put_report(first)
    catalog.put_report(second)
    assert list(catalog.vectors([second.report.meta.id]).ids) == [chunk.id for chunk in second.chunks]
    problems = catalog.vectors(section_kinds=[SectionKind.PROBLEMS])
    assert list(problems.ids) == [first.chunks[1].id, second.chunks[1].id]
    assert len(catalog.vectors([]).ids) == 0


@pytest.mark.parametrize(("kept_at_once", "kept_at_most"), [(0, 0), (0, 1_000)])
def test_vectors_of_some_reports_are_the_same_kept_or_read_anew(catalog, monkeypatch, kept_at_once, kept_at_most):
    monkeypatch.setattr("rag.catalog.vector_cache.KEPT_AT_ONCE", kept_at_once)
    monkeypatch.setattr("rag.catalog.vector_cache.KEPT_AT_MOST", kept_at_most)
    first, second = stored_report("a.txt", "甲。", "甲的不足。"), stored_report("b.txt", "乙。", "乙的不足。")
    catalog.put_report(first)
    catalog.put_report(second)
    for _ in range(3):
        found = catalog.vectors([second.report.meta.id])
        assert list(found.ids) == [chunk.id for chunk in second.chunks]
        np.testing.assert_array_equal(found.matrix, second.matrix)
    catalog.remove_file(second.file.path)
    assert len(catalog.vectors([second.report.meta.id]).ids) == 0


def test_a_reader_sees_what_another_writer_commits(catalog, open_catalog):
    with open_catalog(BUILT_WITH) as reader:
        assert reader.report_metas() == []
        assert len(reader.vectors().ids) == 0
        catalog.put_report(stored_report("a.txt", "甲。"))
        assert [meta.source for meta in reader.report_metas()] == ["a.txt"]
        assert len(reader.vectors().ids) == 1


OFFICES = [
    ReportMeta(
        "1", "1.txt", office="新桥街道办事处", office_variants=("新桥街道办", "新桥街道"), region="河东区", year=2022
    ),
    ReportMeta("2", "2.txt", office="东新桥街道办事处", office_variants=("东新桥街道",), region="河东区", year=2023),
    ReportMeta("3", "3.txt", office="新桥街道办事处", office_variants=("新桥街道",), region="山南县", year=2023),
    ReportMeta("4", "4.txt"),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("新桥街道办事处", {"1", "3"}),
        ("新桥街道", {"1", "3"}),
        ("新橋街道", {"1", "3"}),
        ("山南县新桥街道办事处", {"3"}),
        ("新桥", {"1", "2", "3"}),
        ("东新桥", {"2"}),
        ("桥", set()),
        ("西湖", set()),
        ("  ", set()),
    ],
)
def test_an_office_is_found_in_any_of_its_forms(name, expected):
    assert matching_offices(OFFICES, name) == expected


def test_filters_all_hold_together_and_unknown_satisfies_none(catalog):
    catalog.put_report(stored_report("a.txt", "甲。", office="新桥街道办事处", year=2022))
    catalog.put_report(stored_report("b.txt", "乙。", office="新桥街道办事处", year=2023))
    catalog.put_report(stored_report("c.txt", "丙。", office="东新桥街道办事处", year=2023))
    catalog.put_report(stored_report("d.txt", "丁。", office=None, region=None, year=None))

    def sources(**filters):
        return [meta.source for meta in catalog.report_metas(Filters(**filters))]

    assert sources() == ["c.txt", "a.txt", "b.txt", "d.txt"]
    assert sources(offices=("新桥街道办事处",), years=(2023,)) == ["b.txt"]
    assert sources(regions=("河东",)) == ["c.txt", "a.txt", "b.txt"]
    assert sources(years=(2019,)) == []
    assert sources(reports=(catalog.report_metas()[3].id,)) == ["d.txt"]
    assert sources(offices=("西湖街道",)) == []


@pytest.mark.usefixtures("catalog")
def test_another_model_is_refused_with_both_names_and_the_way_out(open_catalog):
    with pytest.raises(ModelMismatch, match="'model-a' in the store, 'model-b' in the settings") as caught:
        open_catalog(BuiltWith("model-b", 320))
    assert "python ingest.py PATH… --store NEW_FOLDER" in str(caught.value)
    with pytest.raises(ModelMismatch, match="320 in the store, 512 in the settings"):
        open_catalog(BuiltWith("model-a", 512), create=True)


def test_vectors_of_another_length_are_refused(catalog):
    catalog.put_report(stored_report("a.txt", "甲。"))
    other = stored_report("b.txt", "乙。")
    with pytest.raises(ModelMismatch, match="64 dimensions"):
        catalog.put_report(replace(other, matrix=np.ones((1, 32), np.float32)))
    assert catalog.chunk_count() == 1


def test_a_missing_store_is_told_with_the_command_that_builds_one(tmp_path):
    with pytest.raises(StoreError, match="python ingest.py"):
        Catalog.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_catalog_is_refused_with_the_way_back(tmp_path):
    (tmp_path / "catalog.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreDamaged, match="backup"):
        Catalog.open(tmp_path)


def test_a_lock_is_held_once_and_tells_by_whom(catalog, open_catalog):
    with open_catalog() as other:
        first, second = catalog.lock("write.lock"), other.lock("write.lock")
        assert first.acquire() and first.acquire() and first.held
        assert not second.acquire() and not second.held
        assert second.holder().startswith(f"process {os.getpid()} since 20")
        elsewhere = other.lock("other.lock")
        assert elsewhere.acquire()
        elsewhere.release()
        first.release()
        first.release()
        assert not first.held
        assert second.acquire()
        second.release()


HOLD_LOCK = """
import sys
from pathlib import Path
from pydantic import SecretStr
from rag.catalog import Catalog
catalog = Catalog.open(Path(sys.argv[1]), url=SecretStr(sys.argv[2]) if sys.argv[2] else None)
lock = catalog.lock("write.lock")
assert lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_goes_with_its_process_however_that_ends(catalog, catalog_url):
    lock = catalog.lock("write.lock")
    url = catalog_url.get_secret_value() if catalog_url else ""
    command = [sys.executable, "-c", HOLD_LOCK, str(catalog.store), url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert not lock.acquire()
        assert f"process {other.pid} since" in lock.holder()
        other.kill()
        other.wait()
    deadline = time.monotonic() + 10
    while not lock.acquire():
        assert time.monotonic() < deadline
    lock.release()


def test_writers_wait_for_one_another_and_none_is_lost(catalog, open_catalog):
    """Four writers at once, each with its own connection."""

    def write(writer):
        with open_catalog() as own:
            for number in range(5):
                own.put_report(stored_report(f"{writer}-{number}.txt", f"第{writer}人的第{number}项。"))

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, range(4)))
    assert len(catalog.metas()) == 20 == catalog.change_counter()
    assert catalog.check() == []


def test_two_that_make_the_same_catalog_at_once_make_one(open_catalog):
    def make(number):
        with open_catalog(BUILT_WITH, create=True) as own:
            return own.catalog_id()

    with ThreadPoolExecutor() as pool:
        assert len(set(pool.map(make, range(6)))) == 1


def test_a_store_that_cannot_be_written_can_be_read(tmp_path, monkeypatch):
    folder = tmp_path / "读 only?#%20"
    stored = stored_report("a.txt", "甲。")
    with Catalog.open(folder, BUILT_WITH, create=True) as writer:
        writer.put_report(stored)
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.setattr("rag.catalog.sqlite.os.access", lambda *_: False)
    with Catalog.open(folder, BUILT_WITH) as reader:
        assert reader.report(stored.report.meta.id) == stored.report
        with pytest.raises(StoreError, match="read-only"):
            reader.put_report(stored_report("b.txt", "乙。"))
    assert sorted(path.name for path in folder.iterdir()) == before
