import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.facts import extract_facts
from rag.loading import load_document
from rag.structure import parse_report
from rag.types import Paragraph, Report, ReportMeta, SectionKind

SAMPLES = Path(__file__).parent.parent / "data" / "reports"
MEGABYTE = 1024 * 1024


def report_of(*texts, kind="body", section=SectionKind.MEASURES, year=2023):
    meta = ReportMeta("0123456789ab", "a.txt", None, "青禾街道办事处", (), "河东区", year)
    paragraphs = tuple(Paragraph(number, text, kind, None, (), section) for number, text in enumerate(texts, 1))
    return Report(meta, (), paragraphs)


def told(*texts, **options):
    return [
        (fact.year, fact.indicator, fact.value, fact.unit, fact.qualifier)
        for fact in extract_facts(report_of(*texts, **options))
    ]


def named(*texts, **options):
    return [(fact.indicator, fact.value) for fact in extract_facts(report_of(*texts, **options))]


@pytest.mark.parametrize(
    ("sentence", "fact"),
    [
        ("全年共办理信访案件26件。", (2023, "信访案件", 26, "件", "exact")),
        ("累计发放宣传资料1000余份。", (2023, "宣传资料", 1000, "份", "over")),
        ("现有15名工作人员持有行政执法证。", (2023, "工作人员持有行政执法证", 15, "名", "exact")),
        ("网格事件办结率99.25%。", (2023, "网格事件办结率", 99.25, "%", "percent")),
        ("开展法治讲座近二十次。", (2023, "法治讲座", 20, "次", "about")),
        ("举办法治讲座百余场。", (2023, "法治讲座", 100, "场", "over")),
        ("罚款3万元。", (2023, "罚款", 3, "万元", "exact")),
        ("接待咨询１６００余人次。", (2023, "咨询", 1600, "人次", "over")),
        ("组织8名律师进村入户。", (2023, "律师", 8, "名", "exact")),
        ("對街道22名法治帶頭人開展培訓。", (2023, "法治帶頭人", 22, "名", "exact")),
    ],
)
def test_a_figure_says_what_it_counts(sentence, fact):
    assert told(sentence) == [fact]


def test_what_became_of_a_thing_is_told_with_the_thing():
    assert named("全年受理信访事项40件，办结38件，化解率95%。") == [
        ("信访事项", 40),
        ("信访事项办结", 38),
        ("信访事项化解率", 95),
    ]


def test_the_citation_of_what_became_of_a_thing_holds_the_thing():
    text = "全年受理信访事项40件，办结38件。"
    last = extract_facts(report_of(text))[-1]
    assert text[last.start : last.end] == "全年受理信访事项40件，办结38件"


def test_a_part_of_a_whole_says_so():
    assert named("全年发生纠纷12起中的11起已化解。")[1] == ("纠纷其中已化解", 11)
    assert named("全年受理纠纷12起，其中邻里纠纷7起。")[1] == ("其中邻里纠纷", 7)


def test_a_range_has_both_ends():
    (fact,) = extract_facts(report_of("全年调解纠纷30至40件。"))
    assert (fact.value, fact.high, fact.qualifier) == (30, 40, "range")


@pytest.mark.parametrize(
    ("sentence", "years"),
    [
        ("2022年行政诉讼案件为7件，2023年的22件。", [2022, 2023]),
        ("全年信访29件，上年为36件，下降19.4%。", [2023, 2022, 2023]),
        ("去年受理信访30件，办结28件；今年受理26件。", [2022, 2022, 2023]),
        ("重复信访19件，比上年少8件。", [2023, 2023]),
        ("作出处罚决定118份，比2022年的17份大幅增加。", [2023, 2022]),
        ("自2019年以来累计化解积案17件。", [2023]),
        ("法律明白人由92名增加到115名。", [None, 2023]),
        ("租金纠纷由上年的133件降到87件。", [2022, 2023]),
    ],
)
def test_a_figure_is_for_the_year_its_clause_names(sentence, years):
    assert [fact.year for fact in extract_facts(report_of(sentence))] == years


