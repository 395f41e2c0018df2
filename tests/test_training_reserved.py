"""Whole questions answered by the reader alone: which reports they are of, and what counts as right."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rag.embedding import HashEmbedder
from rag.evidence import Thresholds
from rag.evidence.scripted import ScriptedScorer
from training.reserved import Corpus, evaluate_set

THRESHOLDS = Thresholds(0.5, 0.5, 0.9, 0.3)
REPORTS = {
    "a.txt": "青石街道办事处2023年法治政府建设情况报告\n\n一、主要做法\n街道没有行政执法权。全年调解纠纷26件。\n",
    "b.txt": "白鹭街道办事处2023年法治政府建设情况报告\n\n一、主要做法\n街道有行政执法权87项。\n",
    "c.txt": "白鹭街道办事处2022年法治政府建设情况报告\n\n一、主要做法\n全年普法12场。\n",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    for name, text in REPORTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return Corpus.read(folder, HashEmbedder())


def question(text, **fields):
    base = {"id": "q-1", "question": text, "lang": "zh", "kind": "fact", "history": [], "filters": {}, "facts": [["x"]]}
    return base | {"evidence": [], "reports": None, "refuse": False} | fields


def judge(asked, passage):
    if "26件" in passage.text and "纠纷" in asked:
        return "yes"
    if "执法权" not in asked:
        return "irrelevant"
    return "yes" if "没有行政执法权" in passage.text else "no" if "行政执法权87项" in passage.text else "irrelevant"


def measured(corpus, tmp_path, *questions):
    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in questions), encoding="utf-8")
    return evaluate_set(path, corpus, ScriptedScorer(judge), THRESHOLDS, HashEmbedder())


def test_a_perfect_judge_gets_a_survey_right(corpus, tmp_path):
    gold = {"yes": ["a.txt"], "no": ["b.txt"]}
    found = measured(corpus, tmp_path, question("哪些街道没有执法权？", kind="survey", reports=gold, facts=[]))
    assert (found["survey F1"], found["recall of no"], found["survey questions"]) == (1, 1, 1)


def test_evidence_is_found_and_what_nobody_says_is_told_apart(corpus, tmp_path):
    found = measured(
        corpus,
        tmp_path,
        question("青石街道2023年调解了多少纠纷", evidence=[{"source": "a.txt", "quote": "全年调解纠纷26件"}]),
        question("白鹭街道2023年调解了多少纠纷", id="q-2", kind="unanswerable", refuse=True, facts=[]),
    )
    assert found["evidence in the first 5"] == 1 and found["AUC of answerable"] == 1


@pytest.mark.parametrize(
    ("asked", "filters", "sources"),
    [
        ("白鹭街道2023年做了什么", {}, {"b.txt"}),
        ("白鹭街道做了什么", {}, {"b.txt", "c.txt"}),
        ("做了什么", {"office": ["白鹭街道"], "year": [2022]}, {"c.txt"}),
        ("白鹭街道2019年做了什么", {}, set()),
        ("做了什么", {}, set(REPORTS)),
    ],
)
def test_the_scope_is_what_is_named_or_filtered(corpus, tmp_path, asked, filters, sources):
    from rag.evaluation.gold import load_gold

    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps(question(asked, filters=filters), ensure_ascii=False), encoding="utf-8")
    (gold,) = load_gold(path)
    assert {corpus.reports[place].meta.source for place in corpus.scope(gold)} == sources


def test_each_statement_has_its_vector(corpus):
    assert all(len(rows) == len(made) for rows, made in zip(corpus.vectors, corpus.passages, strict=True))
    assert np.isfinite(corpus.vectors[0]).all()
