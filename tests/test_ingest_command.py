from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rag.catalog import Catalog
from rag.index import Index

ROOT = Path(__file__).parent.parent


def start(folder, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "ingest.py"), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "RAG_EMBEDDING_MODEL": "hash", "RAG_STORE": str(folder / "store"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ingest(folder, *arguments, **environment):
    process = start(folder, *arguments, **environment)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "reports").mkdir()
    return tmp_path


def write(folder, name, *statements):
    text = "\n\n".join(["青禾街道办事处2023年法治政府建设情况报告", "一、主要做法", *statements])
    (folder / "reports" / name).write_text(text, encoding="utf-8")


def test_all_files_read_is_exit_0_with_a_summary(folder):
    write(folder, "a.txt", "办结信访案件26件。")
    write(folder, "b.txt", "办结信访案件26件。")
    code, output, errors = ingest(folder, "reports", "--store", "elsewhere")
    assert code == 0, errors
    assert "Reports in elsewhere: 1 new, 1 with the same content as another." in output
    assert "b.txt = a.txt (taken once)" in output
    assert (folder / "elsewhere" / "catalog.sqlite").is_file()
    assert not (folder / "store").exists()

    code, output, _ = ingest(folder, "reports", "--store", "elsewhere")
    assert code == 0
    assert "1 unchanged" in output
    assert "0 chunks written, 0 embedded" in output


def test_some_files_failed_is_exit_1_with_each_named_and_the_rest_in(folder):
    write(folder, "a.txt", "办结信访案件26件。")
    (folder / "reports" / "broken.pdf").write_bytes(b"%PDF-1.7 nothing more")
    code, output, _ = ingest(folder, "reports", "--verbose")
    assert code == 1
    assert re.search(r"FAILED: \S*broken\.pdf: .+", output)
    assert "added a.txt" in output.splitlines()


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["nowhere"], {}, "'nowhere' does not exist"),
        ([], {}, "required: PATH"),
        (["reports", "--metadata", "none.csv"], {}, "none.csv"),
        (["reports"], {"RAG_CHUNK_TOKENS": "7"}, "RAG_CHUNK_TOKENS"),
        (["reports"], {"RAG_EMBEDDING_MODEL": "bundled:other"}, "RAG_EMBEDDING_MODEL"),
    ],
)
def test_bad_usage_is_exit_2_and_makes_no_store(folder, arguments, environment, message):
    code, output, errors = ingest(folder, *arguments, **environment)
    assert code == 2
    assert message in errors
    assert "Traceback" not in errors
    assert not (folder / "store").exists()


def test_a_store_of_other_chunks_is_bad_usage(folder):
    write(folder, "a.txt", "办结信访案件26件。")
    assert ingest(folder, "reports")[0] == 0
    code, _, errors = ingest(folder, "reports", RAG_CHUNK_TOKENS="500")
    assert code == 2
    assert "320 in the store, 500 in the settings" in errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 1), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_cleanly_and_says_how_to_go_on(folder, number, code):
    for position in range(200):
        write(folder, f"{position:03}.txt", *(f"第{position}个街道的第{item}项工作。" * 30 for item in range(10)))
    process = start(folder, "reports", "--verbose")
    first = process.stdout.readline()
    process.send_signal(number)
    output, errors = process.communicate(timeout=120)

    assert process.returncode == code, errors
    assert "Stopped before the end" in output
    told = {line.removeprefix("added ") for line in [first.strip(), *output.splitlines()] if line.startswith("added ")}
    with Catalog.open(folder / "store") as catalog, Index.open(catalog, owner=True) as index:
        assert {meta.source for meta in catalog.report_metas()} == told
        assert 1 <= len(told) < 200
        assert index.verify().problems == ()
