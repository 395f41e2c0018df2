from dataclasses import replace

from ui_scripted import Reader, survey_answer

from rag.ui.surveys import survey_html


def table(answer, language="en"):
    return Reader(survey_html(answer, {1: "<button>1</button>", 2: "<button>2</button>"}, language))


def test_every_report_has_a_row_with_its_verdict_those_that_say_so_first():
    text = table(survey_answer("Who lacks it?")).text
    assert "Verdict for each report: 3 of 3 examined" in text
    assert text.index("松岭街道办事处 (云溪区)2023Yes") < text.index("白鹭镇人民政府 (云溪区)2022No")
    assert text.endswith("office unknown (hostile.html)year unknownNot mentioned")


def test_the_table_is_folded_away_where_the_text_cites_every_report_that_says_something():
    told = survey_answer("哪些？")
    assert "open" not in dict(table(told).tags)["details"]
    untold = replace(told, answer="松岭街道办事处不具备。[1]")
    assert "open" in dict(table(untold).tags)["details"]


def test_the_summary_counts_each_verdict():
    assert table(survey_answer("哪些？"), "zh").text.startswith("全部报告的结论是 1 否 1 未提及 1")


def test_office_year_and_verdict_have_a_sort_button_and_every_row_a_value_for_it():
    tags = table(survey_answer("哪些？")).tags
    assert sum("data-sort" in attributes for _, attributes in tags) == 3
    values = [attributes["data-value"] for _, attributes in tags if "data-value" in attributes]
    assert values[1::3] == ["2023", "2022", "0"]
    assert values[2::3] == sorted(values[2::3])


def test_an_answer_without_a_survey_has_no_table():
    assert survey_html(replace(survey_answer("哪些？"), survey=None), {}, "zh") == ""
