"""SIGKILL at any moment of an ingest loses no report told as in, and the next run completes."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fault_tally import count_fault

from rag.catalog import Catalog
from rag.index import Index
from rag.ingestion import ingest_into_store
from rag.settings import load_settings

ROOT = Path(__file__).parent.parent
TRIES = 20
FILES = 12
LARGEST_FILE = 2 << 30


def limit_files():
    """A broken vector index has been seen to write a 72 GB file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


def write_reports(folder, edition):
    for number in range(FILES):
        statements = "".join(f"第{edition}版第{number}号街道的第{item}项工作有序开展。\n\n" for item in range(10))
        title = f"青禾街道办事处{2000 + number}年法治政府建设情况报告"
        (folder / f"{number}.txt").write_text(f"{title}\n\n一、主要做法\n\n{statements}", encoding="utf-8")


def start(reports, store):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "ingest.py"), str(reports), "--store", str(store), "--verbose"],
        env={**os.environ, "RAG_EMBEDDING_MODEL": "hash", "RAG_CHUNK_TOKENS": "64"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=limit_files,
    )


def texts(store):
    """Return each source's text as stored."""
    with Catalog.open(store) as catalog:
        metas = catalog.metas()
        return {
            metas[report_id].source: "".join(paragraph.text for paragraph in paragraphs)
            for report_id, paragraphs in catalog.paragraphs().items()
        }


def killed_run(reports, store, delay):
    """Kill an ingest ``delay`` seconds after its first report; return the sources told as in, and if it was killed."""
    with start(reports, store) as process:
        lines = [process.stdout.readline()]
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.kill()
        lines += process.stdout.readlines()
    told = {line.partition(" ")[2].strip() for line in lines if line.startswith(("added ", "replaced "))}
    return told, process.returncode == -9


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_twenty_kills_lose_nothing(tmp_path):
    reports, store = tmp_path / "reports", tmp_path / "store"
    reports.mkdir()
    settings = load_settings(store=store, embedding_model="hash", chunk_tokens=64)
    moments = random.Random(20240131)
    write_reports(reports, 0)
    with start(reports, store) as process:
        process.stdout.readline()
        began = time.monotonic()
        process.stdout.readlines()
    duration = time.monotonic() - began
    assert process.returncode == 0

    kills = edition = 0
    while kills < TRIES and edition < 4 * TRIES:
        edition += 1
        write_reports(reports, edition)
        told, killed = killed_run(reports, store, moments.uniform(0, duration))
        kills += killed
        if not killed:
            # It was done before the kill: a machine that has become quicker needs an earlier one.
            duration *= 0.8
        stored = texts(store)
        lost = sum(f"第{edition}版" not in stored.get(source, "") for source in told)
        count_fault("SIGKILL during ingest", tries=killed, losses=lost)
        assert len(stored) == FILES and lost == 0

        summary = ingest_into_store([reports], settings)
        assert summary.failures == ()
        assert told.isdisjoint(summary.replaced)
        with Catalog.open(store) as catalog, Index.open(catalog, owner=True) as index:
            assert index.verify().problems == ()
        assert all(f"第{edition}版" in text for text in texts(store).values())
    assert kills == TRIES
