"""Summaries with intervals, the gate, comparing two runs, and the reports a reader sees."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from rag.errors import GoldError
from rag.evaluation.case import Case
from rag.evaluation.compare import compare, load_result
from rag.evaluation.gold import Evidence, GoldQuestion
from rag.evaluation.judge import Judgement, load_judge
from rag.evaluation.report_html import render_html
from rag.evaluation.report_terminal import render, render_comparison
from rag.evaluation.result import Baseline, Origin, build_result, scored
from rag.evaluation.summary import Scored, figure, group_figure, summarise, timings
from rag.evaluation.thresholds import check_gate, load_thresholds, table_name
from rag.types import Filters

HOSTILE = "<script>alert('x')</script> & \"quoted\""


def scored_question(name, kind="fact", language="zh", **scores):
    return Scored(name, kind, language, scores)


def gold_question(name, kind="fact", language="zh"):
    evidence = (Evidence("hill.txt", "调解纠纷三十七件"),)
    return GoldQuestion(name, f"{name}? {HOSTILE}", language, kind, (), Filters(), (("37件",),), evidence, None, False)


def answer_record(text, found=True):
    contexts = [
        {"source": "hill.txt", "text": "全年调解纠纷三十七件。", "score": 1.0, "report_id": "r", "paragraph": 1}
    ]
    return {
        "question": "",
        "language": "zh",
        "route": "passage",
        "answer": text,
        "refused": False,
        "citations": [],
        "contexts": contexts if found else [],
        "survey": None,
        "facts": [],
        "engine": "extractive",
        "notes": [],
        "elapsed_ms": {"retrieve": 10, "total": 20},
    }


@pytest.fixture
def gold_file(tmp_path):
    path = tmp_path / "reports.mine.jsonl"
    path.write_text("{}", encoding="utf-8")
    return path


@pytest.fixture
def make_result(gold_file):
    def make(texts, **extra):
        cases = [Case(gold_question(name), answer_record(text)) for name, text in texts.items()]
        origin = Origin(gold_file, {"top_k": 10}, {"corpus": "abc"}, "c0ffee", "2024-01-01T00:00:00+00:00")
        return build_result(cases, scored(cases), origin, **extra)

    return make


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_the_interval_holds_the_mean_and_repeats_itself(values):
    found = figure(values, "metric")
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9
    assert found == figure(values, "metric")


def test_what_does_not_apply_counts_for_nothing():
    questions = [scored_question("a", mrr=1.0), scored_question("b", mrr=None), scored_question("c", mrr=0.0)]
    assert group_figure(questions, "mrr", "all").value == 0.5
    assert group_figure(questions, "mrr", "all").questions == 2
    assert group_figure(questions, "survey_f1", "all") is None


def test_figures_are_given_for_all_and_each_language_and_kind():
    questions = [scored_question("a", "fact", "zh", mrr=1.0), scored_question("b", "list", "en", mrr=0.0)]
    table = summarise(questions, ["mrr"])
    assert {group: found.value for group, found in table["mrr"].items()} == {
        "all": 0.5,
        "zh": 1.0,
        "en": 0.0,
        "fact": 1.0,
        "list": 0.0,
    }


def test_kinds_joined_by_plus_are_one_group():
    questions = [scored_question(kind, kind, mrr=value) for kind, value in (("fact", 1), ("list", 0), ("count", 9))]
    assert group_figure(questions, "mrr", "fact+list").value == 0.5


def test_times_are_median_and_95th_percentile_of_each_stage():
    found = timings([{"elapsed_ms": {"total": value}} for value in range(1, 101)])["total"]
    assert found.median.value == pytest.approx(50.5)
    assert found.percentile_95.value == pytest.approx(95.05)
    assert found.median.low < 50.5 < found.median.high


@pytest.mark.parametrize(
    ("metric", "value", "bound", "passes"),
    [
        ("mrr", 0.90, 0.90, True),
        ("mrr", 0.89, 0.90, False),
        ("false_refusal", 0.04, 0.05, True),
        ("false_refusal", 0.06, 0.05, False),
    ],
)
def test_the_gate_is_a_floor_or_a_ceiling(tmp_path, metric, value, bound, passes):
    path = tmp_path / "thresholds.toml"
    path.write_text(f"[mine]\n{metric}.all = {bound}\n", encoding="utf-8")
    (check,) = check_gate(load_thresholds(path, "mine"), [scored_question("a", **{metric: value})])
    assert check.passed is passes


def test_a_threshold_that_nothing_measures_any_more_does_not_pass(tmp_path):
    path = tmp_path / "thresholds.toml"
    path.write_text("[mine]\nmrr.survey = 0.5\n", encoding="utf-8")
    (check,) = check_gate(load_thresholds(path, "mine"), [scored_question("a", mrr=1.0)])
    assert (check.value, check.passed) == (None, False)


def test_a_gold_file_without_a_table_has_no_gate(tmp_path, gold_file):
    path = tmp_path / "thresholds.toml"
    path.write_text("[other]\nmrr.all = 0.5\n", encoding="utf-8")
    assert table_name(gold_file) == "reports-mine"
    assert load_thresholds(path, table_name(gold_file)) == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[mine]\nrecal.all = 1", "no metric 'recal'"),
        ("[mine]\nmrr.surveys = 1", "no group 'surveys'"),
        ("[mine]\nmrr.all = 'high'", "give a number"),
        ("[mine]\nmrr = 0.5", "write mrr.all"),
        ("mine = 1", "is not a table"),
        ("[mine", "Cannot use the thresholds file"),
    ],
)
def test_an_unusable_threshold_is_told(tmp_path, text, told):
    path = tmp_path / "thresholds.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(GoldError, match=re.escape(told)):
        load_thresholds(path, "mine")


def test_comparing_tells_which_questions_changed_and_whether_it_is_clear(make_result):
    before = make_result({f"q{number}": "不知道" for number in range(12)} | {"same": "37件"})
    after = make_result({f"q{number}": "37件" for number in range(12)} | {"same": "37件", "new": "37件"})
    comparison = compare(before, after)
    facts = next(item for item in comparison.differences if item.metric == "fact_recall")
    assert (facts.before, facts.after) == (pytest.approx(1 / 13), 1.0)
    assert facts.is_clear
    assert {change.id for change in comparison.changes if change.metric == "fact_recall"} == {
        f"q{n}" for n in range(12)
    }
    assert comparison.unpaired == ("new",)


def test_a_run_compared_with_itself_has_no_change(make_result):
    result = make_result({"a": "37件", "b": "不知道"})
    comparison = compare(result, json.loads(json.dumps(result)))
    assert comparison.changes == ()
    assert not any(item.is_clear or item.change.value for item in comparison.differences)


def test_only_results_can_be_compared(tmp_path):
    path = tmp_path / "other.json"
    for text in ("[]", "{}", "no json"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(GoldError, match=r"Give a file that --json wrote\."):
            load_result(path)


def shown(renderable):
    console = Console(width=200, record=True, force_terminal=False)
    console.print(renderable)
    return console.export_text()


def test_the_terminal_shows_metrics_baselines_times_and_the_gate(make_result, tmp_path):
    path = tmp_path / "thresholds.toml"
    path.write_text("[mine]\nfact_recall.all = 0.9\nmrr.all = 0.1\n", encoding="utf-8")
    thresholds = load_thresholds(path, "mine")
    gate = check_gate(thresholds, [scored_question("a", fact_recall=0.5, mrr=1.0)])
    text = shown(render(make_result({"a": "不知道"}, gate=gate, baselines=[Baseline("plain", {"a": []})])))
    for words in ("recall_at_10", "this system", "plain", "median", "95th percentile", "FAILED", "passed", "--corpus"):
        assert words in text


def test_the_terminal_shows_a_comparison(make_result):
    text = shown(render_comparison(compare(make_result({"a": "不知道"}), make_result({"a": "37件"}))))
    assert re.search(r"fact_recall\W+0\.000\W+1\.000\W+\+1\.000", text)


def test_the_page_escapes_everything_and_needs_no_network(make_result):
    page = render_html(make_result({"a": HOSTILE}))
    assert HOSTILE not in page
    assert page.count("<script>") == 1
    assert "&lt;script&gt;alert" in page
    assert not re.search(r"(src|href)=|url\(|@import|https?://", page)


def test_the_page_tells_what_each_question_missed(make_result):
    page = render_html(make_result({"a": "不知道", "b": "37件"}, baselines=[Baseline("plain", {"a": [], "b": []})]))
    assert 'data-misses="fact missing|evidence not cited|markers"' in page
    assert "fact missing (1)" in page
    assert "plain: 0.000" in page


def test_the_result_records_what_made_it(make_result):
    result = make_result({"a": "37件"})
    recorded = {name: result[name] for name in ("commit", "date", "settings", "identity", "engines")}
    assert recorded == {
        "commit": "c0ffee",
        "date": "2024-01-01T00:00:00+00:00",
        "settings": {"top_k": 10},
        "identity": {"corpus": "abc"},
        "engines": {"extractive": 1},
    }
    assert result["gold"]["file"] == "reports.mine.jsonl"
    assert json.loads(json.dumps(result)) == result


class Strict:
    name = "strict judge"

    def judge(self, question, answer):
        return Judgement(0.25, "too short") if question.id == "a" else None


def test_a_judge_is_shown_as_advice_and_is_no_metric(make_result):
    result = make_result({"a": "37件", "b": "37件"}, judge=load_judge(f"{__name__}:Strict"))
    assert result["judge"]["score"]["value"] == 0.25
    assert "Advisory only: judged 0.250 by strict judge" in shown(render(result))
    assert "too short" in render_html(result)
    assert not any("judge" in name for name in result["metrics"])


@pytest.mark.parametrize("reference", ["nothing", "no.such.module:judge", "json:nothing", ":"])
def test_a_judge_that_cannot_be_made_is_told(reference):
    with pytest.raises(GoldError, match="Give module:function"):
        load_judge(reference)
