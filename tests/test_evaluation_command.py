"""``evaluate.py`` as users run it: exit status, files written, messages."""

import json

import pytest

import evaluate

REPORT = "松岭街道2022年法治政府建设情况报告\n\n全年调解邻里纠纷37件，其中35件当场和解。\n"
QUOTE = "全年调解邻里纠纷37件"
GOLD = {
    "id": "disputes",
    "question": "松岭街道调解了多少件纠纷？",
    "lang": "zh",
    "kind": "number",
    "history": [],
    "filters": {},
    "facts": [["37件"]],
    "evidence": [{"source": "hill.txt", "quote": QUOTE}],
    "reports": None,
    "refuse": False,
}


class Clerk:
    """Stands in for the system: knows one answer and how often it was asked."""

    asked = 0
    answer = f"松岭街道：{QUOTE}[1]"

    def __init__(self, settings):
        self.settings = settings

    def ask(self, question, *, filters, history):
        type(self).asked += 1
        place = {"source": "hill.txt", "report_id": "r", "paragraph": 2}
        cited = {**place, "marker": 1, "id": "x", "office": None, "region": None, "year": 2022, "section": []}
        return {
            "question": question,
            "language": "zh",
            "route": "passage",
            "answer": self.answer,
            "refused": False,
            "citations": [{**cited, "start": 0, "end": len(QUOTE), "quote": QUOTE}],
            "contexts": [{**place, "text": QUOTE, "score": 1.0}],
            "survey": None,
            "facts": [],
            "engine": "extractive",
            "notes": [],
            "elapsed_ms": {"total": 5},
        }

    def reports(self):
        return []

    def identity(self):
        return {"corpus": "abc"}

    def close(self):
        pass


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A gold file beside a folder of reports, a gate, and the stand-in."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "gold").mkdir()
    (tmp_path / "reports" / "hill.txt").write_text(REPORT, encoding="utf-8")
    (tmp_path / "gold" / "mine.jsonl").write_text(json.dumps(GOLD), encoding="utf-8")
    (tmp_path / "gate.toml").write_text("[mine]\nfact_recall.number = 1.0\nverbatim.all = 1.0\n", encoding="utf-8")
    monkeypatch.setattr(evaluate, "Rag", Clerk)
    monkeypatch.setattr(evaluate, "answer_to_dict", dict)
    monkeypatch.setattr(Clerk, "asked", 0)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return evaluate.main(["gold/mine.jsonl", "--thresholds", "gate.toml", *arguments])


def test_a_run_above_its_thresholds_ends_with_0_and_prints_the_metrics(folder, capsys):
    assert run() == 0
    printed = capsys.readouterr().out
    assert "recall_at_10" in printed
    assert "passed" in printed


def test_a_run_below_a_threshold_ends_with_1_and_names_it(folder, monkeypatch, capsys):
    monkeypatch.setattr(Clerk, "answer", "松岭街道：38件[1]")
    assert run() == 1
    assert "FAILED" in capsys.readouterr().out


def test_a_quote_that_the_file_lacks_fails_the_gate_even_if_the_store_has_it(folder):
    (folder / "reports" / "hill.txt").write_text(REPORT.replace("邻里", "商户"), encoding="utf-8")
    assert run() == 1


def test_answers_result_and_page_are_written(folder):
    assert run("--answers", "out/a.jsonl", "--json", "out/a.json", "--html", "out/a.html") == 0
    assert json.loads((folder / "out/a.jsonl").read_text(encoding="utf-8"))["id"] == "disputes"
    assert json.loads((folder / "out/a.json").read_text(encoding="utf-8"))["identity"] == {"corpus": "abc"}
    assert QUOTE in (folder / "out/a.html").read_text(encoding="utf-8")


def test_resuming_a_finished_run_asks_nothing_and_gives_the_same_scores(folder):
    run("--answers", "a.jsonl", "--json", "first.json")
    run("--answers", "a.jsonl", "--resume", "--json", "second.json")
    first, second = (json.loads((folder / name).read_text(encoding="utf-8")) for name in ("first.json", "second.json"))
    assert Clerk.asked == 1
    assert first["summary"] == second["summary"]


def test_two_results_are_compared(folder, monkeypatch, capsys):
    run("--json", "a.json")
    monkeypatch.setattr(Clerk, "answer", "松岭街道：38件[1]")
    run("--json", "b.json")
    assert evaluate.main(["compare", "a.json", "b.json", "--json", "out/change.json"]) == 0
    assert "Questions that changed: 1" in capsys.readouterr().out
    changes = json.loads((folder / "out/change.json").read_text(encoding="utf-8"))["changes"]
    assert {"id": "disputes", "metric": "fact_recall", "before": 1.0, "after": 0.0} in changes


def test_the_baselines_stand_beside_ours(folder, monkeypatch, capsys):
    monkeypatch.setenv("RAG_EMBEDDING_MODEL", "hash")
    assert run("--baselines") == 0
    assert "500 characters, BM25" in capsys.readouterr().out


def test_without_the_files_quotes_are_not_vouched_for(folder, capsys):
    (folder / "reports" / "hill.txt").unlink()
    assert run() == 1
    assert "Quotes were not checked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["missing.jsonl"], "missing.jsonl"),
        (["gold/mine.jsonl", "--corpus", "nowhere"], "nowhere"),
        (["gold/mine.jsonl", "--thresholds", "nowhere.toml"], "nowhere.toml"),
        (["gold/mine.jsonl", "--judge", "nothing"], "--judge 'nothing'"),
        (["compare", "missing.json", "missing.json"], "missing.json"),
    ],
)
def test_what_cannot_be_used_ends_with_2_and_is_named(folder, capsys, arguments, told):
    assert evaluate.main(arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["gold/mine.jsonl", "--resume"], ["gold/mine.jsonl", "--workers", "0"]])
def test_bad_usage_ends_with_2(folder, arguments):
    with pytest.raises(SystemExit) as stopped:
        evaluate.main(arguments)
    assert stopped.value.code == 2


def test_a_gold_quote_that_does_not_stand_in_its_file_is_warned_of(folder, capsys):
    wrong = {**GOLD, "evidence": [{"source": "hill.txt", "quote": "没有的话"}]}
    (folder / "gold" / "mine.jsonl").write_text(json.dumps(wrong), encoding="utf-8")
    run()
    assert "Warning: disputes: quote '没有的话' does not stand in 'hill.txt'" in capsys.readouterr().err
