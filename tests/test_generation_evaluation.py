"""The evaluation with a chat model and without one: which engine ran, what it left unverified, follow-ups, refusals."""

import json
from pathlib import Path

import pytest

import evaluate
from rag.evaluation.answer_metrics import fact_recall, refusal_right, unverified_share
from rag.evaluation.case import Case
from rag.evaluation.citation_metrics import markers_resolve
from rag.evaluation.gold import load_gold
from rag.evaluation.run import run
from rag.pipeline import Rag
from rag.serialising import answer_to_dict
from rag.settings import load_settings
from rag.types import Turn
from tests.scripted_server import Reply, ScriptedServer

SAMPLE = Path(__file__).parent.parent / "data" / "gold" / "sample.jsonl"
REPORTS = Path(__file__).parent.parent / "data" / "reports"
SILENT = Reply("报告没有说明这一点。")
STANDING_ALONE = {
    "那一年花了多少钱请的？": "青石街道2021年聘请法律顾问花了多少钱？",
    "And how many cases were let off under it?": "How many cases did Yunxi sub-district (Linjiang) exempt from penalty "
    "under the no-penalty list in 2023?",
    "24年呢？": "柳河镇2024年土地类纠纷有多少件？",
    "它一年调成了几起？": "望山乡2024年“九叔火塘”调解室调解成功多少起？",
    "How many of those did the director himself attend?": "How many administrative lawsuits did the director of "
    "Fengqiaoling attend himself in 2024?",
    "23年呢？": "紫荆街道2023年执法立案多少件？",
    "And the year before?": "How many disputes did Changbu settle in 2023?",
    "那再上一年是多少": "白鹭乡2022年信访多少件",
    "一共赔了人家多少": "双塔街道2023年行政诉讼一共赔偿多少？",
    "Who leads it?": "Who leads the enforcement team of Shimen town?",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "store"
    with Rag(load_settings(store=path, embedding_model="hash"), create=True, owner=True) as rag:
        assert not rag.ingest([REPORTS]).failures
    return path


@pytest.fixture(scope="module")
def follow_ups():
    return [question for question in load_gold(SAMPLE) if question.kind == "followup"]


def able(questions):
    """Return the script of a model that rewrites follow-ups, and quotes the evidence where it is shown it."""
    quotes = [evidence.quote for question in questions for evidence in question.evidence]

    def script(request):
        if request.follow_up:
            return Reply(STANDING_ALONE[request.follow_up])
        shown = ((name, quote) for name, text in request.sources.items() for quote in quotes if quote in text)
        said = "。".join(f"“{quote}”[{name}]" for name, quote in shown)
        return Reply(said + "。") if said else SILENT

    return script


def scored(store, questions, metric, **model):
    with Rag(load_settings(store=store, embedding_model="hash", llm_retries=0 if model else None, **model)) as rag:
        answers = run(questions, rag, answer_to_dict, identity=rag.identity())
    return [metric(Case(question, answers[question.id])) for question in questions], answers


def test_follow_up_gold_questions_are_answered_by_rule_without_a_model(store, follow_ups):
    scores, answers = scored(store, follow_ups, fact_recall)
    assert sum(scores) / len(scores) >= 0.7
    assert {answer["engine"] for answer in answers.values()} == {"extractive"}


def test_follow_up_gold_questions_are_rewritten_and_answered_with_a_model(store, follow_ups):
    assert {question.question for question in follow_ups} == set(STANDING_ALONE)
    with ScriptedServer(able(follow_ups)) as server:
        model = {"llm_model": "scripted", "llm_base_url": server.url}
        scores, answers = scored(store, follow_ups, fact_recall, **model)
        resolved, _ = scored(store, follow_ups, markers_resolve, **model)
    assert scores == [1.0] * len(follow_ups)
    assert resolved == [1.0] * len(follow_ups)
    for question in follow_ups:
        answer = answers[question.id]
        assert answer["engine"] == "scripted"
        assert answer["question"] == question.question
        assert STANDING_ALONE[question.question] in answer["notes"][0]


def test_a_follow_up_that_the_reports_do_not_answer_is_refused_on_every_turn(store):
    """The model rewrites each turn and then claims what no report says."""
    turns = [
        ("青石街道2021年有多少架无人机？", "青石街道2021年有多少架无人机？"),
        ("那2022年呢？", "青石街道2022年有多少架无人机？"),
        ("花了多少钱买的？", "青石街道2022年买无人机花了多少钱？"),
    ]

    def script(request):
        if request.follow_up:
            return Reply(dict(turns)[request.follow_up])
        return Reply(f"青石街道共有无人机6架，花费4.8万元[{next(iter(request.sources))}]。")

    with ScriptedServer(script) as server:
        for model in ({}, {"llm_model": "scripted", "llm_base_url": server.url, "llm_retries": 0}):
            history = []
            with Rag(load_settings(store=store, embedding_model="hash", **model)) as rag:
                for question, _ in turns:
                    answer = rag.ask(question, history=history)
                    assert answer.refused, answer.answer
                    assert "6架" not in answer.answer
                    history.append(Turn(question, answer.answer))
        assert len([request for request in server.requests if request.follow_up]) == 2


def parrot(sentences):
    """Return the script of a model that copies so many sentences of what it is shown, whatever is asked."""

    def script(request):
        copied = [
            f"{sentence}[{name}]。"
            for name, text in request.sources.items()
            for sentence in text.splitlines()[-1].split("。")[:sentences]
            if sentence
        ]
        return Reply("I copy." if "JSON" in request.system or not copied else "".join(copied[:sentences]))

    return script


@pytest.mark.parametrize("script", [parrot(1), parrot(30), lambda request: Reply("共有99件。")], ids=["1", "30", "lie"])
def test_gold_questions_to_be_refused_stay_refused_whatever_the_model_says(store, script):
    """What is true and beside the question does not overturn a refusal, and what is untrue even less."""
    questions = [question for question in load_gold(SAMPLE) if question.refuse]
    without, _ = scored(store, questions, refusal_right)
    with ScriptedServer(script) as server:
        scores, _ = scored(store, questions, refusal_right, llm_model="scripted", llm_base_url=server.url)
        assert server.requests
    assert sum(without) >= 0.9 * len(questions)
    assert scores == without


@pytest.fixture
def gold(tmp_path):
    """Two gold questions, and no gate."""
    kept = [line for line in SAMPLE.read_text(encoding="utf-8").splitlines() if '"kind": "number"' in line][:2]
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(kept), encoding="utf-8")
    (tmp_path / "none.toml").write_text("", encoding="utf-8")
    return path


