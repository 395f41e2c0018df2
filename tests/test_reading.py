"""Files read in processes of their own: a file that is bad for its reader is named, and every other goes in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from fault_tally import count_fault

from rag.errors import DamagedFile, EmptyFile
from rag.ingestion import ingest_into_store
from rag.pipeline import Rag
from rag.reading import LocalReader, ReadingLimits, read_file
from rag.settings import load_settings
from rag.structure import MetaOverrides
from rag.uploads import Upload

ROOT = Path(__file__).parent.parent
LIMITS = ReadingLimits(file_bytes=50_000_000, pdf_pages=20, chunk_tokens=320, seconds=60, megabytes=512)
REPORT = "青石街道办事处2023年法治政府建设情况报告\n\n一、主要举措\n全年受理信访案件26件。\n"
NOT_FOR_READING = ("torch", "chromadb", "gradio", "sqlalchemy", "fastapi", "langchain_core")

# What goes wrong inside a parser, put there by a module that Python loads before the child's own: the files say what.
MEDDLING = """
import os, signal, sys
if "rag.reading.child" in sys.orig_argv:
    import rag.reading.file as file
    true_load = file.load_bytes
    def load_bytes(data, name, **options):
        if b"CRASH" in data:
            os.kill(os.getpid(), signal.SIGSEGV)
        if b"LOOP" in data:
            while True:
                pass
        if b"MEMORY" in data:
            held = []
            while True:
                held.append(bytearray(16 << 20))
        if b"EXIT" in data:
            os._exit(3)
        if b"TELL" in data:
            print("a library prints this")
            loaded = [name for name in NAMES if name in sys.modules]
            raise file.LoadError(f"pid {os.getpid()}, loaded {loaded}")
        return true_load(data, name, **options)
    file.load_bytes = load_bytes