def test_without_a_report_year_only_a_named_year_is_known():
    assert [fact.year for fact in extract_facts(report_of("2022年信访7件。", "信访9件。", year=None))] == [2022, None]


def test_a_plan_is_planned_and_for_the_next_year():
    (planned,) = extract_facts(report_of("新建调解室3个。", section=SectionKind.PLAN))
    (elsewhere,) = extract_facts(report_of("计划明年新建调解室3个。"))
    assert (planned.planned, planned.year) == (elsewhere.planned, elsewhere.year) == (True, 2024)


def test_what_there_is_already_is_no_plan_even_among_plans():
    (fact,) = extract_facts(report_of("目前持证执法人员12名。", section=SectionKind.PLAN))
    assert (fact.planned, fact.year) == (False, 2023)


@pytest.mark.parametrize(
    "sentence",
    [
        "严格落实“三项制度”。",
        "增强“四个意识”。",
        "制定一个方案。",
        "依据第二十四条办理。",
        "拨打12345热线。",
        "发放《用工合规二十条》。",
        "接待时间为晚7点至10点。",
    ],
)
def test_names_articles_and_times_state_nothing(sentence):
    assert told(sentence) == []


def test_a_table_gives_each_cell_its_row_column_and_year():
    rows = ["项目 | 单位 | 2022年 | 2023年", "信访案件 | 件 | 30 | 26"]
    assert told(*rows, kind="table_row") == [
        (2022, "信访案件", 30, "件", "exact"),
        (2023, "信访案件", 26, "件", "exact"),
    ]


def test_a_column_that_only_numbers_the_rows_is_no_figure():
    rows = ["序号 | 项目 | 数量（件）", "1 | 信访案件 | 26"]
    assert named(*rows, kind="table_row") == [("信访案件 数量", 26)]


def test_a_statement_in_a_heading_line_is_left_to_the_paragraphs():
    assert extract_facts(report_of("一、办理信访案件26件", kind="heading")) == ()


PIECES = [
    *(
        "全年",
        "去年",
        "2022年",
        "其中",
        "比上年",
        "计划",
        "受理",
        "办结",
        "信访案件",
        "宣传资料",
        "的",
        "由",
        "增加到",
        "中的",
    ),
    *("，", "。", "；", "、", "（", "）", "“", "”", "《", "》", "和", "为", "|"),
    *(
        "26件",
        "１６００余人次",
        "3万元",
        "百余场",
        "近二十次",
        "99.25%",
        "12起",
        "30至40件",
        "两名",
        "第三名",
        "一个",
        "12345",
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=24), st.sampled_from(["body", "table_row"]))
def test_any_sentence_is_cited_where_its_figure_stands(pieces, kind):
    report = report_of("".join(pieces) or "无", kind=kind)
    check_places(report)


@given(st.text(max_size=60))
def test_any_text_is_read(text):
    check_places(report_of(text or "无"))


def check_places(report):
    paragraphs = {paragraph.number: paragraph.text for paragraph in report.paragraphs}
    for fact in extract_facts(report):
        assert fact.text
        assert fact.text in paragraphs[fact.paragraph][fact.start : fact.end]
        assert fact.indicator == fact.indicator.strip()


def test_every_fact_of_the_samples_stands_where_it_says():
    files = sorted(SAMPLES.glob("*.*"))
    if not files:
        pytest.skip("the sample reports are not here")
    for path in files:
        report = parse_report(load_document(path, max_bytes=MEGABYTE))
        check_places(report)
        assert extract_facts(report), path.name


def test_every_fact_of_the_real_reports_stands_where_it_says(shared):
    for path in sorted((shared / "reports").iterdir()):
        check_places(parse_report(load_document(path, max_bytes=MEGABYTE)))


def test_facts_are_the_same_whatever_was_read_before():
    texts = ["受理信访40件，办结38件。", "其中2件延期。", "罚款3万元。"]
    alone = [fact.indicator for text in texts for fact in extract_facts(report_of(text))]
    shuffled = random.Random(1).sample(texts, 3)
    for text in shuffled:
        extract_facts(report_of(text))
    assert [fact.indicator for text in texts for fact in extract_facts(report_of(text))] == alone
