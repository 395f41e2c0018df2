from dataclasses import replace

from ui_scripted import REPORTS, ScriptedAssistant

from rag.errors import QuestionError, StoreError
from rag.ui.examples import example_questions

LATER = replace(REPORTS[0], meta=replace(REPORTS[0].meta, id="dddddddddddd", year=2024))


def examples(assistant, language="zh", limit=4):
    return example_questions(assistant, assistant.reports(), language, limit)


def test_examples_name_offices_and_years_of_the_reports_at_hand():
    assert examples(ScriptedAssistant()) == (
        "哪些街道不具备行政执法权？",
        "松岭街道办事处2023年法治政府建设存在哪些不足？",
        "白鹭镇人民政府2022年做了哪些法治宣传工作？",
        "哪些单位聘请了法律顾问？",
    )


def test_english_examples_call_offices_by_their_name_in_pinyin():
    assert examples(ScriptedAssistant(), "en")[:2] == (
        "Which sub-districts lack administrative law-enforcement power?",
        "What shortcomings did Songling report for 2023?",
    )
    assert all(question.isascii() for question in examples(ScriptedAssistant(), "en"))


def test_an_office_with_two_years_gives_a_comparison():
    assistant = ScriptedAssistant(inventory=(*REPORTS, LATER))
    assert examples(assistant)[1] == "松岭街道办事处2023年和2024年的信访各有多少件？"


def test_a_comparison_without_two_figures_is_no_example():
    class Undisclosed(ScriptedAssistant):
        def ask(self, question):
            return replace(super().ask(question), facts=())

    assert not any("各有多少" in question for question in examples(Undisclosed(inventory=(*REPORTS, LATER))))


def test_a_question_that_is_refused_is_no_example():
    class Refusing(ScriptedAssistant):
        def ask(self, question):
            return replace(super().ask(question), refused="不足" in question or "行政执法权" in question)

    assert examples(Refusing()) == (
        "白鹭镇人民政府2022年做了哪些法治宣传工作？",
        "哪些单位聘请了法律顾问？",
        "哪些单位提到了行政复议？",
    )


def test_a_page_tries_out_few_questions_even_if_none_is_answered():
    class Silent(ScriptedAssistant):
        def ask(self, question):
            return replace(super().ask(question), refused=True)

    many = tuple(
        replace(report, meta=replace(report.meta, id=f"{year}{report.meta.id[4:]}", year=year))
        for report in REPORTS[:2]
        for year in range(2000, 2030)
    )
    assistant = Silent(inventory=many)
    assert examples(assistant) == ()
    assert 0 < len(assistant.tried) <= 8


def test_offices_that_share_a_name_are_not_asked_about_one_by_one():
    namesake = replace(REPORTS[0], meta=replace(REPORTS[0].meta, id="eeeeeeeeeeee", region="别的区"))
    assert not any("松岭" in question for question in examples(ScriptedAssistant(inventory=(*REPORTS, namesake))))


def test_a_report_without_office_or_year_gives_no_example():
    assert examples(ScriptedAssistant(inventory=REPORTS[2:])) == ()


def test_no_reports_no_examples():
    assert examples(ScriptedAssistant(inventory=())) == ()


def test_examples_are_left_out_where_the_store_cannot_tell():
    class Failing(ScriptedAssistant):
        def ask(self, question):
            raise QuestionError("too short")

        def report(self, report_id):
            raise StoreError("gone")

    assert examples(Failing()) == ()