""".replace("NAMES", repr(NOT_FOR_READING))
BAD = {"CRASH": "SIGSEGV", "LOOP": "RAG_READ_TIMEOUT_S", "MEMORY": "RAG_READ_MEMORY_MB", "EXIT": "exit status 3"}


@pytest.fixture
def meddled(tmp_path, monkeypatch):
    """Let readers in child processes go wrong on files that hold a word for it."""
    folder = tmp_path / "meddling"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(MEDDLING, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return tmp_path


def write(folder, name, text=REPORT):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def children():
    """Return the readers running."""
    return [child for child in psutil.Process().children(recursive=True) if "rag.reading.child" in cmdline(child)]


def cmdline(process):
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def test_a_child_reads_what_this_process_reads(tmp_path):
    path = write(tmp_path, "a.txt")
    given = MetaOverrides(year=2019)
    with LocalReader(LIMITS, here_bytes=0) as reader:
        assert reader.read(path) == read_file(path, None, LIMITS)
        assert reader.read(path, given) == read_file(path, given, LIMITS)
        with pytest.raises(EmptyFile, match=r"'b.txt' is empty"):
            reader.read(write(tmp_path, "b.txt", ""))
    assert children() == []


def test_a_little_plain_text_starts_no_child_and_much_of_it_does(tmp_path):
    with LocalReader(LIMITS) as reader:
        for number in range(3):
            reader.read(write(tmp_path, f"{number}.txt"))
        assert children() == []
        for number in range(3):
            reader.read(write(tmp_path, f"{number}.txt", REPORT + "办结信访案件26件。\n" * 1000))
        assert len(children()) == 1
    assert children() == []


def test_the_child_loads_nothing_but_what_reading_takes(meddled):
    with LocalReader(LIMITS, here_bytes=0) as reader, pytest.raises(Exception, match=r"loaded \[\]") as told:
        reader.read(write(meddled, "a.txt", "TELL"))
    assert f"pid {os.getpid()}," not in str(told.value)


@pytest.mark.parametrize("word", BAD)
def test_a_file_that_is_bad_for_its_reader_is_named_and_every_other_goes_in(meddled, word):
    reports = meddled / "reports"
    reports.mkdir()
    for number in range(8):
        write(reports, f"{number}.html", f"<p>{REPORT.replace('26', str(number))}</p>")
    write(reports, "3.html", f"<p>{word}</p>")
    settings = load_settings(
        store=meddled / "store", embedding_model="hash", read_timeout_s=1.5, read_memory_mb=256
    )  # fmt: skip
    summary = ingest_into_store([reports], settings)
    lost = 7 - len(summary.added)
    count_fault(f"a file that makes its reader fail: {word.lower()}", losses=lost)
    assert lost == 0
    (failure,) = summary.failures
    assert failure.path.endswith("3.html") and BAD[word] in failure.reason
    assert children() == []


def test_an_upload_that_is_bad_for_its_reader_fails_with_its_reason_and_the_next_goes_in(meddled):
    settings = load_settings(store=meddled / "store", embedding_model="hash", read_timeout_s=1.5, read_memory_mb=256)
    with Rag(settings, create=True, owner=True, serving=True) as rag:
        uploads = [Upload(f"{word}.txt", word.encode()) for word in BAD] + [Upload("good.txt", REPORT.encode())]
        *bad, good = rag.upload(uploads)
        assert good.outcome == "in"
        for result, reason in zip(bad, BAD.values(), strict=True):
            assert result.outcome == "failed" and reason in result.detail
    assert children() == []


def test_a_file_that_takes_too_long_for_its_length_is_given_up(tmp_path):
    page = write(tmp_path, "a.html", "<html>" + "<p>text, more text. </p>" * 200_000)
    started = time.perf_counter()
    with LocalReader(replace(LIMITS, seconds=1), here_bytes=0) as reader:
        with pytest.raises(DamagedFile, match="within 1 s.*RAG_READ_TIMEOUT_S"):
            reader.read(page)
        assert reader.read(write(tmp_path, "b.txt")).format == "txt"
    assert time.perf_counter() - started < 30


def test_a_file_that_takes_too_much_memory_for_its_length_is_given_up(tmp_path):
    with LocalReader(replace(LIMITS, megabytes=60), here_bytes=0) as reader:
        with pytest.raises(DamagedFile, match="60 MB.*RAG_READ_MEMORY_MB"):
            reader.read(write(tmp_path, "a.txt", "a line\n" * 2_000_000))
        assert reader.read(write(tmp_path, "b.txt")).format == "txt"


def test_a_child_killed_while_it_had_nothing_to_do_costs_no_file(tmp_path):
    with LocalReader(LIMITS, here_bytes=0) as reader:
        reader.read(write(tmp_path, "a.txt"))
        (child,) = children()
        child.kill()
        child.wait(10)
        assert reader.read(write(tmp_path, "b.txt")).format == "txt"


def test_closing_ends_a_reading_at_once(meddled):
    reader = LocalReader(LIMITS, here_bytes=0)
    reading = reader.submit(write(meddled, "a.txt", "LOOP"), None)
    while not children():
        time.sleep(0.05)
    started = time.perf_counter()
    reader.close()
    assert time.perf_counter() - started < 10
    with pytest.raises(CancelledError):
        reading.result(10)
    assert children() == []


PARENT = """
import sys, time
from pathlib import Path
from rag.reading import LocalReader, ReadingLimits
limits = ReadingLimits(50_000_000, 20, 320, float(sys.argv[2]), 512)
reader = LocalReader(limits, here_bytes=0)
reader.submit(Path(sys.argv[1]), None)
print("reading", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_parent_leaves_no_reader_behind(meddled, number):
    path = write(meddled, "a.txt", "LOOP")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(path), "60"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout.readline() == "reading\n"
        watched = psutil.Process(parent.pid)
        for _ in range(200):
            if found := watched.children():
                break
            time.sleep(0.05)
        parent.send_signal(number)
    gone, left = psutil.wait_procs(found, timeout=10)
    for process in left:
        process.kill()
    count_fault("parent killed while a child reads: children left", losses=len(left))
    assert gone and not left


def test_readings_at_the_same_time_do_not_mix(tmp_path):
    paths = [write(tmp_path, f"{number}.txt", REPORT.replace("26", str(number))) for number in range(12)]
    wrong = []
    with LocalReader(LIMITS, here_bytes=0) as reader:

        def read(path):
            if reader.read(path) != read_file(path, None, LIMITS):
                wrong.append(path)

        threads = [threading.Thread(target=read, args=(path,)) for path in paths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
