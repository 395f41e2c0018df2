from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from rag.catalog import UNKNOWN_HOLDER, BuiltWith, Catalog, ProcessLock
from rag.catalog.postgres import AdvisoryLock
from rag.embedding import HashEmbedder
from rag.errors import MetadataError, ModelMismatch, StoreError, StoreLocked, UnreadableFile
from rag.index import Index
from rag.ingestion import correct_report, ingest, ingest_into_store
from rag.ingestion.writer import one_writer
from rag.settings import load_settings
from rag.structure import MetaOverrides
from rag.types import Filters

HOLD_WRITER_LOCK = """
import sys
from rag.catalog import WRITER_LOCK, Catalog
from rag.settings import load_settings
settings = load_settings()
catalog = Catalog.open(settings.store, url=settings.catalog_url)
lock = catalog.lock(WRITER_LOCK)
assert lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


class CountingEmbedder(HashEmbedder):
    """Keeps what it is asked to embed."""

    def __init__(self):
        super().__init__(64)
        self.texts = []

    def embed_passages(self, texts, on_progress=None):
        self.texts += texts
        return super().embed_passages(texts, on_progress)


class Hindered(CountingEmbedder):
    """Waits for something to happen before it embeds anything but the first texts."""

    def __init__(self, happened, seconds):
        super().__init__()
        self.happened, self.seconds, self.waited = happened, seconds, []

    def embed_passages(self, texts, on_progress=None):
        if self.texts:
            self.waited.append(self.happened.wait(self.seconds))
        return super().embed_passages(texts, on_progress)


class Workshop:
    """A folder of reports and a store."""

    def __init__(self, root, catalog_url):
        self.reports, self.store = root / "reports", root / "store"
        self.reports.mkdir()
        self.embedder = CountingEmbedder()
        self.settings = load_settings(store=self.store, embedding_model="hash", catalog_url=catalog_url)

    def write(self, name, *statements, office="青禾街道办事处", year=2023):
        title = f"{office}{year}年法治政府建设情况报告"
        text = "\n\n".join([title, "一、主要做法", *statements, "二、存在的不足", f"{office}执法人员不足。"])
        path = self.reports / name
        path.write_text(text, encoding="utf-8")
        return path

    def open_catalog(self, built_with=None, create=False):
        return Catalog.open(self.store, built_with, create=create, url=self.settings.catalog_url)

    def environment(self):
        url = self.settings.catalog_url
        return os.environ | {"RAG_STORE": str(self.store), "RAG_CATALOG_URL": url.get_secret_value() if url else ""}

    @contextmanager
    def opened(self):
        built_with = BuiltWith.of(self.embedder, self.settings)
        with self.open_catalog(built_with, create=True) as catalog, Index.open(catalog, owner=True) as index:
            yield catalog, index

    def ingest(self, *paths, **options):
        self.embedder.texts = []
        with self.opened() as (catalog, index):
            return ingest(
                list(paths) or [self.reports],
                settings=self.settings,
                catalog=catalog,
                index=index,
                embedder=self.embedder,
                **options,
            )

    def sources(self):
        with self.opened() as (catalog, _):
            return sorted(meta.source for meta in catalog.report_metas())

    def problems(self):
        with self.opened() as (_, index):
            return index.verify().problems


@pytest.fixture
def workshop(tmp_path, catalog_url):
    return Workshop(tmp_path, catalog_url)


def test_a_folder_goes_in_whole(workshop):
    workshop.write("a.txt", "办结信访案件26件。")
    workshop.write("b.md", "聘请法律顾问审查合同。", office="云岭街道办事处")
    summary = workshop.ingest()

    assert summary.added == ("a.txt", "b.md")
    assert summary.failures == ()
    assert summary.chunks == summary.embedded == len(workshop.embedder.texts) > 0
    assert 0 < summary.embedding_seconds < summary.seconds
    assert workshop.problems() == ()
    with workshop.opened() as (catalog, index):
        (meta,) = catalog.report_metas(Filters(offices=("云岭",)))
        assert (meta.source, meta.office, meta.year) == ("b.md", "云岭街道办事处", 2023)
        assert index.lexical("法律顾问", 1)[0].chunk_id.startswith(meta.id)


def test_an_unchanged_folder_is_neither_parsed_nor_embedded_again(workshop, monkeypatch):
    workshop.write("a.txt", "办结信访案件26件。")
    workshop.write("copy.txt", "办结信访案件26件。")
    workshop.ingest()
    monkeypatch.setattr("rag.reading.readers.LocalReader.submit", lambda *_: pytest.fail("read again"))
    monkeypatch.setattr(workshop.embedder, "embed_passages", lambda *_: pytest.fail("embedded again"))
    monkeypatch.setattr("rag.index.folder.ChromaProcess", lambda *_: pytest.fail("opened Chroma for nothing"))

    summary = workshop.ingest()
    assert summary.unchanged == ("a.txt",)
    assert summary.duplicates == (("copy.txt", "a.txt"),)
    assert (summary.chunks, summary.embedded, summary.added) == (0, 0, ())


def test_a_changed_file_is_replaced_and_only_what_is_new_in_it_embedded(workshop):
    long = "完善行政执法三项制度，" * 40
    workshop.write("a.txt", f"{long}开展培训。", f"{long}办结信访案件26件。")
    first = workshop.ingest()
    workshop.write("a.txt", f"{long}开展培训。", f"{long}办结信访案件31件。")
    summary = workshop.ingest()

    assert summary.replaced == ("a.txt",)
    assert summary.chunks == first.chunks > 1
    assert 0 < summary.embedded < summary.chunks
    with workshop.opened() as (catalog, _):
        texts = [paragraph.text for paragraphs in catalog.paragraphs().values() for paragraph in paragraphs]
    assert any("31件" in text for text in texts)
    assert not any("26件" in text for text in texts)
    assert workshop.problems() == ()


def test_texts_are_embedded_once_however_often_they_stand(workshop):
    for name in ("a.txt", "b.txt", "c.txt"):
        workshop.write(name, "开展法治宣传。" * 200, f"{name}办结信访案件。" * 100)
    summary = workshop.ingest()
    assert len(set(workshop.embedder.texts)) == len(workshop.embedder.texts) == summary.embedded < summary.chunks


def test_a_text_of_the_group_under_way_is_not_embedded_again(workshop):
    workshop.embedder = Hindered(threading.Event(), 0.3)
    for name in ("a.txt", "b.txt"):
        workshop.write(name, f"{name}的工作。", "全年受理信访案件26件。" * 60)
    summary = workshop.ingest()
    assert len(summary.added) == 2
    assert len(set(workshop.embedder.texts)) == len(workshop.embedder.texts) == summary.embedded < summary.chunks


def test_reports_are_committed_while_others_are_embedded(workshop):
    came_in = threading.Event()
    workshop.embedder = Hindered(came_in, 30)
    for number in range(3):
        workshop.write(f"{number}.txt", f"第{number}项工作。")
    workshop.ingest(on_progress=lambda event: came_in.set() if event.outcome == "added" else None)
    assert workshop.embedder.waited
    assert all(workshop.embedder.waited)


def test_who_stops_need_not_wait_for_what_is_being_embedded(workshop):
    class Slow(HashEmbedder):
        begun = finished = 0

        def embed_passages(self, texts, on_progress=None):
            self.begun += len(texts)
            for _ in texts:
                time.sleep(0.05)
                on_progress(1)
                self.finished += 1
            return super().embed_passages(texts)

    workshop.embedder = Slow(64)
    workshop.write("a.txt", *(f"第{number}项工作有序开展。" * 60 for number in range(40)))
    events = []
    assert workshop.ingest(on_progress=events.append, stop=lambda: bool(events)).added == ()
    assert workshop.embedder.finished < workshop.embedder.begun


def test_the_same_content_under_another_name_is_told_every_time_and_taken_once(workshop):
    workshop.write("a.txt", "办结信访案件26件。")
    (workshop.reports / "b.txt").write_bytes((workshop.reports / "a.txt").read_bytes())
    # the same paragraphs in other bytes
    text = (workshop.reports / "a.txt").read_text(encoding="utf-8")
    (workshop.reports / "c.txt").write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))

    for _ in range(2):
        summary = workshop.ingest()
        assert summary.duplicates == (("b.txt", "a.txt"), ("c.txt", "a.txt"))
        assert workshop.sources() == ["a.txt"]


def test_bad_files_keep_no_other_out_and_each_is_named_with_its_reason(workshop, monkeypatch):
    workshop.write("good.txt", "办结信访案件26件。")
    (workshop.reports / "empty.txt").write_bytes(b"")
    workshop.write("strange.txt", "怪事。")
    from rag.structure import parse_report

    def fragile(document, overrides=None):
        if document.source == "strange.txt":
            raise ZeroDivisionError("never thought of")
        return parse_report(document, overrides)

    monkeypatch.setattr("rag.reading.file.parse_report", fragile)
    summary = workshop.ingest()

    assert summary.added == ("good.txt",)
    reasons = {os.path.basename(failure.path): failure.reason for failure in summary.failures}
    assert "empty" in reasons["empty.txt"]
    assert reasons["strange.txt"] == "unexpected ZeroDivisionError: never thought of"
    assert workshop.sources() == ["good.txt"]


def test_a_file_over_the_size_limit_fails_unread(workshop):
    workshop.write("big.txt", "办结信访案件26件。" * 10_000)
    workshop.settings = load_settings(store=workshop.store, embedding_model="hash", max_file_mb=0.1)
    summary = workshop.ingest()
    assert "RAG_MAX_FILE_MB" in summary.failures[0].reason


def test_a_report_that_became_unreadable_stays_as_it_was(workshop):
    path = workshop.write("a.txt", "办结信访案件26件。")
    workshop.ingest()
    path.write_bytes(b"")
    summary = workshop.ingest()
    assert summary.failures[0].reason.endswith("What was taken in from it earlier stays.")
    assert workshop.sources() == ["a.txt"]


def test_metadata_given_by_hand_win_and_stay(workshop, tmp_path):
    workshop.write("a.txt", "办结信访案件26件。")
    workshop.write("b.txt", "聘请法律顾问。", office="云岭街道办事处")
    table = tmp_path / "metadata.csv"
    table.write_text("file,region,year\na.txt,河东区,2021\nlost.txt,河西区,2020\n", encoding="utf-8")
    workshop.ingest()

    summary = workshop.ingest(metadata=table)
    assert (summary.replaced, summary.unchanged) == (("a.txt",), ("b.txt",))
    assert [source for source, _ in summary.notes if source == "lost.txt"] == ["lost.txt"]
    assert workshop.ingest().unchanged == ("a.txt", "b.txt"), "what the table said stays without it"
    workshop.write("a.txt", "办结信访案件27件。")
    workshop.ingest()
    with workshop.opened() as (catalog, index):
        (meta,) = catalog.report_metas(Filters(years=(2021,)))
        assert (meta.source, meta.region) == ("a.txt", "河东区")
        assert index.verify().problems == ()


def test_metadata_that_change_no_embedded_text_cost_no_embedding(workshop, tmp_path):
    workshop.write("a.txt", "办结信访案件26件。")
    workshop.ingest()
    table = tmp_path / "metadata.csv"
    table.write_text("file,issued\na.txt,2024-01-31\n", encoding="utf-8")
    summary = workshop.ingest(metadata=table)
    assert (summary.replaced, summary.embedded) == (("a.txt",), 0)
    assert workshop.ingest().unchanged == ("a.txt",)


def test_pruning_removes_what_is_gone_from_the_folders_named_and_nothing_else(workshop, tmp_path):
    gone, copied = workshop.write("gone.txt", "甲。"), workshop.write("copied.txt", "乙。")
    workshop.write("kept.txt", "丙。")
    (workshop.reports / "copy.txt").write_bytes(copied.read_bytes())
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_text("云岭街道办事处2022年法治政府建设情况报告\n\n一、主要做法\n\n丁。", encoding="utf-8")
    workshop.ingest(workshop.reports, elsewhere)
    for path in (gone, copied, elsewhere):
        path.unlink()

    assert workshop.ingest().removed == ()
    summary = workshop.ingest(prune=True)
    assert sorted(summary.removed) == ["copied.txt", "gone.txt"]
    assert workshop.sources() == ["copy.txt", "elsewhere.txt", "kept.txt"]
    assert workshop.problems() == ()


def test_a_report_is_told_as_in_only_once_it_is(workshop):
    for number in range(3):
        workshop.write(f"{number}.txt", f"第{number}项工作。")
    told = []

    def check(event):
        if event.outcome == "added":
            with workshop.open_catalog() as reader:
                assert event.source in [meta.source for meta in reader.report_metas()]
            told.append((event.done, event.total))

    workshop.ingest(on_progress=check)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_run_stopped_keeps_what_is_in_and_the_next_completes_it(workshop):
    for number in range(5):
        workshop.write(f"{number}.txt", f"第{number}项工作。")
    events = []
    summary = workshop.ingest(
        on_progress=events.append, stop=lambda: sum(event.outcome == "added" for event in events) >= 2
    )
    assert summary.added == ("0.txt", "1.txt")
    assert workshop.sources() == ["0.txt", "1.txt"]
    assert workshop.problems() == ()
    assert workshop.ingest().added == ("2.txt", "3.txt", "4.txt")


def test_a_run_can_be_stopped_while_it_embeds(workshop):
    workshop.write("a.txt", "办结信访案件26件。")
    events = []
    summary = workshop.ingest(on_progress=events.append, stop=lambda: bool(events))
    assert (summary.added, workshop.sources()) == ((), [])
    assert workshop.ingest().added == ("a.txt",)


def test_groups_are_full_and_reports_of_all_groups_go_in(workshop, monkeypatch):
    monkeypatch.setattr("rag.ingestion.run.GROUP_CHUNKS", 4)
    monkeypatch.setattr("rag.ingestion.run.SYNC_CHUNKS", 4)
    for number in range(9):
        workshop.write(f"{number}.txt", f"第{number}项工作。")
    summary = workshop.ingest()
    assert len(summary.added) == 9
    assert workshop.problems() == ()


@contextmanager
def written_by_another(workshop):
    """Another process holds the writer lock until the block ends, or until it is told to let go."""
    command = [sys.executable, "-c", HOLD_WRITER_LOCK]
    with subprocess.Popen(
        command, env=workshop.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        yield other
        other.stdin.close()


def test_while_another_process_writes_the_run_waits_and_says_for_whom(workshop):
    workshop.write("a.txt", "办结信访案件26件。")
    workshop.ingest()
    workshop.write("b.txt", "聘请法律顾问3名。")
    with written_by_another(workshop) as other:
        told = []

        def on_progress(event):
            if event.outcome == "waiting":
                told.append(event.detail)
                other.stdin.close()

        assert workshop.ingest(on_progress=on_progress).added == ("b.txt",)
    assert len(told) == 1 and told[0].startswith(f"process {other.pid} since ")


def test_a_lock_given_back_while_it_is_looked_at_is_not_told_as_another_writer(workshop, monkeypatch):
    workshop.write("a.txt", "办结信访案件26件。")
    workshop.ingest()
    workshop.write("b.txt", "聘请法律顾问3名。")
    looks = iter(["process 7 since noon", UNKNOWN_HOLDER])
    with written_by_another(workshop) as other:
        told = []

        def holder(lock):
            look = next(looks)
            if look == UNKNOWN_HOLDER:
                monkeypatch.undo()
                other.stdin.close()
            return look

        for lock in (ProcessLock, AdvisoryLock):
            monkeypatch.setattr(lock, "holder", holder)
        summary = workshop.ingest(on_progress=lambda event: event.outcome == "waiting" and told.append(event.detail))
    assert summary.added == ("b.txt",)
    assert told[0] == "process 7 since noon" and UNKNOWN_HOLDER not in told


def test_another_process_that_writes_on_and_on_is_named_with_what_to_do(workshop):
    workshop.write("a.txt", "办结信访案件26件。")
    workshop.ingest()
    workshop.write("b.txt", "聘请法律顾问3名。")
    workshop.settings = workshop.settings.model_copy(update={"wait_s": 0.2})
    with (
        written_by_another(workshop) as other,
        pytest.raises(StoreLocked, match=f"process {other.pid} since .* Wait for it to finish.*RAG_WAIT_S"),
    ):
        workshop.ingest()
    assert workshop.ingest().added == ("b.txt",)


def test_a_run_stopped_while_it_waits_ends(workshop):
    workshop.write("a.txt", "办结信访案件26件。")
    workshop.ingest()
    workshop.write("b.txt", "聘请法律顾问3名。")
    workshop.settings = workshop.settings.model_copy(update={"wait_s": 0.5})
    events = []
    with written_by_another(workshop), pytest.raises(StoreLocked):
        workshop.ingest(on_progress=events.append, stop=lambda: any(event.outcome == "waiting" for event in events))
    assert workshop.sources() == ["a.txt"]


def test_who_waited_writes_before_who_wrote_last(workshop):
    order, waiting = [], threading.Event()
    with workshop.opened() as (catalog, _), workshop.opened() as (other, _):
        with one_writer(catalog, 10):

            def wait_and_write():
                with one_writer(other, 10, lambda holder: waiting.set()):
                    order.append("waiting")

            thread = threading.Thread(target=wait_and_write)
            thread.start()
            assert waiting.wait(10)
        with one_writer(catalog, 10):
            order.append("again")
        thread.join()
    assert order == ["waiting", "again"]


class Meddling(CountingEmbedder):
    """Lets another writer do something while it embeds."""

    def __init__(self, meddle):
        super().__init__()
        self.meddle = [meddle]

    def embed_passages(self, texts, on_progress=None):
        if self.meddle:
            self.meddle.pop()()
        return super().embed_passages(texts, on_progress)


def meddled(workshop, meddle):
    """Ingest, with another writer at work between reading and committing."""
    plain, workshop.embedder = workshop.embedder, Meddling(meddle)
    try:
        return workshop.ingest()
    finally:
        workshop.embedder = plain


def test_a_file_that_another_writer_took_in_meanwhile_is_in_once(workshop):
    workshop.write("a.txt", "办结信访案件26件。")
    summary = meddled(workshop, lambda: ingest_in_other_objects(workshop))
    assert (summary.added, summary.unchanged) == ((), ("a.txt",))
    assert workshop.sources() == ["a.txt"] and workshop.problems() == ()


def test_a_text_that_another_writer_took_in_from_elsewhere_is_a_duplicate(workshop, tmp_path):
    path = workshop.write("a.txt", "办结信访案件26件。")
    copy = tmp_path / "copy.txt"
    copy.write_bytes(path.read_bytes())
    summary = meddled(workshop, lambda: ingest_in_other_objects(workshop, copy))
    assert summary.duplicates == (("a.txt", "copy.txt"),)
    assert workshop.sources() == ["copy.txt"] and workshop.problems() == ()


def test_a_correction_by_hand_made_meanwhile_is_not_lost(workshop):
    workshop.write("a.txt", "办结信访案件26件。")
    workshop.ingest()
    workshop.write("a.txt", "办结信访案件27件。")

    def correct():
        with workshop.opened() as (catalog, index):
            (meta,) = catalog.report_metas()
            correct_report(
                meta.id, MetaOverrides(year=2019), catalog=catalog, index=index, embedder=CountingEmbedder(),
                chunk_tokens=320, wait_s=5,
            )  # fmt: skip

    assert meddled(workshop, correct).replaced == ("a.txt",)
    with workshop.opened() as (catalog, _):
        (meta,) = catalog.report_metas()
        assert meta.year == 2019
        assert any("27件" in each.text for texts in catalog.paragraphs().values() for each in texts)
    assert workshop.problems() == ()


def ingest_in_other_objects(workshop, *paths):
    embedder = CountingEmbedder()
    built_with = BuiltWith.of(embedder, workshop.settings)
    with workshop.open_catalog(built_with, create=True) as catalog, Index.open(catalog) as index:
        ingest(
            list(paths) or [workshop.reports],
            settings=workshop.settings, catalog=catalog, index=index, embedder=embedder,
        )  # fmt: skip


def test_a_full_disk_stops_the_run_with_what_is_in_kept(workshop, monkeypatch):
    for number in range(3):
        workshop.write(f"{number}.txt", f"第{number}项工作。")
    put = Catalog.put_report

    def fills_up(catalog, stored):
        if stored.report.meta.source == "1.txt":
            raise StoreError("No space left")
        put(catalog, stored)

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "put_report", fills_up)
        with pytest.raises(StoreError, match="No space left"):
            workshop.ingest()
    assert workshop.sources() == ["0.txt"]
    assert workshop.ingest().added == ("1.txt", "2.txt")


def test_a_wrong_path_or_table_leaves_no_store_behind(workshop, tmp_path):
    with pytest.raises(UnreadableFile):
        ingest_into_store([tmp_path / "nowhere"], workshop.settings)
    with pytest.raises(MetadataError):
        ingest_into_store([workshop.reports], workshop.settings, metadata=tmp_path / "no.csv")
    assert not workshop.store.exists()


def test_a_store_of_another_model_is_refused(workshop):
    workshop.write("a.txt", "办结信访案件26件。")
    workshop.ingest()
    with pytest.raises(ModelMismatch, match="'hash:64' in the store, 'hash:512' in the settings"):
        ingest_into_store([workshop.reports], workshop.settings)
