"""Which figure an answer puts forward, and which figures stand side by side."""

import pytest

from rag.pipeline import Rag
from rag.settings import load_settings
from rag.types import Route, Turn, Verdict

HEAD = "{office}{year}年法治政府建设情况报告\n\n{office}现将{year}年法治政府建设情况报告如下：\n\n"
REPORTS = {
    (
        "竹溪镇人民政府",
        2022,
    ): "一、主要做法\n全年调解纠纷120件，其中土地纠纷40件，调成115件。以镇名义立案查处16件，罚款1.2万元。\n",
    ("竹溪镇人民政府", 2023): (
        "一、主要做法\n“老秦”调解工作室收徒4名，全年调解纠纷131件，成功128件。\n"
        "全年立案19件，罚没收入4.6万元，最大的一起是偷挖河砂案，罚款2万元。镇长审批罚款5000元以上的案件3起。\n"
        "全年收到线索30条，其中27条移交派出所并得到处置。\n"
    ),
    ("竹溪镇人民政府", 2024): "一、主要做法\n全年调解纠纷140件，成功133件。\n",
    ("柏原街道办事处", 2023): (
        "一、主要做法\n印发轻微违法不予处罚清单，列入18项，全年免予处罚61件。\n"
        "组织学习《行政诉讼法》2次。法治宣传经费足额保障，没有缺口。\n"
    ),
    ("梅桥街道办事处", 2023): (
        "一、主要做法\n制定轻微违法不予处罚清单，共24项。被提起行政诉讼3件，判决均胜诉。\n"
        "区里推行的公众开放日，街道至今没有落地。\n"
    ),
}


