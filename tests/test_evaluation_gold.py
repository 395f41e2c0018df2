"""A gold file is read whole or refused with every line and field at fault."""

import json
from pathlib import Path

import pytest

from rag.errors import GoldError
from rag.evaluation.gold import KINDS, check_gold, load_gold
from rag.types import Filters, Turn

TEMPLATE = Path(__file__).parent.parent / "data" / "gold" / "TEMPLATE.jsonl"
RIGHT = {
    "id": "number-disputes",
    "question": "松岭街道调解了多少件纠纷？",
    "lang": "zh",
    "kind": "number",
    "history": [],
    "filters": {"office": ["松岭街道"], "year": [2022]},
    "facts": [["37件", "37 件"]],
    "evidence": [{"source": "hill.txt", "quote": "调解邻里纠纷37件"}],
    "reports": None,
    "refuse": False,
}
TEXTS = {"hill.txt": "松岭街道全年调解邻里\n纠纷 37 件。", "lake.txt": "镜湖镇有执法权。"}


@pytest.fixture
def write(tmp_path):
    def write_records(*records):
        path = tmp_path / "mine.jsonl"
        lines = (record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records)
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write_records


def test_a_question_is_read_with_its_filters_and_facts(write):
    (question,) = load_gold(write(RIGHT))
    assert question.filters == Filters(offices=("松岭街道",), years=(2022,))
    assert question.facts == (("37件", "37 件"),)
    assert question.evidence[0].source == "hill.txt"


def test_earlier_turns_are_read(write):
    (question,) = load_gold(write({**RIGHT, "kind": "followup", "history": [["去年呢？", "30件"]]}))
    assert question.history == (Turn("去年呢？", "30件"),)


def test_the_template_is_a_valid_gold_file_with_every_kind():
    assert {question.kind for question in load_gold(TEMPLATE)} == set(KINDS)


def test_empty_lines_and_a_byte_order_mark_do_no_harm(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text("\n" + json.dumps(RIGHT) + "\r\n\n", encoding="utf-8-sig")
    assert len(load_gold(path)) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "facts"}, "field 'kind' is 'facts'; give one of fact, number"),
        ({"kind": ["fact"]}, "field 'kind'"),
        ({"lang": "de"}, "field 'lang' is 'de'; give one of zh, en"),
        ({"id": "Not Kebab"}, "field 'id' is 'Not Kebab'"),
        ({"question": "  "}, "field 'question'"),
        ({"facts": ["37件"]}, "field 'facts'"),
        ({"facts": [[]]}, "field 'facts'"),
        ({"evidence": [{"source": "hill.txt"}]}, "field 'evidence'"),
        ({"filters": {"years": [2022]}}, "field 'filters'"),
        ({"filters": {"year": ["2022"]}}, "field 'filters'"),
        ({"reports": {"yes": ["hill.txt"]}}, "field 'reports'"),
        ({"refuse": "no"}, "field 'refuse' is 'no'; give true or false"),
        ({"refuse": True}, "'refuse' is true"),
        ({"kind": "unanswerable", "facts": []}, "field 'refuse' is false"),
        ({"kind": "followup"}, "field 'history'"),
        ({"history": [["去年呢？", "30件"]]}, "field 'history'"),
        ({"reports": {"yes": ["a.txt"], "no": ["a.txt"]}}, "as yes and as no"),
        ({"facts": [], "evidence": []}, "nothing can be checked"),
    ],
)
def test_a_mistake_is_told_by_line_and_field(write, change, told):
    with pytest.raises(GoldError) as caught:
        load_gold(write(RIGHT, {**RIGHT, "id": "second", **change}))
    assert "line 2: " in str(caught.value)
    assert told in str(caught.value)
    assert "line 1: " not in str(caught.value)


@pytest.mark.parametrize("field", sorted(RIGHT))
def test_a_missing_field_is_named(write, field):
    with pytest.raises(GoldError, match=f"line 1: field '{field}' is missing; give "):
        load_gold(write({name: value for name, value in RIGHT.items() if name != field}))


def test_an_id_used_twice_is_told_with_both_lines(write):
    with pytest.raises(GoldError, match="line 3: field 'id' is 'number-disputes', as on line 1"):
        load_gold(write(RIGHT, {**RIGHT, "id": "other"}, RIGHT))


@pytest.mark.parametrize("line", ["{", "[]", '"text"', "null"])
def test_a_line_that_is_no_object_is_told(write, line):
    with pytest.raises(GoldError, match="line 2: not (JSON|a JSON object)"):
        load_gold(write(RIGHT, line))


def test_a_file_without_questions_or_without_text_is_told(write, tmp_path):
    with pytest.raises(GoldError, match="no questions"):
        load_gold(write(""))
    with pytest.raises(GoldError, match="missing.jsonl"):
        load_gold(tmp_path / "missing.jsonl")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GoldError, match="UTF-8"):
        load_gold(tmp_path / "bytes.jsonl")


def test_quotes_are_checked_against_the_files_white_space_aside(write):
    assert len(check_gold(write(RIGHT), TEXTS)) == 1
    altered = {**RIGHT, "evidence": [{"source": "hill.txt", "quote": "调解邻里纠纷38件"}]}
    with pytest.raises(GoldError, match="number-disputes: quote '调解邻里纠纷38件' does not stand in 'hill.txt'"):
        check_gold(write(altered), TEXTS)


def test_sources_that_the_corpus_lacks_are_named(write):
    survey = {**RIGHT, "kind": "survey", "reports": {"yes": ["lake.txt"], "no": ["sea.txt"]}}
    with pytest.raises(GoldError, match="number-disputes: source 'sea.txt' is not in the corpus"):
        check_gold(write(survey), TEXTS)