def evaluated(gold, store, monkeypatch, capsys, **environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RAG_EMBEDDING_MODEL", "hash")
    out, gate = gold.with_suffix(".json"), gold.parent / "none.toml"
    given = [str(gold), "--store", str(store), "--corpus", str(REPORTS), "--thresholds", str(gate), "--json", str(out)]
    assert evaluate.main([*given, "--html", str(out.with_suffix(".html"))]) == 0
    page = out.with_suffix(".html").read_text(encoding="utf-8")
    return json.loads(out.read_text(encoding="utf-8")), capsys.readouterr().out, page


def test_without_a_model_the_header_says_so_and_no_share_is_unverified(gold, store, monkeypatch, capsys):
    result, printed, page = evaluated(gold, store, monkeypatch, capsys)
    assert "mine.jsonl: 2 questions, engine extractive" in printed
    assert "engine extractive" in page
    assert "unverified_share" not in printed
    assert [question["scores"]["unverified_share"] for question in result["questions"]] == [None, None]


def test_with_a_model_the_header_names_it_and_the_share_of_its_lies_is_measured(gold, store, monkeypatch, capsys):
    """One true statement and one lie about the first question; the model fails on the second."""
    first = load_gold(gold)[0]

    def script(request):
        if first.question not in request.user:
            return Reply(status=500)
        return Reply(f"“{first.evidence[0].quote}”[{request.id_of(first.evidence[0].quote)}]。另有无人机6架。")

    with ScriptedServer(script) as server:
        model = {"LLM_MODEL": "small-one", "LLM_BASE_URL": server.url, "RAG_LLM_RETRIES": "0"}
        result, printed, page = evaluated(gold, store, monkeypatch, capsys, **model)
    told = "engine small-one (answers: small-one 1, extractive 1)"
    assert told in printed
    assert told in page
    assert [question["scores"]["unverified_share"] for question in result["questions"]] == [0.5, None]
    assert result["engines"] == {"small-one": 1, "extractive": 1}
    assert result["summary"]["unverified_share"]["all"]["questions"] == 1


@pytest.mark.parametrize(
    ("statements", "share"), [(None, None), ({"made": 0, "unverified": 0}, None), ({"made": 4, "unverified": 1}, 0.25)]
)
def test_the_unverified_share_is_of_the_statements_made(follow_ups, statements, share):
    assert unverified_share(Case(follow_ups[0], {"statements": statements})) == share


def test_a_reply_that_falls_as_a_whole_counts_as_unverified(store):
    with ScriptedServer(Reply("青石街道共有无人机6架。花费99万元。")) as server:
        model = {"llm_model": "scripted", "llm_base_url": server.url}
        with Rag(load_settings(store=store, embedding_model="hash", **model)) as rag:
            answer = rag.ask("青石街道2021年的法律顾问是哪家律师事务所？")
    assert answer.engine == "extractive"
    assert (answer.statements.made, answer.statements.unverified) == (2, 2)
