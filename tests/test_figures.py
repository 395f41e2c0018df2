import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.figures import convertible, parse_figures, parse_number


@pytest.mark.parametrize(
    ("text", "value", "unit", "qualifier"),
    [
        ("受理26件", 26, "件", "exact"),
        ("服务1600余人次", 1600, "人次", "over"),
        ("处罚3万元", 3, "万元", "exact"),
        ("约3.5万元", 3.5, "万元", "about"),
        ("投入12,500元", 12500, "元", "exact"),
        ("百余场", 100, "场", "over"),
        ("近二十次", 20, "次", "about"),
        ("办结率99.25%", 99.25, "%", "percent"),
        ("成功率为100％", 100, "%", "percent"),
        ("百分之九十五", 95, "%", "percent"),
        ("二十六件", 26, "件", "exact"),
        ("３５件", 35, "件", "exact"),
        ("1.2万人次", 12000, "人次", "exact"),
        ("超过200场次", 200, "场次", "over"),
        ("50多次", 50, "次", "over"),
        ("200件以上", 200, "件", "over"),
        ("不少于8学时", 8, "学时", "at_least"),
    ],
)
def test_a_figure_is_read_with_its_unit_and_how_exact_it_is(text, value, unit, qualifier):
    (figure,) = parse_figures(text)
    assert (figure.value, figure.unit, figure.qualifier) == (value, unit, qualifier)


def test_a_range_keeps_both_ends():
    (figure,) = parse_figures("每月30至40件")
    assert (figure.value, figure.high, figure.qualifier) == (30, 40, "range")


def test_a_part_of_a_whole_is_two_figures():
    assert [figure.text for figure in parse_figures("12起中的11起")] == ["12起", "11起"]


@pytest.mark.parametrize("text", ["2023年12月", "第3次会议", "二〇二三年", "《规划（2021—2025年）》", "12·4宪法日"])
def test_dates_ranks_and_names_are_no_figures(text):
    assert parse_figures(text) == ()


@given(st.text(alphabet="0123456789一二三百千万件次人元%余近约，。年月 至-"))
def test_a_figure_is_always_cut_from_its_text(text):
    for figure in parse_figures(text):
        assert text[figure.start : figure.end] == figure.text


@given(st.integers(min_value=1, max_value=10**8))
def test_an_arabic_number_with_a_unit_comes_back(number):
    (figure,) = parse_figures(f"共{number}件")
    assert figure.value == number


def test_a_bare_hundred_is_one_hundred():
    assert parse_number("百") == 100


def test_money_converts_and_counts_of_different_things_do_not():
    assert convertible("万元", "元") == 10_000
    assert convertible("件", "起") == 1
    assert convertible("件", "人次") is None
    assert convertible("人", "人次") is None
