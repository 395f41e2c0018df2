"""Files and folders as they lie about on real disks: each comes in or is named, and keeps no other out."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from fault_process import rag, run, unprivileged
from fault_reports import assert_clean, editions, report
from fault_tally import count_fault

from rag.catalog import Catalog
from rag.ingestion import ingest_into_store
from rag.pipeline import Rag
from rag.reading import LocalReader
from rag.settings import load_settings
from rag.uploads import Upload

NAMES = (
    "a\nb.txt", "引'号\"“”.txt", "🎉报告.txt", "tab\there.txt", " leading and trailing .txt", "-rf.txt",
    "$(date);`id`.txt", "a\\b.txt", "%s%n{}.txt", "é\u0301.txt", "\u202etxt.gpj.txt", "REPORT.TXT", "report.txt",
    "长" * 83 + "ab.txt",
)  # fmt: skip


def settings_of(store: Path):
    return load_settings(store=store, embedding_model="hash", chunk_tokens=64)


@pytest.fixture
def reports(tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    return folder


def write(folder: Path, name: str | bytes, office: str) -> str:
    text = report(office, 1)
    with open(os.path.join(os.fsencode(folder), os.fsencode(name)), "wb") as stream:
        stream.write(text.encode())
    return text


def test_names_of_every_kind_come_in_and_are_told_on_a_line_each(reports, tmp_path):
    assert max(len(name.encode()) for name in NAMES) == 255, "as long as file systems take"
    for number, name in enumerate(NAMES):
        write(reports, name, f"第{number}号")
    done = run("ingest", reports, "--store", tmp_path / "store", "--verbose")
    stored = editions(tmp_path / "store")
    count_fault("file names of every kind", tries=len(NAMES), losses=len(set(NAMES) - set(stored)))
    assert done.code == 0 and set(stored) == set(NAMES), done.told
    assert sum(line.startswith("added ") for line in done.out.splitlines()) == len(NAMES)
    listed = rag("reports", "--store", tmp_path / "store")
    assert listed.code == 0 and "\u202e" not in listed.out + done.out
    again = run("ingest", reports, "--prune", "--store", tmp_path / "store")
    assert f"{len(NAMES)} unchanged" in again.out and "removed" not in again.out
    assert_clean(tmp_path / "store")


def test_a_name_that_is_no_text_is_told_and_the_others_come_in(reports, tmp_path):
    text = write(reports, "云岭.txt", "云岭")
    write(reports, b"\xff\xfe\xb1\xa8.txt", "石桥")
    with open(os.path.join(os.fsencode(reports), b"twin\xff.txt"), "wb") as stream:
        stream.write(text.encode())
    done = run("ingest", reports, "--store", tmp_path / "store")
    count_fault("file names that are no text", tries=2, losses=1 - len(editions(tmp_path / "store")))
    assert done.code == 1 and done.out.count("FAILED") == 2 and done.out.count("Rename the file") == 2, done.told
    assert set(editions(tmp_path / "store")) == {"云岭.txt"}


def test_what_is_no_file_is_named_and_the_others_come_in(reports, tmp_path):
    write(reports, "云岭.txt", "云岭")
    (reports / "link.txt").symlink_to(reports / "nowhere.txt")
    (reports / "loop.txt").symlink_to(reports / "loop.txt")
    os.mkfifo(reports / "pipe.txt")
    (reports / "folder.txt").mkdir()
    write(reports / "folder.txt", "白沙.txt", "白沙")
    (reports / "round").symlink_to(reports, target_is_directory=True)
    done = run("ingest", reports, "--store", tmp_path / "store")
    failed = {line.partition("FAILED: ")[2].split(": ")[0] for line in done.out.splitlines() if "FAILED" in line}
    count_fault("links and pipes among the files", tries=3, losses=2 - len(editions(tmp_path / "store")))
    assert done.code == 1 and {Path(name).name for name in failed} == {"link.txt", "loop.txt", "pipe.txt"}, done.told
    assert set(editions(tmp_path / "store")) == {"云岭.txt", "白沙.txt"}


def test_a_folder_without_permission_is_named_and_its_reports_stay(tmp_path):
    folder = Path(tempfile.mkdtemp(prefix="fault-odd-"))
    try:
        (folder / "reports" / "closed").mkdir(parents=True)
        write(folder / "reports", "云岭.txt", "云岭")
        write(folder / "reports" / "closed", "白沙.txt", "白沙")
        assert run("ingest", folder / "reports", "--store", folder / "store").code == 0
        (folder / "reports" / "closed").chmod(0)
        done = run("ingest", folder / "reports", "--prune", "--store", folder / "store", **unprivileged())
        stored = set(editions(folder / "store"))
        count_fault("folder without permission, with --prune", losses=len({"云岭.txt", "白沙.txt"} - stored))
        assert done.code == 1 and "closed" in done.out and "ermission" in done.out, done.told
        assert stored == {"云岭.txt", "白沙.txt"}
    finally:
        (folder / "reports" / "closed").chmod(0o755)
        shutil.rmtree(folder)


class Meddling(LocalReader):
    """Does something to each file between the look at its bytes and its reading."""

    def __init__(self, meddle, limits, **options) -> None:
        super().__init__(limits, **options)
        self._meddle = meddle

    def submit(self, path, overrides=None):
        self._meddle(path)
        return super().submit(path, overrides)


def meddled(monkeypatch, meddle) -> None:
    monkeypatch.setattr("rag.ingestion.LocalReader", lambda limits, **options: Meddling(meddle, limits, **options))


@pytest.mark.parametrize("bulk", [0, 80_000])  # read in this process, and in a child
def test_a_file_that_changes_while_it_is_read_is_in_as_it_was_read(reports, tmp_path, monkeypatch, bulk):
    def text(edition):
        return report("云岭", edition) + "\n街道依法行政。" * (bulk * edition // 21)

    (reports / "a.txt").write_text(text(1), encoding="utf-8")
    settings = settings_of(tmp_path / "store")
    for edition in (2, 1):  # it grows, it shrinks
        meddled(monkeypatch, lambda path, edition=edition: path.write_text(text(edition), encoding="utf-8"))
        summary = ingest_into_store([reports], settings)
        assert summary.added or summary.replaced
        with Catalog.open(tmp_path / "store") as catalog:
            (record,) = catalog.files().values()
        agrees = record.hash == hashlib.sha256(text(edition).encode()).hexdigest()
        agrees &= f"调解纠纷{edition}件" in editions(tmp_path / "store")["a.txt"]
        count_fault("file changed while it is read", losses=not agrees)
        assert agrees, "the hash and the text are of the same bytes"
        monkeypatch.undo()
        assert ingest_into_store([reports], settings).unchanged == ("a.txt",)
        (reports / "a.txt").write_text(text(edition) + "\n又及。", encoding="utf-8")


def test_a_file_that_vanishes_or_is_emptied_while_it_is_read_is_named_and_its_report_stays(
    reports, tmp_path, monkeypatch
):
    settings = settings_of(tmp_path / "store")
    for name, office in (("a.txt", "云岭"), ("b.txt", "石桥"), ("c.txt", "白沙")):
        write(reports, name, office)
    ingest_into_store([reports], settings)
    for path in reports.iterdir():
        path.write_text(path.read_text(encoding="utf-8") + "\n又及。", encoding="utf-8")
    meddle = {"a.txt": Path.unlink, "b.txt": lambda path: path.write_bytes(b"")}
    meddled(monkeypatch, lambda path: meddle.get(path.name, lambda path: None)(path))
    summary = ingest_into_store([reports], settings)
    reasons = {Path(failure.path).name: failure.reason for failure in summary.failures}
    stored = editions(tmp_path / "store")
    count_fault("file gone or emptied while it is read", tries=2, losses=3 - len(stored))
    assert summary.replaced == ("c.txt",) and set(reasons) == {"a.txt", "b.txt"} and len(stored) == 3
    assert "not there" in reasons["a.txt"] and "empty" in reasons["b.txt"]
    assert all("taken in from it earlier stays" in reason for reason in reasons.values())


def test_two_thousand_small_files_come_in_each(reports, tmp_path):
    for number in range(2_000):
        text = f"第{number}号街道办事处2023年法治政府建设情况报告\n\n全年调解纠纷{number}件。\n"
        (reports / f"{number}.txt").write_text(text, encoding="utf-8")
    done = run("ingest", reports, "--store", tmp_path / "store")
    stored = editions(tmp_path / "store")
    count_fault("two thousand small files", losses=2_000 - len(stored))
    assert done.code == 0 and len(stored) == 2_000, done.told
    assert all(f"调解纠纷{name.removesuffix('.txt')}件" in text for name, text in stored.items())


@pytest.mark.parametrize("kind", ["file", "link to nowhere", "in a file"])
def test_a_store_that_can_be_no_folder_is_told(reports, tmp_path, kind):
    write(reports, "云岭.txt", "云岭")
    store = tmp_path / "store"
    if kind == "link to nowhere":
        store.symlink_to(tmp_path / "gone" / "store")
    else:
        store.write_text("mine", encoding="utf-8")
    named = store / "inner" if kind == "in a file" else store
    for command in (("ingest", reports), ("rag.__main__", "ask", "问"), ("rag.__main__", "verify")):
        done = run(*command, "--store", named)
        count_fault("store path that is no folder", losses=done.code == 0)
        assert done.code in (1, 2) and str(named) in done.err and "--store" in done.err, done.told
    assert kind == "link to nowhere" or store.read_text(encoding="utf-8") == "mine"


def test_a_store_inside_the_reports_folder_takes_nothing_in_twice(reports, tmp_path):
    write(reports, "云岭.txt", "云岭")
    store = reports / "store"
    assert run("ingest", reports, "--store", store).code == 0
    with Rag(settings_of(store), owner=True) as opened:
        names = [
            Upload(name, report(office, 1).encode()) for name, office in (("白沙.txt", "白沙"), ("石桥.txt", "石桥"))
        ]
        assert {result.outcome for result in opened.upload(names)} == {"in"}
        gone = next(meta.id for meta in opened.reports() if meta.source == "石桥.txt")
        opened.delete(gone)
    for _ in range(2):
        done = run("ingest", reports, "--prune", "--store", store)
        stored = editions(store)
        count_fault("store inside the reports folder", losses=len({"云岭.txt", "白沙.txt"} ^ set(stored)))
        assert done.code == 0 and set(stored) == {"云岭.txt", "白沙.txt"}, done.told
        assert "same content" not in done.out and "removed" not in done.out
    assert_clean(store)


def test_twins_in_upper_and_lower_case_are_two_files(reports, tmp_path):
    write(reports, "A.txt", "云岭")
    write(reports, "a.TXT", "石桥")
    if len(list(reports.iterdir())) < 2:
        pytest.skip("this file system does not tell them apart")
    done = run("ingest", reports, "--store", tmp_path / "store")
    with Rag(settings_of(tmp_path / "store"), owner=True) as opened:
        results = opened.upload(
            [Upload("A.txt", report("白沙", 1).encode()), Upload("a.TXT", report("外来", 1).encode())]
        )
        assert [result.outcome for result in results] == ["in", "in"]
        offices = sorted(meta.office for meta in opened.reports())
    count_fault("twins in upper and lower case", losses=4 - len(offices))
    assert done.code == 0 and offices == sorted(f"{office}街道办事处" for office in ("云岭", "石桥", "白沙", "外来"))
