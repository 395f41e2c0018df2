"""The labelled data: as its format says, as much as is promised, and nothing of what is only measured on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from rag.folding import fold
from rag.loading import find_files, load_document
from training.data import DATA, DataError, load_items, load_texts
from training.splits import CALIBRATION, HELD_OUT, split

ROOT = Path(__file__).parent.parent
RESERVED_QUESTIONS = ("data/gold/surveys.jsonl", "data/further/further-3.jsonl", "data/further/further-4.jsonl")
RESERVED_REPORTS = ("data/further/3/reports", "data/further/4/reports")
SHARED_CHARACTERS = 24
"""A statement that shares so many characters in a row with another is the same, or a stock phrase."""
STOCK = 0.1


@pytest.fixture(scope="module")
def items():
    return load_items()


def squeezed(text: str) -> str:
    return "".join(fold(text).split())


def asked(path: Path) -> set[str]:
    return {squeezed(json.loads(line)["question"]) for line in path.read_text(encoding="utf-8").splitlines() if line}


def test_there_is_as_much_as_is_promised(items):
    assert len(load_texts()) >= 350
    assert sum(len(item.wordings) for item in items) >= 10_000
    across = Counter(item.group for item in items if item.across and not item.opposite)
    assert sum(count >= 12 for count in across.values()) >= 300


def test_a_third_of_the_wordings_are_english(items):
    languages = Counter(wording.language for item in items for wording in item.wordings)
    assert 0.25 < languages["en"] / languages.total() < 0.4


def test_writers_held_out_and_calibrated_on_are_not_trained_on(items):
    trained, calibrating, held_out = split(items)
    assert {item.writer for item in calibrating} == set(CALIBRATION)
    assert {item.writer for item in held_out} == set(HELD_OUT)
    assert not {item.writer for item in trained} & {*CALIBRATION, *HELD_OUT}
    asked_in_training = {wording.text for item in trained for wording in item.wordings}
    assert not asked_in_training & {wording.text for item in held_out for wording in item.wordings}


@pytest.mark.parametrize("path", RESERVED_QUESTIONS)
def test_no_reserved_question_is_in_the_data(items, path):
    assert not {squeezed(wording.text) for item in items for wording in item.wordings} & asked(ROOT / path)


def test_no_question_on_the_real_reports_is_in_the_data(items, shared):
    questions = asked(shared / "gold" / "reports.public.jsonl")
    assert questions and not {squeezed(wording.text) for item in items for wording in item.wordings} & questions


@pytest.mark.parametrize("folder", RESERVED_REPORTS)
def test_no_reserved_report_is_in_the_data(folder):
    assert_apart(ROOT / folder)


def test_no_real_report_is_in_the_data(shared):
    assert_apart(shared / "reports")


def assert_apart(folder: Path):
    """Texts share stock phrases with the reports of the folder, and no more: hardly a statement in a text."""
    parts = set()
    for path in find_files([folder]):
        for block in load_document(path, max_bytes=10_000_000).blocks:
            parts |= runs(squeezed(block.text))
    assert parts
    for text in load_texts().values():
        shared = [statement for statement in map(squeezed, text.statements) if parts & runs(statement)]
        assert len(shared) < len(text.statements) * STOCK, f"{text.name}: {shared}"


def runs(text: str) -> set[str]:
    return {text[start : start + SHARED_CHARACTERS] for start in range(len(text) - SHARED_CHARACTERS + 1)}


def written(tmp_path, record, text="# 青石街道办事处 | 临江区 | 2023\n## 一、不足\n0 一、不足\n1 街道没有执法权。\n"):
    for folder in ("texts", "items", "surveys"):
        (tmp_path / folder).mkdir()
    (tmp_path / "texts" / "a-1.txt").write_text(text, encoding="utf-8")
    (tmp_path / "items" / "a.jsonl").write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    return tmp_path


RECORD = {
    "text": "a-1",
    "type": "survey",
    "questions": [{"q": "谁没有执法权", "lang": "zh"}],
    "yes": [[1, "没有执法权"]],
}


def test_an_item_knows_its_statements(tmp_path):
    (item,) = load_items(written(tmp_path, RECORD))
    assert (item.labels, item.spans, item.writer) == ({1: "yes"}, {1: "没有执法权"}, "a")
    text = load_texts(tmp_path)["a-1"]
    assert (text.office, text.region, text.year, text.paths) == ("青石街道办事处", "临江区", 2023, ((), ("一、不足",)))


def test_the_opposite_question_swaps_yes_and_no_and_leaves_plans_open(tmp_path):
    folder = written(tmp_path, RECORD)
    survey = {
        "questions": [{"q": "谁有执法权", "lang": "zh"}],
        "opposite": [{"q": "谁没有执法权", "lang": "zh"}],
        "over": ["a-1"],
        "labels": {"a-1": {"no": [[1, "没有执法权"]], "planned": [[0, "不足"]]}},
    }
    (folder / "surveys" / "a.jsonl").write_text(json.dumps(survey, ensure_ascii=False), encoding="utf-8")
    _, straight, turned = load_items(folder)
    assert straight.labels == {0: "planned", 1: "no"} and not straight.opposite
    assert turned.labels == {1: "yes"} and turned.unsure == {0} and turned.opposite


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"yes": [[7, "没有"]]}, "no statement 7"),
        ({"yes": [[1, "有执法权啊"]]}, "有执法权啊"),
        ({"text": "a-2"}, "no text 'a-2'"),
    ],
)
def test_a_label_that_points_nowhere_is_named(tmp_path, change, problem):
    with pytest.raises(DataError, match=problem):
        load_items(written(tmp_path, RECORD | change))


def test_a_text_out_of_order_is_named(tmp_path):
    text = "# 青石街道办事处 | 临江区 | 2023\n0 街道没有执法权。\n2 执法3次。\n"
    with pytest.raises(DataError, match=r"a-1\.txt:3"):
        load_items(written(tmp_path, RECORD, text))


def test_the_data_is_where_the_module_says():
    assert (DATA / "texts").is_dir()
