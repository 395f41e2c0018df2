"""What counts as saying a fact, as speaking a language, and as a marker."""

import pytest

from rag.evaluation.answer_metrics import chinese_share, contains, language_right, numbers_exact, says
from rag.evaluation.case import Case
from rag.evaluation.gold import GoldQuestion
from rag.types import Filters


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("共办结26件。", "26件"),
        ("共办结 26 件。", "26件"),
        ("共办结26件。", "26 件"),
        ("共办结２６件。", "26件"),
        ("成功率为100％", "100%"),
        ("上报4,039件", "4,039"),
        ("上报4039，235件已办结", "4039"),
        ("在2023年，办结26件", "2023"),
        ("one\nthousand leaflets", "one thousand"),
        ("由范围处理", "范围"),
    ],
)
def test_width_and_white_space_do_not_matter(text, spelling):
    assert contains(text, spelling)


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("共办结126件", "26件"),
        ("共办结0.26件", "26件"),
        ("占比99.255", "99.25"),
        ("上报40390件", "4039"),
        ("上报4,039件", "4"),
        ("共办结26起", "26件"),
        ("任何文字", " "),
    ],
)
def test_part_of_a_longer_number_or_another_unit_is_not_the_fact(text, spelling):
    assert not contains(text, spelling)


def test_bold_marks_do_not_hide_a_fact_and_may_be_asked_for():
    assert says("共办结**26**件", ("26件",))
    assert says("共**2**个", ("**2**",))
    assert not says("共2个", ("**2**",))


def test_a_citation_marker_is_no_figure():
    assert not says("有若干个街道[2]", ("2",))


def question(kind, language="zh", facts=()):
    return GoldQuestion("a", "？", language, kind, (), Filters(), facts, (), None, False)


def answer(text, **more):
    return {"answer": text, "refused": False, **more}


def test_figures_are_asked_of_questions_about_figures_only():
    assert numbers_exact(Case(question("number", facts=(("26件",),)), answer("26件"))) == 1
    assert numbers_exact(Case(question("fact", facts=(("26件",),)), answer("26件"))) is None
    assert numbers_exact(Case(question("compare", facts=(("更多",),)), answer("更多"))) is None


def test_one_wrong_figure_of_several_is_not_exact():
    asked = question("compare", facts=(("26件",), ("20件",)))
    assert numbers_exact(Case(asked, answer("26件和21件"))) == 0


def test_quotes_and_names_do_not_decide_the_language():
    quote = "全年开展普法讲座二十一场，受众一千三百余人。"
    cited = [{"quote": quote, "office": "镜湖镇人民政府", "region": None, "source": "lake.txt"}]
    english = answer(f"The report of 镜湖镇人民政府 (lake.txt) says: {quote} [1]", citations=cited)
    assert language_right(Case(question("fact", "en"), english)) == 1
    assert language_right(Case(question("fact", "zh"), english)) == 0


def test_an_answer_that_is_all_quote_is_judged_by_the_quote():
    quote = "全年开展普法讲座二十一场。"
    bare = answer(f"{quote}[1]", citations=[{"quote": quote, "office": None, "region": None, "source": "lake.txt"}])
    assert language_right(Case(question("fact", "zh"), bare)) == 1
    assert language_right(Case(question("fact", "en"), bare)) == 0


def test_an_answer_without_letters_has_no_language():
    assert chinese_share(answer("26 [1]")) is None
