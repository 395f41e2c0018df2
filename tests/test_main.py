import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rag.__main__ import main
from tests.scripted_server import Reply, ScriptedServer

ROOT = Path(__file__).parent.parent
SAMPLES = [ROOT / "data" / "reports" / name for name in ("qingshi-2021.txt", "qingshi-2022.txt", "shimen-2022.txt")]
KEYS = {
    "question", "language", "route", "answer", "refused", "citations", "contexts", "survey", "facts", "engine", "notes",
    "elapsed_ms",
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAG_EMBEDDING_MODEL", "hash")
        command = [sys.executable, "ingest.py", *map(str, SAMPLES), "--store", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(autouse=True)
def hash_model(monkeypatch):
    monkeypatch.setenv("RAG_EMBEDDING_MODEL", "hash")


def run(capsys, *arguments) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_what_a_model_writes_is_shown_on_the_way_in_a_terminal(capsys, store, monkeypatch):
    question = "青石街道2021年的法律顾问是哪家律师事务所？"
    with ScriptedServer(Reply("青石街道另有无人机6架。")) as server:
        monkeypatch.setenv("LLM_MODEL", "scripted")
        monkeypatch.setenv("LLM_BASE_URL", server.url)
        _, out, err = run(capsys, "ask", question, "--store", store)
        assert "6架" not in err
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
        _, out, err = run(capsys, "ask", question, "--store", store)
    assert "青石街道另有无人机6架。" in err
    assert "无人机6架" not in out.split("! ")[0]


def test_an_answer_as_json_keeps_the_contract(capsys, store):
    code, out, _ = run(capsys, "ask", "哪些街道不具备行政执法权?", "--store", store, "--json")
    answer = json.loads(out)
    assert code == 0
    assert set(answer) == KEYS
    assert {row["source"] for row in answer["survey"]["rows"]} == {path.name for path in SAMPLES}
    for citation in answer["citations"]:
        code, opened, _ = run(capsys, "cite", citation["id"], "--store", store, "--json")
        paragraph = json.loads(opened)["paragraph"]
        assert paragraph["number"] == citation["paragraph"]
        assert paragraph["text"][citation["start"] : citation["end"]] == citation["quote"]


def test_filters_narrow_the_reports(capsys, store):
    _, out, _ = run(
        capsys, "ask", "哪些单位办理信访", "--office", "青石街道", "--year", 2021, "--store", store, "--json"
    )
    assert [row["source"] for row in json.loads(out)["survey"]["rows"]] == ["qingshi-2021.txt"]


def test_a_terminal_answer_lists_its_citations(capsys, store):
    _, out, _ = run(capsys, "ask", "哪些街道不具备行政执法权?", "--store", store)
    assert re.search(r"\[1\] [0-9a-f]{12}-p\d+-s\d+-e\d+", out)


def test_a_quote_is_found_or_exit_1(capsys, store):
    assert run(capsys, "find", "不具备行政执法主体资格", "--store", store)[0] == 0
    assert run(capsys, "find", "此句不在任何报告之中", "--store", store)[0] == 1


def test_the_inventory_names_every_report(capsys, store):
    _, out, _ = run(capsys, "reports", "--store", store, "--json")
    assert {report["office"] for report in json.loads(out)["reports"]} == {"青石街道办事处", "石门镇人民政府"}


def test_verify_and_rebuild_agree(capsys, store):
    assert run(capsys, "rebuild", "--store", store)[0] == 0
    assert run(capsys, "verify", "--store", store)[0] == 0


def test_a_missing_store_tells_how_to_make_one(capsys, tmp_path):
    code, _, err = run(capsys, "ask", "问题", "--store", tmp_path / "none")
    assert code == 1
    assert "ingest.py" in err


def test_a_bad_citation_tells_what_one_looks_like(capsys, store):
    code, _, err = run(capsys, "cite", "14", "--store", store)
    assert code == 1
    assert "3f9ac1d2b07e-p14-s120-e141" in err


def test_a_bad_setting_is_named(capsys, store, monkeypatch):
    monkeypatch.setenv("RAG_CHUNK_TOKENS", "1")
    code, _, err = run(capsys, "reports", "--store", store)
    assert code == 2
    assert "RAG_CHUNK_TOKENS" in err


def test_another_model_than_the_stores_is_refused_with_both_named(capsys, store, monkeypatch):
    monkeypatch.setenv("RAG_EMBEDDING_MODEL", "bundled:multilingual-e5-small")
    code, _, err = run(capsys, "ask", "问题是什么", "--store", store)
    assert code == 1
    assert "hash" in err and "multilingual-e5-small" in err


def test_a_gold_file_is_checked_against_its_reports(capsys, tmp_path):
    gold = ROOT / "data" / "gold" / "sample.jsonl"
    assert run(capsys, "gold", "check", gold, "--reports", ROOT / "data" / "reports")[0] == 0
    question = json.loads(gold.read_text(encoding="utf-8").splitlines()[0])
    question["evidence"][0]["quote"] += "改"
    (tmp_path / "bad.jsonl").write_text(json.dumps(question, ensure_ascii=False), encoding="utf-8")
    code, _, err = run(capsys, "gold", "check", tmp_path / "bad.jsonl", "--reports", ROOT / "data" / "reports")
    assert code == 1
    assert question["id"] in err
