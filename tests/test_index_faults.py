"""Faults of the vector index, made for real: processes killed, crashing and hanging, and files damaged.

Whatever happens, questions are answered rightly, and the index is built anew from the catalog.
"""

from __future__ import annotations

import logging
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fault_tally import count_fault
from stored_reports import EMBEDDER, stored_report
from waiting import wait_for

from rag.catalog import BuiltWith, Catalog
from rag.index import Follower, Index, collection, exact, vector

ROOT = Path(__file__).parent.parent
LARGEST_FILE = 1 << 30
REPORTS = 60
QUESTION = EMBEDDER.embed_query("不具备行政执法权")

OWNER = """
import sys
from pathlib import Path
from rag.catalog import Catalog
from rag.index import Index
catalog = Catalog.open(Path(sys.argv[1]))
index = Index.open(catalog, owner=True)
index.sync()
print(index._vector._collection.process.pid if index._vector._collection else 0, flush=True)
for number in range(int(sys.argv[2])):
    index.rebuild()
    print("rebuilt", flush=True)
sys.stdin.read()
"""

UPSERTING = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from stored_reports import stored_report
from rag.catalog import Catalog
from rag.index import Index
catalog = Catalog.open(Path(sys.argv[1]))
index = Index.open(catalog, owner=True)
index.sync()
for number in range(10_000):
    catalog.put_report(stored_report(f"new{number}.txt", f"新增工作第{number}项。", f"第{number}项还有不足。"))
    index.sync()
    print(index._vector._collection.process.pid, flush=True)
"""


@pytest.fixture(autouse=True)
def small_files():
    """A broken vector index has been seen to write a 72 GB file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(tmp_path / "store", BuiltWith(EMBEDDER.name, 320), create=True) as opened:
        for number in range(REPORTS):
            opened.put_report(
                stored_report(f"{number}.txt", f"全年办结信访案件{number}件。", f"第{number}项经费不足。")
            )
        yield opened


def expected(catalog, k=5):
    return [round(hit.score, 4) for hit in exact.search(catalog.vector_rows(), QUESTION, k)]


def answers(index, k=5):
    return [round(hit.score, 4) for hit in index.dense(QUESTION, k)]


def by_chroma(index, k=5):
    hits = index._vector.search(QUESTION, k, patience=60)
    return hits and [round(hit.score, 4) for hit in hits]


def started(script, store, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", script, str(store), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        text=True,
    )


def opened_as_owner(catalog, seconds=60):
    """Open the index as its owner once whoever held it has gone."""
    index = Index.open(catalog, owner=True)
    assert wait_for(index.acquire, seconds), f"still held by {index.holder()}"
    return index


def mended(catalog):
    """Start as the next owner would; return 1 if anything is lost then, else 0."""
    with opened_as_owner(catalog) as index:
        index.sync()
        problems = index.verify().problems
        found = by_chroma(index), expected(catalog), answers(index)
    lost = problems != () or found != (found[0],) * 3
    if lost:  # pytest shows it
        logging.getLogger(__name__).warning("problems %s; by Chroma, expected, answered: %s", problems, found)
    return int(lost)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_owner_killed_while_rebuilding_loses_nothing(catalog):
    moments = random.Random(7)
    for _ in range(10):
        with started(OWNER, catalog.store, "1000") as owner:
            owner.stdout.readline()
            time.sleep(moments.uniform(0, 3))
            owner.kill()
        lost = mended(catalog)
        count_fault("SIGKILL of the owner during rebuild", tries=1, losses=lost)
        assert not lost


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("victim", ["owner", "child"])
def test_a_kill_during_upserts_loses_nothing(catalog, victim):
    moments = random.Random(11)
    for _ in range(10):
        with started(UPSERTING, catalog.store) as owner:
            child = int(owner.stdout.readline())
            time.sleep(moments.uniform(0, 1))
            os.kill(owner.pid if victim == "owner" else child, signal.SIGKILL)
            if victim == "child":
                while int(owner.stdout.readline()) == child:
                    pass  # until the owner goes on with a new process
                owner.kill()
        lost = mended(catalog)
        count_fault(f"SIGKILL of the {victim} during upserts", tries=1, losses=lost)
        assert not lost


def test_the_folder_stays_locked_until_the_process_of_a_killed_owner_has_closed_it(catalog):
    with started(OWNER, catalog.store, "0") as owner:
        child = int(owner.stdout.readline())
        os.kill(child, signal.SIGSTOP)
        owner.kill()
        owner.wait()
        with Index.open(catalog, owner=True) as second:
            assert not second.owns_vector and alive(child)
            assert answers(second) == expected(catalog)
        os.kill(child, signal.SIGCONT)
        with opened_as_owner(catalog) as third:
            assert not alive(child)
            third.sync()
            assert third.notes == (), "it was closed cleanly: there is nothing to mend"
            assert third.verify().problems == ()
    count_fault("SIGKILL of the owner with its process still at it")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_crashes_or_hangs_is_told_and_replaced(catalog, monkeypatch, number):
    monkeypatch.setattr(collection, "_ASK_S", 1.0)
    with Index.open(catalog, owner=True) as index:
        index.sync()
        first = index._vector._collection.process.pid
        os.kill(first, number)
        started_at = time.monotonic()
        assert answers(index) == expected(catalog)
        assert time.monotonic() - started_at < 15
        told = "did not answer within 1 s" if number == signal.SIGSTOP else number.name
        assert any(told in note for note in index.notes) and not alive(first)
        index.sync()
        assert by_chroma(index) == expected(catalog)
        assert index.verify().problems == ()
    count_fault(f"{number.name} to the vector index's process")