@pytest.fixture(scope="module")
def rag(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    for (office, year), text in REPORTS.items():
        (folder / f"{office}{year}.txt").write_text(HEAD.format(office=office, year=year) + text, encoding="utf-8")
    settings = load_settings(store=tmp_path_factory.mktemp("store") / "s", embedding_model="hash")
    with Rag(settings, create=True, owner=True) as opened:
        opened.ingest([folder])
        yield opened


def figures(answer):
    return [(fact.year, fact.value, fact.unit) for fact in answer.facts]


@pytest.mark.parametrize(
    ("question", "figure"),
    [
        ("竹溪镇2023年罚了多少钱？", (2023, 46000, "元")),
        ("竹溪镇2023年三十条线索处置了几条？", (2023, 27, "条")),
        ("竹溪镇2023年调成了几件？", (2023, 128, "件")),
        ("竹溪镇2023年调解了多少件纠纷？", (2023, 131, "件")),
        ("How many disputes did Zhuxi town mediate in 2023?", (2023, 131, "件")),
    ],
)
def test_the_lead_is_the_figure_asked_for(rag, question, figure):
    year, value, unit = figure
    first = rag.ask(question).facts[0]
    scale = {"万元": 10_000}.get(first.unit, 1)
    assert (first.year, round(first.value * scale), first.unit.replace("万元", "元")) == (year, value, unit)


def test_a_year_between_two_years_has_its_row(rag):
    answer = rag.ask("竹溪镇2022年到2024年调解纠纷各多少件？")
    assert answer.route is Route.COMPARE
    assert figures(answer) == [(2022, 120, "件"), (2023, 131, "件"), (2024, 140, "件")]


def test_figures_side_by_side_have_one_unit(rag):
    answer = rag.ask("2023年轻微违法不罚清单，柏原街道和梅桥街道谁的项目多？")
    assert figures(answer) == [(2023, 18, "项"), (2023, 24, "项")] or figures(answer) == [
        (2023, 24, "项"),
        (2023, 18, "项"),
    ]


def test_the_title_of_a_law_is_no_lawsuit(rag):
    assert rag.ask("柏原街道2023年被提起行政诉讼几件？").refused


def verdict(answer, office):
    return next(row.verdict for row in answer.survey.rows if row.office == office)


def test_no_gap_is_no_shortage(rag):
    assert verdict(rag.ask("哪些街道说经费不足？"), "柏原街道办事处") is Verdict.NO


def test_cases_all_won_are_none_lost(rag):
    assert verdict(rag.ask("哪些街道行政诉讼败诉了？"), "梅桥街道办事处") is Verdict.NO


def test_what_never_came_about_was_not_done(rag):
    assert verdict(rag.ask("哪些街道办了公众开放日？"), "梅桥街道办事处") is Verdict.NO


def test_two_figures_asked_for_are_both_given(rag):
    answer = rag.ask("竹溪镇2022年立案多少起，罚款多少？")
    assert [(fact.value, fact.unit) for fact in answer.facts] == [(16, "起"), (1.2, "万元")] or [
        (fact.value, fact.unit) for fact in answer.facts
    ] == [(16, "件"), (1.2, "万元")]


def test_of_two_offices_the_one_with_more_is_named_as_having_more(rag):
    lead = rag.ask("2023年轻微违法不罚清单，梅桥街道和柏原街道哪个项目多？").answer.splitlines()[0]
    assert lead.startswith("梅桥街道办事处") and "多（增加）6项" in lead


def test_the_year_after_is_the_year_after(rag):
    history = [Turn("竹溪镇2023年调解了多少件纠纷？", "131件")]
    assert figures(rag.ask("那第二年呢？", history=history)) == [(2024, 140, "件")]
    history = [Turn("How many disputes did Zhuxi town mediate in 2023?", "131")]
    assert figures(rag.ask("And the year after?", history=history)) == [(2024, 140, "件")]


def test_a_rate_is_no_total(tmp_path):
    (tmp_path / "a.txt").write_text(
        HEAD.format(office="竹溪镇人民政府", year=2023)
        + "一、主要做法\n镇长接访由每周1次改为每月3次，全年接访30次。\n",
        encoding="utf-8",
    )
    with Rag(load_settings(store=tmp_path / "s", embedding_model="hash"), create=True, owner=True) as rag:
        rag.ingest([tmp_path / "a.txt"])
        assert figures(rag.ask("竹溪镇2023年镇长接访了几次？"))[0] == (2023, 30, "次")


@pytest.mark.parametrize("question", ["哪些单位打输过行政官司？", "Which offices lost an administrative lawsuit?"])
def test_a_lawsuit_won_is_not_a_lawsuit_lost(rag, question):
    assert verdict(rag.ask(question), "梅桥街道办事处") is Verdict.NO


@pytest.mark.parametrize("question", ["竹溪镇镇长是谁？", "竹溪镇镇长叫什么名字？", "Who is the mayor of Zhuxi town?"])
def test_a_post_without_a_name_does_not_answer_who(rag, question):
    assert rag.ask(question).refused


def test_who_holds_a_post_is_answered_with_the_name(tmp_path):
    text = "一、主要做法\n党工委书记欧阳远、办事处主任祝铭（7月到任）专题研究法治工作5次。主任办公会审议文件3件。\n"
    (tmp_path / "a.txt").write_text(HEAD.format(office="竹溪街道办事处", year=2023) + text, encoding="utf-8")
    with Rag(load_settings(store=tmp_path / "s", embedding_model="hash"), create=True, owner=True) as rag:
        rag.ingest([tmp_path / "a.txt"])
        answer = rag.ask("竹溪街道2023年办事处主任是谁？")
        assert "祝铭" in answer.citations[0].quote


def test_reports_are_counted_and_nothing_summed_where_reports_are_asked_for(rag):
    answer = rag.ask("一共有几份报告提到轻微违法不予处罚清单？")
    assert answer.route is Route.COUNT and answer.survey is not None
    assert sum(row.verdict is Verdict.YES for row in answer.survey.rows) == 2


def test_where_no_telling_word_stands_near_a_person_must_look(rag):
    answer = rag.ask("哪些街道为外国人调解过纠纷？")
    assert all(row.verdict is not Verdict.YES for row in answer.survey.rows)
