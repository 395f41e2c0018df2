"""A disk that is full, at any point of any kind of write: nothing told as in is lost, and reading goes on."""

from __future__ import annotations

import shutil

import pytest
from fault_process import Command, rag, run
from fault_reports import QUESTION, answers, assert_clean, built, editions, lost, report, write_reports
from fault_tally import count_fault
from small_disk import small_disk

from rag.backup import back_up
from rag.embedding.bundled import unpacked_model
from rag.errors import EmbeddingError

# From nothing at all to enough, so that the catalog, its log, the vector index, the lexical one and the small files
# beside them each meet the end.
INGEST_SIZES = (
    0, 4 << 10, 16 << 10, 40 << 10, 64 << 10, 68 << 10, 90 << 10, 120 << 10, 160 << 10, 220 << 10, 300 << 10,
    400 << 10, 480 << 10, 500 << 10, 520 << 10, 540 << 10, 560 << 10, 600 << 10, 700 << 10, 800 << 10, 1000 << 10,
    1200 << 10, 1500 << 10, 3000 << 10,
)  # fmt: skip
SIZES = (0, 60 << 10, 250 << 10, 600 << 10)
WAY_OUT = ("free some space", "Free some space")


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", 48) as mounted:
        yield mounted


@pytest.fixture
def store(disk, tmp_path):
    """A store on the small disk, and a copy of it elsewhere to begin each try from."""
    target = disk.folder / "store"
    built(tmp_path / "reports", target)
    shutil.copytree(target, tmp_path / "template")
    return target


def renew(store, disk, tmp_path, free):
    disk.relieve()
    shutil.rmtree(store)
    shutil.copytree(tmp_path / "template", store)
    disk.leave(free)


def assert_told(done):
    """A command either did its work or said that space is short, and what to do."""
    assert done.code == 0 or any(words in done.told for words in WAY_OUT), done.told
    return done


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ingest_at_every_amount_of_space_loses_nothing_told_as_in(store, disk, tmp_path):
    write_reports(tmp_path / "reports", 1, 6)
    finished = 0
    for number, free in enumerate(INGEST_SIZES):
        renew(store, disk, tmp_path, free)
        done = assert_told(run("ingest", tmp_path / "reports", "--store", store, "--verbose"))
        finished += done.code == 0
        told = done.lines("added", "replaced")
        missing = lost(told, 1, store)
        count_fault("disk full during ingest", tries=done.code != 0, losses=missing)
        assert missing == 0 and len(editions(store)) >= 4
        assert rag("ask", QUESTION, "--store", store).code == 0
        disk.relieve()
        again = run("ingest", tmp_path / "reports", "--store", store, "--verbose")
        assert again.code == 0, again.told
        assert told.isdisjoint(again.lines("replaced")) and lost({f"{item}.txt" for item in range(6)}, 1, store) == 0
        if number % 4 == 0:
            assert_clean(store)
    assert 0 < finished <= len(INGEST_SIZES) - 14


@pytest.mark.parametrize("command", ["rebuild", "prune", "backup", "restore", "export"])
def test_each_command_at_several_amounts_of_space(store, disk, tmp_path, command):
    archive = tmp_path / "kept.tar.gz"
    back_up(tmp_path / "template", archive)
    (tmp_path / "reports" / "0.txt").unlink()
    failed = 0
    for free in SIZES:
        renew(store, disk, tmp_path, free)
        commands = {
            "rebuild": ("rag.__main__", "rebuild", "--store", store),
            "prune": ("ingest", tmp_path / "reports", "--prune", "--verbose", "--store", store),
            "backup": ("rag.__main__", "backup", disk.folder / "b.tar.gz", "--store", store),
            "restore": ("rag.__main__", "restore", archive, "--store", disk.folder / "again"),
            "export": ("rag.__main__", "ask", "调解纠纷多少件", "--store", store, "--export", disk.folder / "a.docx"),
        }  # fmt: skip
        done = assert_told(run(*commands[command]))
        failed += done.code != 0
        before = {f"{number}.txt" for number in range(4)}
        kept = set(editions(store))
        count_fault(f"disk full during {command}", tries=done.code != 0, losses=len(before - kept - {"0.txt"}))
        assert kept in (before, before - {"0.txt"})
        if command == "prune":
            assert ("removed 0.txt" in done.out) == (kept != before)
        answers(store)
        disk.relieve()
        again = run(*commands[command]) if command != "restore" or done.code else done
        assert again.code == 0, again.told
        assert_clean(disk.folder / "again" if command == "restore" else store)
        assert not [path.name for path in disk.folder.glob(".*")], "something was left behind"
        for name in ("again", "b.tar.gz", "a.docx"):
            path = disk.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    assert failed


def test_a_model_is_unpacked_whole_or_not_at_all(disk):
    for free in (0, 4 << 10, 20 << 20):
        disk.leave(free)
        with pytest.raises(EmbeddingError, match=r"500 MB of disk\. Free some space, or set XDG_CACHE_HOME"):
            unpacked_model(disk.folder / "models")
        left = [path for path in (disk.folder / "models").glob("*")] if (disk.folder / "models").exists() else []
        count_fault("disk full during unpacking of a model", losses=len(left))
        assert left == []


def test_a_new_store_on_a_full_disk_is_refused_and_made_later(disk, tmp_path):
    write_reports(tmp_path / "reports", 1, 3)
    for free in (0, 4 << 10, 30 << 10, 70 << 10, 150 << 10):
        disk.leave(free)
        done = assert_told(run("ingest", tmp_path / "reports", "--store", disk.folder / "store", "--verbose"))
        count_fault("disk full during ingest", losses=0 if done.code else 1)
        assert done.code == 1
        disk.relieve()
        again = run("ingest", tmp_path / "reports", "--store", disk.folder / "store")
        assert again.code == 0, again.told
        assert_clean(disk.folder / "store")
        shutil.rmtree(disk.folder / "store")


def test_a_kill_on_a_full_disk_loses_nothing(store, disk, tmp_path):
    write_reports(tmp_path / "reports", 1, 6)
    for free in (200 << 10, 400 << 10, 700 << 10):
        renew(store, disk, tmp_path, free)
        command = Command("ingest", tmp_path / "reports", "--store", store, "--verbose")
        while command.process.is_alive() and not command.printed():
            command.process.join(0.005)
        command.kill()
        told = command.done().lines("added", "replaced")
        missing = lost(told, 1, store)
        count_fault("SIGKILL while the disk is full", losses=missing)
        assert missing == 0
        disk.relieve()
        assert run("ingest", tmp_path / "reports", "--store", store).code == 0
        assert_clean(store)


def test_what_is_reported_when_not_even_a_command_can_write_its_answer(store, disk, tmp_path):
    disk.leave(0)
    assert rag("reports", "--store", store).code == 0
    assert rag("find", "不具备行政执法权", "--store", store).code == 0
    assert rag("facts", "--store", store).code == 0
    assert report("青禾", 0, 2000).splitlines()[0] in rag("reports", "--store", store, "--json").out
