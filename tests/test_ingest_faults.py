"""Ingests beside each other, beside the application, and killed: nothing told as in is lost, all comes out right."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from fault_tally import count_fault
from served_app import Served

from rag.catalog import Catalog
from rag.index import Index
from rag.ingestion import ingest_into_store
from rag.settings import load_settings

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "RAG_EMBEDDING_MODEL": "hash", "RAG_CHUNK_TOKENS": "64"}
KILLS = 5


def write_reports(folder, count, office="青禾", suffix="txt"):
    folder.mkdir(exist_ok=True)
    for number in range(count):
        statements = "".join(f"{office}第{number}号街道的第{item}项工作有序开展。\n\n" for item in range(10))
        title = f"{office}街道办事处{2000 + number}年法治政府建设情况报告"
        (folder / f"{office}-{number}.{suffix}").write_text(
            f"{title}\n\n一、主要做法\n\n{statements}", encoding="utf-8"
        )
    return folder


def start(reports, store, *options, **environment):
    return subprocess.Popen(
        [sys.executable, "ingest.py", str(reports), "--store", str(store), "--verbose", *options],
        cwd=ROOT, env=ENVIRONMENT | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def told_as(outcome, output):
    return {line.partition(" ")[2].strip() for line in output.splitlines() if line.startswith(f"{outcome} ")}


def sources(store):
    with Catalog.open(store) as catalog:
        return {meta.source for meta in catalog.report_metas()}


def problems(store):
    with Catalog.open(store) as catalog, Index.open(catalog, owner=True) as index:
        index.sync()
        return index.verify().problems


@pytest.mark.slow
def test_two_ingests_at_once_both_complete(tmp_path):
    store = tmp_path / "store"
    first = write_reports(tmp_path / "first", 40)
    second = write_reports(tmp_path / "second", 40, office="云岭")
    shared = write_reports(tmp_path / "shared", 10, office="白鹿")
    for each in (first, second):
        for path in shared.iterdir():
            (each / path.name).write_bytes(path.read_bytes())
    processes = [start(folder, store) for folder in (first, second)]
    outputs = [process.communicate(timeout=200) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    told = set().union(*(told_as("added", output) for output, _ in outputs))
    stored = sources(store)
    count_fault("two ingests at once", tries=2, losses=len(told - stored))
    assert stored == told and len(stored) == 90
    duplicates = sum(len(told_as("duplicate", output)) for output, _ in outputs)
    assert duplicates == 10, "each of the shared files is in once, and told as a duplicate once"
    assert problems(store) == ()


@pytest.mark.slow
def test_kills_during_an_ingest_that_prunes_lose_nothing_that_is_there(tmp_path):
    reports, store = write_reports(tmp_path / "reports", 12), tmp_path / "store"
    settings = load_settings(store=store, embedding_model="hash", chunk_tokens=64)
    ingest_into_store([reports], settings)
    moments, kills, tries = random.Random(20240131), 0, 0
    while kills < KILLS and tries < 8 * KILLS:
        tries += 1
        kept = {path.name for path in reports.iterdir()}
        gone = moments.sample(sorted(kept), 6)
        for name in gone:
            (reports / name).unlink()
        with start(reports, store, "--prune") as process:
            time.sleep(moments.uniform(0.5, 3.0))
            process.kill()
            output = process.stdout.read()
        kills += process.returncode == -signal.SIGKILL
        stored = sources(store)
        lost = len((kept - set(gone)) - stored) + len(told_as("removed", output) & stored)
        count_fault("SIGKILL during ingest with --prune", tries=process.returncode == -9, losses=lost)
        assert lost == 0
        ingest_into_store([reports], settings, prune=True)
        assert sources(store) == kept - set(gone)
        assert problems(store) == ()
        write_reports(reports, 12)
        ingest_into_store([reports], settings)
    assert kills == KILLS


@pytest.mark.slow
def test_a_killed_ingest_leaves_no_process_behind(tmp_path):
    reports = write_reports(tmp_path / "reports", 300, suffix="html")
    left = []
    for delay in (0.0, 0.3, 1.0):
        process = start(reports, tmp_path / f"store-{delay}")
        process.stdout.readline()
        time.sleep(delay)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(children, timeout=20)
        left += alive
        count_fault("ingest killed: processes left", losses=len(alive))
        for child in alive:
            child.kill()
    assert children and not left


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_ingest_with_readers_cleanly(tmp_path, number):
    reports = write_reports(tmp_path / "reports", 300, suffix="html")
    process = start(reports, tmp_path / "store")
    lines = [process.stdout.readline()]
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    output, errors = process.communicate(timeout=100)
    assert "Stopped before the end" in output, errors
    told = told_as("added", lines[0] + output)
    assert sources(tmp_path / "store") == told and 0 < len(told) < 300
    assert problems(tmp_path / "store") == ()
    assert psutil.wait_procs(children, timeout=20)[1] == []


@pytest.fixture
def served(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CHUNK_TOKENS", "64")
    store = tmp_path / "store"
    settings = load_settings(store=store, embedding_model="hash", chunk_tokens=64)
    ingest_into_store([write_reports(tmp_path / "earlier", 2)], settings)
    app = Served(store)
    yield app, store
    if app.process.poll() is None:
        app.stop()


@pytest.mark.slow
def test_while_the_application_runs_an_ingest_goes_through_it_and_says_so(tmp_path, served):
    app, store = served
    process = start(write_reports(tmp_path / "new", 5, office="云岭"), store, RAG_INGEST_WHEN_SERVED="through")
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert re.search(rf"vector index: held by .*{app.process.pid}", output)
    assert app.stop() == 0
    lost = 7 - len(sources(store))
    count_fault("ingest while the application runs", losses=lost)
    assert lost == 0 and problems(store) == ()


@pytest.mark.slow
def test_while_the_application_runs_an_ingest_that_waits_names_it_and_goes_on_when_it_ends(tmp_path, served):
    app, store = served
    new = write_reports(tmp_path / "new", 5, office="云岭")
    waiting = {"RAG_INGEST_WHEN_SERVED": "wait"}
    process = start(new, store, **waiting, RAG_WAIT_S="0.5")
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 1
    assert f"served by process {app.process.pid}" in errors and "RAG_INGEST_WHEN_SERVED=through" in errors
    assert len(sources(store)) == 2

    process = start(new, store, **waiting, RAG_WAIT_S="100")
    assert str(app.process.pid) in process.stderr.readline()
    app.stop()
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert len(sources(store)) == 7 and problems(store) == ()
