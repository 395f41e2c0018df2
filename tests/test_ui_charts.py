from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ui_scripted import HOSTILE, Reader, compare_answer

from rag.types import Fact, Route
from rag.ui.charts import bars_of, chart_html


def with_facts(*facts, route=Route.COMPARE):
    return replace(compare_answer(), facts=facts, route=route)


def fact(value, unit="件", *, year=2023, office="松岭街道办事处", qualifier="exact", indicator="信访案件"):
    return Fact(office, year, indicator, value, unit, qualifier, 1)


def test_the_years_of_one_office_stand_side_by_side():
    bars = bars_of(compare_answer(), "zh")
    assert [(bar.label, bar.written) for bar in bars] == [("2022年", "52件"), ("2023年", "41件")]


def test_offices_are_named_where_they_differ_and_years_too_where_both_do():
    here, there = fact(3), fact(5, office="白鹭镇人民政府")
    assert [bar.label for bar in bars_of(with_facts(here, there), "zh")] == ["松岭街道办事处", "白鹭镇人民政府"]
    earlier = fact(5, office="白鹭镇人民政府", year=2022)
    assert bars_of(with_facts(here, earlier), "zh")[1].label == "白鹭镇人民政府 · 2022年"


def test_units_that_convert_share_one_scale_and_are_shown_as_written():
    bars = bars_of(with_facts(fact(20000, "元"), fact(4, "万元")), "zh")
    assert [bar.written for bar in bars] == ["20,000元", "4万元"]
    assert bars[1].value == 2 * bars[0].value


def test_a_figure_that_is_not_exact_says_so():
    bars = bars_of(with_facts(fact(300, qualifier="over"), fact(41)), "en")
    assert bars[0].written == "over 300件"


@pytest.mark.parametrize(
    "answer",
    [
        with_facts(fact(3, "件"), fact(5, "人次")),
        with_facts(fact(3)),
        with_facts(),
        with_facts(fact(3), fact(3)),
        with_facts(fact(3), fact(5), route=Route.PASSAGE),
    ],
    ids=["units differ", "one figure", "none", "one figure twice", "no comparison"],
)
def test_nothing_is_drawn_where_figures_cannot_stand_side_by_side(answer):
    assert chart_html(answer, "zh") == ""


def test_the_drawing_can_be_read_without_seeing_it():
    reader = Reader(chart_html(compare_answer(), "en"))
    drawing = dict(reader.tags)["svg"]
    assert drawing["role"] == "img"
    assert drawing["aria-label"] == "信访案件 (unit: 件, cases): 2022: 52件; 2023: 41件"
    assert dict(reader.tags).keys() >= {"title", "text", "figcaption"}


def test_a_long_chart_is_folded_away():
    facts = [fact(year, year=year) for year in range(2000, 2020)]
    assert Reader(chart_html(with_facts(*facts), "zh")).tags[0][0] == "details"


@given(st.text(alphabet="<>&\"'${}`\\ a"))
def test_nothing_of_a_hostile_figure_becomes_an_element(text):
    hostile = replace(fact(3), office=text + HOSTILE, indicator=text + HOSTILE)
    reader = Reader(chart_html(with_facts(hostile, replace(hostile, value=5.0, year=2022)), "zh"))
    assert reader.open == []
    assert {name for name, _ in reader.tags} == {"figure", "figcaption", "svg", "title", "g", "rect", "text"}


@given(st.lists(st.floats(0, 1e12), min_size=2, max_size=6, unique=True))
def test_bars_are_as_long_as_their_figures(values):
    facts = [fact(value, year=2000 + number) for number, value in enumerate(values)]
    reader = Reader(chart_html(with_facts(*facts), "zh"))
    widths = [float(at["width"].rstrip("%")) for name, at in reader.tags if name == "rect" and at["class"] == "length"]
    assert widths == [pytest.approx(100 * value / max(values), abs=0.01) for value in values]
