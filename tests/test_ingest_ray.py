"""Ingest over a real local Ray cluster: the same store as without, whatever happens to a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from fault_tally import count_fault

from rag.catalog import Catalog

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "RAG_EMBEDDING_MODEL": "hash", "RAG_CHUNK_TOKENS": "64"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def write_reports(folder, count, repetitions=10):
    folder.mkdir()
    for number in range(count):
        statements = "".join(f"第{number}号街道的第{item}项工作有序开展。\n\n" for item in range(repetitions))
        title = f"青禾街道办事处{2000 + number}年法治政府建设情况报告"
        (folder / f"{number:03}.txt").write_text(f"{title}\n\n一、主要做法\n\n{statements}", encoding="utf-8")
    return folder


def start(reports, store, *options):
    return subprocess.Popen(
        [sys.executable, "ingest.py", str(reports), "--store", str(store), "--verbose", *options],
        cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def contents(store):
    with Catalog.open(store) as catalog:
        table = catalog.vectors()
        vectors = {str(chunk): row for chunk, row in zip(table.ids, table.matrix, strict=True)}
        return dict(catalog.metas()), catalog.paragraphs(), catalog.files(), vectors


def cluster_processes(process):
    return psutil.Process(process.pid).children(recursive=True)


def test_the_store_is_the_one_that_a_single_machine_makes(tmp_path):
    pytest.importorskip("ray")
    reports = write_reports(tmp_path / "reports", 12)
    (reports / "copy.txt").write_bytes((reports / "001.txt").read_bytes())
    (reports / "bad.pdf").write_bytes(b"%PDF-1.7 nothing more")
    outputs = []
    for name, options in (("alone", ()), ("ray", ("--ray", "local"))):
        output, errors = (process := start(reports, tmp_path / name, *options)).communicate(timeout=400)
        assert process.returncode == 1, errors
        outputs.append(
            [line for line in output.splitlines() if "chunks written" not in line and "Reports in" not in line]
        )
    assert sorted(outputs[0]) == sorted(outputs[1])
    alone, over_ray = contents(tmp_path / "alone"), contents(tmp_path / "ray")
    assert alone[:3] == over_ray[:3]
    assert alone[3].keys() == over_ray[3].keys()
    for chunk, vector in alone[3].items():
        np.testing.assert_allclose(over_ray[3][chunk], vector, atol=1e-6)


def test_a_worker_killed_costs_no_report_and_a_signal_ends_the_run_with_its_cluster(tmp_path):
    pytest.importorskip("ray")
    reports = write_reports(tmp_path / "reports", 400, repetitions=120)
    process = start(reports, tmp_path / "store", "--ray", "local")
    killed = 0
    for line in process.stdout:
        if killed == 0 and line.startswith("added"):
            for child in cluster_processes(process):
                if "EmbeddingWorker" in child.name() or "EmbeddingWorker" in " ".join(child.cmdline()):
                    child.kill()
                    killed += 1
                    break
        if line.startswith("added 1"):  # a later group: the worker's calls were done by others, or again
            break
    started = cluster_processes(process)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=200)
    assert killed == 1 and "Stopped before the end" in output, errors
    with Catalog.open(tmp_path / "store") as catalog:
        stored = {meta.source for meta in catalog.report_metas()}
    told = {entry.split()[1] for entry in output.splitlines() if entry.startswith("added ")}
    count_fault("Ray worker killed during ingest", losses=len(told - stored))
    assert told <= stored
    deadline = time.monotonic() + 60
    while (left := [child for child in started if child.is_running()]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []


def test_without_ray_the_option_says_how_to_install_it(tmp_path):
    reports = write_reports(tmp_path / "reports", 1)
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "import ingest; sys.exit(ingest.main([sys.argv[1], '--store', sys.argv[2], '--ray', 'local']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(reports), str(tmp_path / "s")],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "pip install -r requirements-scale.txt" in done.stderr
    assert not (tmp_path / "s").exists()


def test_an_address_without_a_cluster_is_bad_usage(tmp_path):
    pytest.importorskip("ray")
    reports = write_reports(tmp_path / "reports", 1)
    process = start(reports, tmp_path / "store", "--ray", "auto")
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 2 and "ray start --head" in errors and "Traceback" not in errors
    assert not (tmp_path / "store").exists()
