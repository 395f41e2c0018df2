from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_reports import EMBEDDER, stored_report

from rag.catalog import BuiltWith, Catalog
from rag.index import lexical, tokenize
from rag.index import search as facade
from rag.index.tokens import may_carry_content


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(tmp_path / "store", BuiltWith(EMBEDDER.name, 320), create=True) as opened:
        for number in range(6):
            opened.put_report(stored_report(f"{number}.txt", f"街道第{number}次会议研究依法行政工作。"))
        opened.put_report(stored_report("x.txt", "受理12345热线工单380件，2023年使用AI巡查。"))
        yield opened


def test_words_and_character_pairs_are_both_tokens():
    tokens = tokenize("不具备行政执法权")
    assert {"行政", "执法", "执法权", "具备"} <= set(tokens)
    assert "备行" in tokens


@pytest.mark.parametrize(
    ("written", "plain"), [("執法權", "执法权"), ("ＡＩ巡查１２件", "ai巡查12件"), ("WeChat", "wechat")]
)
def test_script_width_and_case_make_no_difference(written, plain):
    assert tokenize(written) == tokenize(plain)


@given(st.text())
def test_any_text_can_be_cut_and_tokens_carry_no_white_space(text):
    assert all(token and not any(character.isspace() for character in token) for token in tokenize(text))


def test_punctuation_is_no_token():
    assert tokenize("，。！？ —— …") == []


@pytest.mark.parametrize(
    ("token", "expected"),
    [("执法", True), ("的", False), ("2023", False), ("26", False), ("12345", True), ("ai", True)],
)
def test_years_small_numbers_and_single_characters_carry_no_content(token, expected):
    assert may_carry_content(token) is expected


def test_a_question_without_a_word_of_the_corpus_has_nothing_to_say(catalog):
    index = lexical.build(catalog)
    assert index.search("how many drones were used in 2023?", 5) is None
    assert index.search("", 5) is None
    assert index.search("街道", 5) is None, "a word of nearly every chunk tells none apart"
    assert len(index.search("how many 12345 hotline orders?", 5)) == 1


def test_tokens_already_cut_are_taken_as_they_are(catalog):
    index = lexical.build(catalog)
    assert len(index.search(["热线", "unknown"], 5)) == 1
    assert index.search(["热线工单380件"], 5) is None


def test_a_saved_index_ranks_as_the_one_in_memory(catalog):
    built = lexical.build(catalog)
    lexical.build_saved(catalog)
    loaded = lexical.load(catalog)
    assert lexical.problems(catalog) == []
    for question in ("第3次会议", "热线工单", "依法行政会议"):
        assert loaded.search(question, 5) == built.search(question, 5)


def test_a_reader_far_behind_a_busy_writer_leaves_removed_reports_out(catalog, monkeypatch):
    lexical.build_saved(catalog)
    with facade.Index.open(catalog) as index:
        monkeypatch.setattr(facade, "EXACT_UP_TO", 0)
        found = index.lexical("热线工单", 5)
        assert len(found) == 1
        catalog.remove_file("/reports/x.txt")
        assert index.lexical("热线工单", 5) == []
