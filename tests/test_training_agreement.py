"""A second hand labelled a part of the data blind; how far the two agree is what the documents say."""

from __future__ import annotations

import json

import pytest

from training.agreement import agreement
from training.data import Text, load_texts

TEXT = Text("a-1", "", "", 2023, ("一", "二", "三", "四"), ((),) * 4, ("",) * 4)


def labelled(tmp_path, **second):
    (tmp_path / "second").mkdir()
    record = {"group": "g", "text": "a-1", "first": {"yes": [0], "near": [1]}, "second": second}
    (tmp_path / "second" / "b.jsonl").write_text(json.dumps(record), encoding="utf-8")
    return agreement({"a-1": TEXT}, tmp_path)


def test_the_same_labels_agree_wholly(tmp_path):
    found = labelled(tmp_path, yes=[0], near=[1])
    assert found["kappa of five labels"] == 1 and found["statements"] == 4


def test_what_is_only_near_does_not_decide(tmp_path):
    found = labelled(tmp_path, yes=[0], near=[2])
    assert found["kappa of yes, no, planned, other"] == 1 and found["kappa of five labels"] < 1


def test_the_second_hand_agrees_with_the_first():
    found = agreement(load_texts())
    assert found["questions"] >= 1000
    assert found["kappa of yes, no, planned, other"] == pytest.approx(1, abs=0.15)
