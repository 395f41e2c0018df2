"""When a passage holds a quote and when it merely resembles it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evaluation.overlap import holds, shared_characters, touches

TEXT = st.text(alphabet="甲乙丙丁戊己庚辛", min_size=1, max_size=30)


@given(st.text("甲乙丙丁"), TEXT, st.text("甲乙丙丁"))
def test_a_passage_holds_whatever_is_cut_from_it(before, quote, after):
    assert holds(before + quote + after, quote)
    assert touches(before + quote + after, quote)


@given(TEXT, st.data())
def test_white_space_never_matters(quote, data):
    position = data.draw(st.integers(0, len(quote)))
    spaced = quote[:position] + " \n　" + quote[position:]
    assert holds(spaced, quote)
    assert shared_characters(quote, spaced) == len(quote)


def test_a_quote_over_a_border_is_held_by_the_side_with_the_greater_part():
    quote = "零一二三四五六七八九"
    assert holds("前文零一二三四五", quote)
    assert not holds("六七八九后文", quote)
    assert touches("六七八九十壹贰", "六七八九十壹贰叁肆伍")


def test_a_phrase_that_both_use_in_the_middle_is_no_overlap():
    assert shared_characters("甲推进法治政府建设乙", "丙推进法治政府建设丁") == 0


@pytest.mark.parametrize(("passage", "quote"), [("", "甲"), ("甲", ""), (" ", "甲"), ("甲", " \n")])
def test_nothing_holds_nothing(passage, quote):
    assert not holds(passage, quote)
    assert not touches(passage, quote)


def test_a_scrap_of_a_quote_does_not_hold_it():
    assert not holds("行政", "本街道至今没有行政处罚权")
