from ui_scripted import REPORTS, ScriptedAssistant

from rag.errors import QuestionError, StoreError
from rag.ui.examples import example_questions


def examples(assistant, language="zh", limit=4):
    return example_questions(assistant, assistant.reports(), language, limit)


def test_examples_name_offices_and_years_of_the_reports_at_hand():
    assert examples(ScriptedAssistant()) == (
        "哪些街道不具备行政执法权？",
        "松岭街道办事处2023年法治政府建设存在哪些不足？",
        "白鹭镇人民政府2022年做了哪些法治宣传工作？",
        "哪些单位聘请了法律顾问？",
    )


def test_examples_are_made_in_english_too():
    assert examples(ScriptedAssistant(), "en")[:2] == (
        "Which sub-districts lack administrative law-enforcement power?",
        "What shortcomings did 松岭街道办事处 report for 2023?",
    )


def test_a_report_without_office_or_year_gives_no_example():
    assert examples(ScriptedAssistant(inventory=REPORTS[2:])) == ()


def test_no_reports_no_examples():
    assert examples(ScriptedAssistant(inventory=())) == ()


def test_examples_are_left_out_where_the_store_cannot_tell():
    class Failing(ScriptedAssistant):
        def find(self, quote):
            raise QuestionError("too short")

        def report(self, report_id):
            raise StoreError("gone")

    assert examples(Failing()) == ()
