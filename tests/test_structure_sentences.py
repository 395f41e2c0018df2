"""Sentences cover their paragraph and end where a reader would end them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.structure import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("办案3件。是否有效？有效！", ["办案3件。", "是否有效？", "有效！"]),
        ("一是加强学习；二是规范执法。", ["一是加强学习；", "二是规范执法。"]),
        ("主要做法：一是学习，二是执法，三是宣传。", ["主要做法：", "一是学习，", "二是执法，", "三是宣传。"]),
        ("完成率99.25%,办结3.5件; 其余在办!", ["完成率99.25%,办结3.5件; ", "其余在办!"]),
        ("他说：“好。”然后离开。", ["他说：“好。”", "然后离开。"]),
        ("落实“严格。规范。”的要求。", ["落实“严格。规范。”的要求。"]),
        ("印发《工作方案；实施细则》（详见附件；另发）。", ["印发《工作方案；实施细则》（详见附件；另发）。"]),
        ("未闭合的“引号。街道继续。", ["未闭合的“引号。", "街道继续。"]),
        ("加强领导.街道成立小组.", ["加强领导.", "街道成立小组."]),
        ("统一是关键，二者之一是基础。", ["统一是关键，二者之一是基础。"]),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet='街道一二是，。；：！“”《》（）()"12.5% a;!?\n', max_size=80))
def test_sentences_are_contiguous_and_cover_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text
    assert all(sentences(text))


@given(st.text(alphabet="街道是，。；12.,5%", max_size=60))
def test_numbers_are_never_cut(text: str) -> None:
    borders = {end for _, end in split_sentences(text)} - {len(text)}
    for number in re.finditer(r"\d+(?:[.,]\d+)*%?", text):
        assert not borders & set(range(number.start() + 1, number.end()))
