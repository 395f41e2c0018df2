"""Child processes: one answer at a time, an end with their parent, and a clean one for those that need it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from fault_tally import count_fault
from waiting import wait_for

from rag.child_process import ChildDied, ChildProcess
from rag.errors import StoreError

ROOT = Path(__file__).parent.parent

# A child that writes down what becomes of it; its setup is the file. It is asked (what to do, with what).
DIARY = """
import os, sys, time
from rag.child_process import serve
from rag.errors import StoreError

class Diary:
    def __init__(self, path):
        self.path = path

    def write(self, word):
        with self.path.open("a") as diary:
            diary.write(word + " ")

    def __call__(self, request, tell):
        what, value = request
        if what == "sleep":
            time.sleep(value)
            self.write("slept")
        elif what == "refuse":
            raise StoreError(value)
        elif what == "crash":
            raise TypeError(value)
        elif what == "print":
            print(value, flush=True)
            print(value, file=sys.stderr, flush=True)
        elif what == "size":
            return os.fstat(value).st_size
        elif what == "last":
            self.last = value
        return value

    def rest(self):
        self.write("rested")

    def finish(self):
        time.sleep(getattr(self, "last", 0))
        self.write("finished")

if __name__ == "__main__":
    if os.environ.get("DIARY") == "finishing":
        serve(Diary, rest=Diary.rest, finish=Diary.finish)
    serve(Diary)
"""

PARENT = """
import os, sys, time
from pathlib import Path
from rag.child_process import ChildProcess
child = ChildProcess("diary", Path(sys.argv[1]))
child.start()
if not os.fork():  # holds the pipes too, and goes on
    os.setsid()
    print(os.getpid(), child.pid, flush=True)
    time.sleep(120)
child.ask(("sleep", float(sys.argv[2])))
time.sleep(120)
"""


@pytest.fixture(params=["finishing", "at once"])
def ending(request, tmp_path, monkeypatch):
    """Which end a child takes that is not asked any more."""
    (tmp_path / "diary.py").write_text(DIARY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("DIARY", request.param)
    return request.param


finishing = pytest.mark.parametrize("ending", ["finishing"], indirect=True)
at_once = pytest.mark.parametrize("ending", ["at once"], indirect=True)


@pytest.fixture
def diary(tmp_path):
    return tmp_path / "diary.txt"


@pytest.fixture
def child(ending, diary):
    started = ChildProcess("diary", diary)
    yield started
    assert started.close() and not psutil.pid_exists(started.pid)


def words(diary):
    return diary.read_text().split() if diary.exists() else []


def test_a_child_answers_and_an_error_of_ours_does_not_end_it(child):
    assert child.ask(("echo", "青石")) == "青石"
    with pytest.raises(StoreError, match="no space"):
        child.ask(("refuse", "no space"))
    assert child.ask(("echo", "白鹿")) == "白鹿" and child.is_alive


def test_any_other_error_ends_the_child_and_is_told(child):
    with pytest.raises(ChildDied, match="exit status 1") as told:
        child.ask(("crash", "a fault of the program's"))
    assert not told.value.timed_out and not child.is_alive
    with pytest.raises(ChildDied, match="exit status 1"):
        child.ask(("echo", "青石"))


def test_a_child_that_takes_too_long_is_killed_and_told(child):
    child.start()
    with pytest.raises(ChildDied, match=r"did not answer within 0\.2 s") as told:
        child.ask(("sleep", 60), seconds=0.2)
    assert told.value.timed_out and not child.is_alive


def test_a_child_that_does_not_start_in_time_is_killed_and_told(child):
    psutil.Process(child.pid).suspend()
    with pytest.raises(ChildDied, match=r"did not answer within 0\.2 s"):
        child.start(0.2)
    assert not child.is_ready and not child.is_alive


def test_a_time_limit_ends_no_later_request(child):
    child.start()
    assert child.ask(("echo", 1), seconds=2) == 1
    assert child.ask(("sleep", 3.0)) == 3.0


@finishing
def test_a_child_that_finishes_does_so_when_it_is_asked_no_more(child, diary):
    child.ask(("echo", 1))
    assert child.close(30) and words(diary) == ["finished"]


@finishing
def test_a_child_that_does_not_finish_in_time_is_killed(child, diary):
    child.ask(("last", 60))
    started = time.monotonic()
    assert child.close(0.5) and time.monotonic() - started < 10
    assert not child.is_alive and words(diary) == []


@at_once
def test_a_child_that_need_not_finish_ends_although_it_could_wait(child, diary):
    child.ask(("echo", 1))
    assert child.close(30) and words(diary) == []


@finishing
def test_a_child_rests_when_it_is_not_asked_for_a_second(child, diary):
    child.ask(("echo", 1))
    assert wait_for(lambda: "rested" in words(diary), 30)
    assert child.ask(("echo", 2)) == 2


@pytest.mark.parametrize("busy", [0.0, 3.0], ids=["at rest", "at work"])
def test_a_child_whose_parent_is_killed_ends_though_another_process_holds_its_pipes(ending, diary, busy):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(diary), str(busy)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        other, watched = map(psutil.Process, map(int, parent.stdout.readline().split()))
        time.sleep(0.5)
        parent.kill()
        parent.wait()
        _, left = psutil.wait_procs([watched], timeout=30)
        other.kill()
    count_fault("parent killed while another holds its child's pipes", losses=len(left))
    assert not left
    assert words(diary)[-1] == ("finished" if ending == "finishing" else "slept")


@finishing
@pytest.mark.parametrize("quiet", [True, False])
def test_the_output_of_a_quiet_child_goes_nowhere(ending, diary, quiet, capfd):
    child = ChildProcess("diary", diary, quiet=quiet)
    child.ask(("print", "something of a library's"))
    child.close()
    out, err = capfd.readouterr()
    assert out == "" and err.count("something") == (0 if quiet else 2)


@finishing
def test_a_descriptor_stays_open_in_the_child(ending, diary, tmp_path):
    kept = tmp_path / "kept"
    kept.write_bytes(b"lock")
    with kept.open() as opened:
        child = ChildProcess("diary", diary, keep_open=[opened.fileno()])
        number = opened.fileno()
    assert child.ask(("size", number)) == 4
    child.close()