def test_a_process_that_crashes_at_every_start_is_given_up_and_told(catalog, monkeypatch):
    starts = []

    class Crashing(collection.ChromaProcess):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            starts.append(self.pid)
            os.kill(self.pid, signal.SIGSEGV)

    monkeypatch.setattr("rag.index.folder.ChromaProcess", Crashing)
    with Index.open(catalog, owner=True) as index:
        for _ in range(4):
            index.sync()
            assert answers(index) == expected(catalog)
        assert len(starts) == vector.FAILURES
        assert any("SIGSEGV" in note for note in index.notes)
        assert "python -m rag rebuild" in index.notes[-1] and index.lagging() == ("vector",)
        monkeypatch.undo()
        index.rebuild()
        assert by_chroma(index) == expected(catalog)
    assert not any(map(alive, starts))
    count_fault("SIGSEGV at every start", tries=len(starts))


def chroma_files():
    return ["chroma.sqlite3", "data_level0.bin", "header.bin", "index_metadata.pickle", "length.bin", "link_lists.bin"]


@pytest.fixture(scope="module")
def large_store(tmp_path_factory):
    """A store of over 1,000 rows, so that Chroma has written its graph to files."""
    store = tmp_path_factory.mktemp("large") / "store"
    with Catalog.open(store, BuiltWith(EMBEDDER.name, 320), create=True) as opened:
        for number in range(400):
            texts = [f"第{number}项{what}。" for what in ("举措有序开展", "经费不足", "明年继续推进")]
            opened.put_report(stored_report(f"{number}.txt", *texts))
        with Index.open(opened, owner=True) as index:
            index.sync()
        yield opened


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("damage", ["truncated", "zeroed", "garbage", "deleted"])
def test_every_file_of_chroma_damaged_in_every_way_is_found_out_and_mended(large_store, damage):
    noise = random.Random(3)
    for name in chroma_files():
        (path,) = next(large_store.store.glob("chroma-*/")).rglob(name)
        size = path.stat().st_size
        if damage == "truncated":
            os.truncate(path, size // 2)
        elif damage == "zeroed":
            path.write_bytes(bytes(size))
        elif damage == "garbage":
            path.write_bytes(noise.randbytes(size))
        else:
            path.unlink()
        with Index.open(large_store, owner=True) as index:
            assert answers(index) == expected(large_store)
            index.sync()
            assert "rebuilt from the catalog" in index.notes[0]
        lost = mended(large_store)
        count_fault(f"a file of Chroma {damage}", tries=1, losses=lost)
        assert not lost


@pytest.mark.parametrize("damage", ["truncated", "garbage", "deleted"])
def test_files_damaged_while_they_are_open_cost_no_answer(large_store, damage):
    with Index.open(large_store, owner=True) as index:
        index.sync()
        assert by_chroma(index) == expected(large_store)
        for path in list(next(large_store.store.glob("chroma-*/")).rglob("*.*")):
            if damage == "truncated":
                os.truncate(path, path.stat().st_size // 2)
            elif damage == "garbage":
                path.write_bytes(b"garbage" * 1000)
            else:
                path.unlink()
        for _ in range(5):
            assert answers(index) == expected(large_store)
        large_store.put_report(stored_report("after.txt", f"之后{damage}新增的工作。"))
        index.sync()
        assert answers(index) == expected(large_store)
    lost = mended(large_store)
    count_fault(f"open files of Chroma {damage}", tries=1, losses=lost)
    assert not lost


@pytest.mark.slow
def test_a_reader_that_asks_all_the_time_is_answered_rightly_during_rebuilds(catalog):
    wanted, wrong, asked = expected(catalog), [], 0
    with Index.open(catalog, owner=True) as index, Index.open(catalog) as other:
        index.sync()
        done = threading.Event()

        def ask(reader):
            nonlocal asked
            while not done.is_set():
                asked += 1
                if answers(reader) != wanted or not reader.lexical("经费不足", 5):
                    wrong.append(1)

        threads = [threading.Thread(target=ask, args=(reader,)) for reader in (index, other, index)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            index.rebuild()
        done.set()
        for thread in threads:
            thread.join()
    assert asked > 100
    count_fault("a question during rebuilds", tries=asked, losses=len(wrong))
    assert not wrong


def test_of_two_owners_one_opens_chroma_and_the_other_is_told_who(catalog):
    with started(OWNER, catalog.store, "0") as first, started(OWNER, catalog.store, "0") as second:
        pids = {owner.pid: int(owner.stdout.readline()) for owner in (first, second)}
        (holder,) = [pid for pid, child in pids.items() if child]
        with Index.open(catalog, owner=True) as third:
            assert not third.owns_vector and f"process {holder} since" in third.holder()
            assert f"process {holder} since" in third.verify().notes[0]
        for owner in (first, second):
            owner.stdin.close()
    count_fault("two owners at once")


def test_a_follower_takes_over_when_the_owner_is_killed(catalog):
    with started(OWNER, catalog.store, "0") as owner:
        owner.stdout.readline()
        with Index.open(catalog, owner=True) as index:
            follower = Follower(index)
            assert not index.owns_vector
            owner.kill()
            assert wait_for(lambda: index.owns_vector and index.lagging() == (), 30)
            follower.stop()
    count_fault("SIGKILL of the owner beside a follower")
