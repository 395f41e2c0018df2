from dataclasses import replace

import pytest
from ui_scripted import HAS, HOSTILE, LACKS, Reader, hostile_answer, survey_answer

from rag.errors import CitationError, GenerationError, QuestionError, RagError, StoreError
from rag.types import Filters, Route
from rag.ui.answers import answer_html, error_html, partial_html


def buttons(html):
    return [attributes for name, attributes in Reader(html).tags if name == "button"]


def test_every_marker_and_every_listed_source_opens_its_citation():
    html = answer_html(survey_answer("哪些街道不具备行政执法权？"), Filters(), "zh")
    openers = [button for button in buttons(html) if "data-citation" in button]
    opened = [button["data-citation"] for button in openers]
    assert opened.count(LACKS.id) == 3  # in the text, in the survey table, in the list of sources
    assert opened.count(HAS.id) == 3
    assert all(button["aria-label"].startswith("出处 ") for button in openers)


def test_notes_route_engine_time_and_scope_are_shown():
    filters = Filters(offices=("松岭街道办事处",), years=(2022, 2023))
    text = Reader(answer_html(survey_answer("哪些？"), filters, "zh")).text
    assert "说明hostile.html：单位和年份不详。" in text
    assert text.endswith("回答方式：普查 · 原文摘录 · 0.2 秒 · 范围：松岭街道办事处 · 2022年、2023年")


def test_a_way_of_answering_that_the_reader_chose_is_told_from_one_that_the_wording_suggested():
    answer = survey_answer("哪些？")
    assert "普查（手动选择）" in Reader(answer_html(answer, Filters(), "zh", Route.SURVEY)).text
    assert "手动选择" not in Reader(answer_html(answer, Filters(), "zh", Route.COUNT)).text


def test_the_model_that_worded_an_answer_is_named():
    text = Reader(answer_html(replace(survey_answer("哪些？"), engine="qwen3"), Filters(), "en")).text
    assert "model qwen3" in text


def test_nothing_of_a_hostile_answer_becomes_an_element():
    reader = Reader(answer_html(hostile_answer(HOSTILE), Filters(offices=(HOSTILE,)), "zh"))
    assert not {name for name, _ in reader.tags} & {"script", "img", "a"}
    assert not any(key.startswith("on") or key in {"href", "src"} for _, found in reader.tags for key in found)
    assert reader.text.count(HOSTILE) == 5  # answer, source, note, engine, scope


def test_a_growing_answer_is_marked_busy_and_says_that_it_searches():
    assert "正在查找…" in partial_html("", "zh")
    assert 'aria-busy="true"' in partial_html("**半", "zh")
    assert buttons(partial_html("见[1]", "zh")) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (QuestionError("4000 <b>characters"), "这个问题没法回答，请换个问法。4000 <b>characters"),
        (CitationError("gone"), "找不到这条引用：报告可能已更新或删除。gone"),
        (StoreError("locked"), "报告库暂时不能使用。locked"),
        (GenerationError("no reply"), "对话模型没有给出回答。no reply"),
        (RagError("other"), "出错了，这个问题没有得到回答。other"),
        (ZeroDivisionError("secret detail"), "出错了，这个问题没有得到回答。"),
    ],
)
def test_an_error_is_told_in_words_and_only_our_own_errors_in_detail(error, words):
    reader = Reader(error_html(error, "zh"))
    assert reader.text == words
    assert reader.tags[0][1]["role"] == "alert"
