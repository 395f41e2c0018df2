import time

import cn2an
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rag import lexicon
from rag.figures import convertible, parse_figures
from rag.numerals import parse_number

UNITS = lexicon.load("units")
FULL_WIDTH = str.maketrans("0123456789.,%", "０１２３４５６７８９．，％")


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
        ("过火面积零点三亩", 0.3, "亩", "exact"),
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


WHOLE = st.integers(2, 10**9)
DECIMAL = st.builds(lambda whole, hundredths: whole + hundredths / 100, st.integers(0, 9999), st.integers(1, 99))


@st.composite
def written_numbers(draw):
    """A number as reports write it, and its value."""
    style = draw(st.sampled_from(["arabic", "thousands", "decimal", "chinese", "colloquial", "scaled", "mixed"]))
    value = draw(DECIMAL if style in ("decimal", "scaled") else WHOLE)
    written = f"{value:g}" if isinstance(value, float) else str(value)
    if style == "thousands":
        written = f"{value:,}"
    elif style in ("chinese", "colloquial"):
        written = cn2an.an2cn(value, "low")
        if style == "colloquial":
            assume(not written.startswith("二十"))
            written = {"二百": "两百", "二千": "两千", "二万": "两万"}.get(written[:2], written[:2]) + written[2:]
            written = written.removeprefix("一") if written.startswith("一十") else written
    elif style == "scaled":
        name, scale = draw(st.sampled_from([("万", 10**4), ("亿", 10**8)]))
        written, value = written + name, value * scale
    elif style == "mixed":
        tens, rest = draw(st.integers(1, 9999)), draw(st.integers(1, 9))
        written, value = f"{tens}万{rest}千", tens * 10_000 + rest * 1_000
    return draw(st.sampled_from([written, written.translate(FULL_WIDTH)])), value


@st.composite
def qualified(draw):
    """Words before a figure, after its number and after its unit, and the qualifier they make."""
    place = draw(st.sampled_from(["none", "before", "after", "after_unit"]))
    if place == "none":
        return "", "", "", "exact"
    qualifier = draw(st.sampled_from(sorted(UNITS[place])))
    word = draw(st.sampled_from(UNITS[place][qualifier]))
    before, after, behind = (word if place == own else "" for own in ("before", "after", "after_unit"))
    return before, after, behind, qualifier


SCALED_UNITS = {"千元": (10**3, "元"), "万元": (10**4, "元"), "亿元": (10**8, "元"), "万人": (10**4, "人")}


def amount(value, unit):
    """A figure's value in its unit, which is no 千元, 万元, 亿元 or 万人: 2万人 is 20000人."""
    factor, plain = SCALED_UNITS.get(unit, (1, unit))
    return value * factor, plain


@settings(deadline=None, max_examples=400)
@given(written_numbers(), qualified(), st.sampled_from(UNITS["units"]), st.sampled_from(["全年", "共有，", ""]))
def test_a_number_however_written_has_its_value_unit_and_qualifier(number, words, unit, lead):
    written, value = number
    before, after, behind, qualifier = words
    assume(unit[0] not in "千万亿" or written.isascii())  # nobody writes 九百五十千元
    (figure,) = parse_figures(f"{lead}{before}{written}{after}{unit}{behind}，")
    expected, expected_unit = amount(value, unit)
    assert amount(figure.value, figure.unit) == (pytest.approx(expected, rel=1e-9), expected_unit)
    assert figure.qualifier == ("percent" if qualifier == "exact" and unit in ("%", "‰") else qualifier)
    assert figure.text == f"{before}{written}{after}{unit}{behind}"


@settings(deadline=None)
@given(st.integers(1, 100), st.integers(0, 9), qualified())
def test_a_share_in_words_has_its_value_and_qualifier(whole, tenths, words):
    before, _, behind, qualifier = words
    value = whole + tenths / 10
    (figure,) = parse_figures(f"比重{before}百分之{cn2an.an2cn(f'{value:g}', 'low')}{behind}。")
    assert (figure.value, figure.unit) == (pytest.approx(value), "%")
    assert figure.qualifier == (qualifier if before or behind else "percent")


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(41, 90), st.sampled_from("-~—至到"), st.sampled_from(["件", "万人次", "万元"]))
def test_a_range_shares_the_scale_written_at_its_end(low, high, mark, unit):
    (figure,) = parse_figures(f"每年{low}{mark}{high}{unit}")
    factor = 10_000 if unit == "万人次" else 1
    assert (figure.value, figure.high, figure.qualifier) == (low * factor, high * factor, "range")
    assert figure.unit == ("人次" if unit == "万人次" else unit)


@pytest.mark.parametrize(
    ("text", "low", "high"), [("三四件", 3, 4), ("二三十件", 20, 30), ("十七八件", 17, 18), ("三五百件", 300, 500)]
)
def test_two_neighbouring_digits_are_an_estimate(text, low, high):
    (figure,) = parse_figures(text)
    assert (figure.value, figure.high, figure.qualifier) == (low, high, "about")


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["N", "Cs"], exclude_characters="一二三四五六七八九十百千万亿两零〇")))
def test_text_without_numerals_has_no_figures(text):
    assume(not any(character.isnumeric() for character in text))
    assert parse_figures(text) == ()


@settings(deadline=None)
@given(
    st.dates(),
    st.integers(1, 999),
    st.sampled_from([
        "{d.year}年{d.month}月{d.day}日", "{d.year:04}-{d.month:02}-{d.day:02}", "{d.month}月{d.day}日前",
        "国办发〔{d.year}〕{n}号", "第{n}条", "第 {n} 次会议", "第{n}、{n}批", "第{chinese}届", "“十四五”规划",
        "每{n}件", "数十件", "几十人", "上级零件",
    ]),
)  # fmt: skip
def test_dates_ordinals_and_document_numbers_are_no_figures(day, number, form):
    assert parse_figures(form.format(d=day, n=number, chinese=cn2an.an2cn(number, "low"))) == ()


@settings(deadline=None)
@given(st.text("0123456789.,一二十百千万亿两零〇点 ", min_size=1), st.sampled_from(["件", "%", "元", ""]))
def test_anything_made_of_digits_is_a_figure_with_a_finite_value_or_none(digits, unit):
    for figure in parse_figures(digits + unit):
        assert 0 <= figure.value < float("inf")


@pytest.mark.parametrize(
    "text", ["一" * 400 + "件", "9" * 400 + "件", "百分之" + "二" * 400, "亿" * 30 + "件", "2.5亿亿亿亿件"]
)
def test_digits_without_end_are_no_figure_and_no_error(text):
    parse_figures(text)


@pytest.mark.parametrize(
    "piece", ["一", "十", "9", "万亿", "1万", "1,", "一至", "1-", "约", "3 ", " ", "百分之", "第一、", "点", "三点"]
)
def test_the_time_grows_with_the_length_alone(piece):
    began = time.process_time()
    parse_figures(piece * (30_000 // len(piece)))
    assert time.process_time() - began < 5, "it took minutes when each digit was tried as a beginning"


def test_a_bare_hundred_is_one_hundred():
    assert parse_number("百") == 100


def test_money_converts_and_counts_of_different_things_do_not():
    assert convertible("万元", "元") == 10_000
    assert convertible("件", "起") == 1
    assert convertible("件", "人次") is None
    assert convertible("人", "人次") is None
