"""Headings and paragraphs as a reader sees them."""

from dataclasses import replace

from generated_reports import report_lines, seen
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.loading.blocks import visible
from rag.structure import parse_report
from rag.types import Block, Document, Report, SectionKind


def report(*lines: str | Block, gaps: bool = True) -> Report:
    blocks = tuple(line if isinstance(line, Block) else Block(line, gap_before=gaps) for line in lines)
    return parse_report(Document("report.txt", "txt", blocks))


def headings(parsed: Report) -> list[tuple[int, str]]:
    return [(section.level, section.heading) for section in parsed.sections]


def kinds(parsed: Report) -> list[tuple[str, str]]:
    return [(paragraph.kind, paragraph.text) for paragraph in parsed.paragraphs]


def test_headings_nest_in_the_usual_order() -> None:
    parsed = report("一、主要举措", "（一）规范执法", "1. 强化培训。组织培训3次。", "二、存在不足", "人员少。")
    assert headings(parsed) == [(1, "一、主要举措"), (2, "（一）规范执法"), (3, "1. 强化培训"), (1, "二、存在不足")]
    assert [section.parent for section in parsed.sections] == [None, 0, 1, None]
    assert parsed.paragraphs[2].path == ("一、主要举措", "（一）规范执法", "1. 强化培训")


def test_levels_are_relative_to_the_styles_in_use() -> None:
    assert headings(report("1. 主要工作", "1.1 加强学习", "学习12次。", "2. 存在不足", "人员少。")) == [
        (1, "1. 主要工作"),
        (2, "1.1 加强学习"),
        (1, "2. 存在不足"),
    ]
    assert headings(report("第一部分 工作情况", "一、强化领导", "（一）健全机制", "定期研究。")) == [
        (1, "第一部分 工作情况"),
        (2, "一、强化领导"),
        (3, "（一）健全机制"),
    ]


def test_full_width_half_width_and_odd_brackets_number_alike() -> None:
    parsed = report("一．主要举措", "(一)规范执法.办案3件.", "〔二〕加强学习。学习2次。", "１、培训干部。培训10人。")
    assert [level for level, _ in headings(parsed)] == [1, 2, 2, 3]


def test_traditional_characters_are_understood_and_left_as_they_are() -> None:
    parsed = report("一、存在的問題和不足", "人員不足。", "二、下一步打算", "繼續努力。")
    assert [section.kind for section in parsed.sections] == [SectionKind.PROBLEMS, SectionKind.PLAN]
    assert parsed.sections[0].heading == "一、存在的問題和不足"


def test_a_heading_running_into_the_text_opens_a_section_and_stays_in_its_paragraph() -> None:
    parsed = report("一、主要举措", "（一）健全机制。街道成立领导小组，定期研究。")
    assert parsed.sections[1].heading == "（一）健全机制"
    assert kinds(parsed)[1] == ("body", "（一）健全机制。街道成立领导小组，定期研究。")
    assert parsed.paragraphs[1].section == 1


def test_a_numbered_sentence_is_no_heading() -> None:
    sentence = "2. 街道将充分利用辖区内的各类宣传阵地和线上平台，持续开展形式多样的普法宣传活动，营造良好的氛围。"
    parsed = report("一、工作计划", "1. 健全机制。每月研究一次。", sentence, "二、其他", "无。")
    assert headings(parsed) == [(1, "一、工作计划"), (2, "1. 健全机制"), (1, "二、其他")]
    assert parsed.paragraphs[2].path == ("一、工作计划",)


def test_numbers_that_count_or_date_open_nothing() -> None:
    lines = ["1.5万元用于普法宣传。", "12.4宪法日期间发放资料。", "3.8妇女节开展活动。", "二、三级网格员共20名。"]
    parsed = report("一、主要举措", *lines)
    assert headings(parsed) == [(1, "一、主要举措")]
    assert [text for kind, text in kinds(parsed) if kind == "body"] == lines


def test_enumerated_items_are_no_headings() -> None:
    parsed = report("一、存在不足", "一是认识不足。", "二是力量薄弱。", "首先，经费少。", "第二，人员少。")
    assert headings(parsed) == [(1, "一、存在不足")]


def test_numbered_lines_with_nothing_under_them_are_statements() -> None:
    parsed = report("一、下一步打算", "（一）加强学习。", "（二）加强执法。", "（三）加强宣传")
    assert headings(parsed) == [(1, "一、下一步打算")]
    assert [kind for kind, _ in kinds(parsed)] == ["heading", "body", "body", "body"]


def test_numbering_may_jump() -> None:
    parsed = report(
        "一、主要举措", "（二）规范执法。办案3件。", "（五）加强宣传。宣讲2场。", "三、存在不足", "人员少。"
    )
    assert [level for level, _ in headings(parsed)] == [1, 2, 2, 1]


def test_numbering_wins_over_the_levels_a_format_declares() -> None:
    parsed = report(
        Block("一、主要举措", kind="heading", level=2),
        "办案3件。",
        Block("二、存在不足", kind="heading", level=4),
        "人员少。",
    )
    assert [level for level, _ in headings(parsed)] == [1, 1]


def test_headings_without_numbers_come_from_the_format() -> None:
    parsed = report(
        Block("工作成效", kind="heading", level=2),
        Block("规范执法", kind="heading", level=3),
        "办案3件。",
        Block("存在的问题", kind="heading", level=2),
        "人员少。",
        Block("下一步打算", emphasized=True),
        "继续努力。",
    )
    assert headings(parsed)[:3] == [(1, "工作成效"), (2, "规范执法"), (1, "存在的问题")]
    assert parsed.paragraphs[-1].path[-1] == "下一步打算"


def test_bold_headings_enclose_the_numbering_that_begins_anew_under_each() -> None:
    bold = [Block(text, emphasized=True) for text in ("工作成效", "存在的问题")]
    parsed = report(bold[0], "（一）学习", "学习2次。", "（二）执法", "办案1件。", bold[1], "（一）认识", "认识不足。")
    assert [level for level, _ in headings(parsed)] == [1, 2, 2, 1, 2]
    assert [section.kind for section in parsed.sections][-1] == SectionKind.PROBLEMS


def test_kinds_of_top_sections_come_from_their_headings_and_are_inherited() -> None:
    expected = {
        "一、2023年度推进依法行政的主要做法和成效": SectionKind.MEASURES,
        "二、存在的短板和原因分析": SectionKind.PROBLEMS,
        "三、党政主要负责人履行第一责任人职责情况": SectionKind.LEADERSHIP,
        "四、2024年工作思路": SectionKind.PLAN,
        "五、其他需要报告的事项": SectionKind.OTHER,
    }
    lines = [line for heading in expected for line in (heading, "（一）有关情况。内容若干。")]
    parsed = report(*lines)
    tops = {section.heading: section.kind for section in parsed.sections if section.parent is None}
    assert tops == expected
    assert all(s.kind == parsed.sections[s.parent].kind for s in parsed.sections if s.parent is not None)


def test_a_top_section_about_the_year_after_is_a_plan() -> None:
    parsed = report(
        "2023年度法治政府建设情况报告", "一、2023年工作情况", "办案3件。", "二、2024年重点工作", "继续努力。"
    )
    assert [section.kind for section in parsed.sections] == [SectionKind.MEASURES, SectionKind.PLAN]


def test_without_headings_nothing_is_inferred() -> None:
    parsed = report("2023年，街道办理案件3件，但仍存在人员不足的问题。", "下一步，街道将继续努力。")
    assert parsed.sections == ()
    assert {paragraph.section_kind for paragraph in parsed.paragraphs} == {SectionKind.OTHER}


def test_a_line_broken_in_mid_sentence_is_joined_even_over_an_empty_line() -> None:
    parsed = report(
        "一、存在不足", "工作虽有进步，但仍存在一", "些差距。", "（一）健全调解机制。以", "司法所为依托开展调解。"
    )
    assert [text for _, text in kinds(parsed)][1:] == [
        "工作虽有进步，但仍存在一些差距。",
        "（一）健全调解机制。以司法所为依托开展调解。",
    ]


def test_latin_words_are_joined_with_a_space() -> None:
    parsed = report("街道今年投入使用了多种软件，其中包括 open", "source 软件，", "提高了效率。")
    assert [text for _, text in kinds(parsed)] == [
        "街道今年投入使用了多种软件，其中包括 open source 软件，提高了效率。"
    ]


def test_headings_titles_and_signatures_are_not_joined_with_what_follows() -> None:
    parsed = report(
        "东湖街道党工委  东湖街道办事处",
        "关于2023年度法治政府建设情况的报告",
        "区委、区政府：",
        "2023年，东湖街道认真落实各项部署。现将情况报告如下:",
        "一、2023年度推进法治政府建设的主要举措",
        "（一）加强组织领导，健全工作机制",
        "街道定期研究工作。",
        "东湖街道办事处",
        "2024年1月5日",
    )
    assert [kind for kind, _ in kinds(parsed)] == [
        "title", "title", "body", "body", "heading", "heading", "body", "closing", "closing",
    ]  # fmt: skip


def test_lines_wrapped_at_a_fixed_width_become_paragraphs() -> None:
    text = [
        "一、主要举措",
        "（一）规范行政执法行为，提升基层治理能力和水平，加强行",
        "政执法队伍建设",
        "街道现有持证人员十二名，全年开展培训四次，检查各类企业",
        "商户三百余家，发现并督促整改隐患四十余处，未发生行政复",
        "议和行政诉讼案件。",
        "街道还聘请了两名法律顾问，参与重大决策的论证，审查合同",
        "二十余份，提出意见建议三十余条，有效防范了法律风险，受",
        "到群众好评。",
    ]
    parsed = report(*text, gaps=False)
    assert [kind for kind, _ in kinds(parsed)] == ["heading", "heading", "body", "body"]
    assert parsed.paragraphs[1].text == "".join(text[1:3])
    assert parsed.paragraphs[2].text == "".join(text[3:6])


def test_web_page_debris_is_told_apart() -> None:
    lines = [
        "首页 |",
        "|",
        "当前位置：首页 > 政务公开",
        "浏览次数：120",
        "【打印】【关闭】",
        "分享到：",
        "字号：大 中 小",
    ]
    parsed = report(*lines, "2023年，街道办理案件3件。", "— 3 —")
    assert [kind for kind, _ in kinds(parsed)] == ["debris"] * 7 + ["body", "debris"]


def test_a_statement_that_holds_words_of_a_page_footer_is_no_debris() -> None:
    parsed = report("街道争取成为热线直接承办单位，缩短转办时间。", "（三）争取网站地图服务：更快")
    assert all(kind != "debris" for kind, _ in kinds(parsed))


def test_a_sum_broken_off_before_its_figure_is_joined_where_lines_are_wrapped() -> None:
    wrapped = [
        "街道现有持证人员十二名，全年开展培训四次，检查各类企业",
        "商户三百余家，发现并督促整改隐患四十余处，未发生行政复",
        "议和行政诉讼案件。",
    ]
    parsed = report(
        "一、主要举措", *wrapped * 3, "（三）为辖区农民工送法上门，帮助追回拖欠工资", "68万余元，涉及93人。", gaps=False
    )
    assert parsed.paragraphs[-1].text == "（三）为辖区农民工送法上门，帮助追回拖欠工资68万余元，涉及93人。"


def test_pipe_tables_in_plain_text_are_table_rows() -> None:
    assert kinds(report("一、主要举措", "| 立案（件） | 9 | 4 |"))[1] == ("table_row", "| 立案（件） | 9 | 4 |")


def test_bare_short_lines_head_a_report_that_has_no_other_headings() -> None:
    parsed = report("东湖街道2023年法治报告", "不足之处", "人员力量不足，经费紧张。", "明年要办的事", "增加人员两名。")
    assert headings(parsed) == [(1, "不足之处"), (1, "明年要办的事")]
    assert [section.kind for section in parsed.sections] == [SectionKind.PROBLEMS, SectionKind.PLAN]


def test_odd_numberings_of_top_headings_are_understood() -> None:
    parsed = report("一 成绩", "办案3件。", "二,一年来的不足", "人员少。", "第三方面，明年打算", "继续努力。")
    assert [section.heading for section in parsed.sections][:2] == ["一 成绩", "二,一年来的不足"]
    assert {section.kind for section in parsed.sections} >= {SectionKind.PROBLEMS, SectionKind.PLAN}


def test_what_precedes_the_problems_was_done() -> None:
    parsed = report(
        "一、辖区概况", "人口3万。", "二、疙瘩解起来", "调解9件。", "三、短板", "人员少。", "四、经费", "1万元。"
    )
    assert [section.kind for section in parsed.sections] == [
        SectionKind.OTHER, SectionKind.MEASURES, SectionKind.PROBLEMS, SectionKind.OTHER,
    ]  # fmt: skip


def test_table_rows_stay_rows() -> None:
    rows = [Block("指标 | 数量", kind="table_row"), Block("信访 | 12件", kind="table_row", gap_before=False)]
    assert kinds(report("一、主要举措", *rows))[1:] == [("table_row", "指标 | 数量"), ("table_row", "信访 | 12件")]


def test_the_id_depends_on_the_text_alone() -> None:
    blocks = (Block("一、主要举措"), Block("办案3件。"))
    one = parse_report(Document("one.txt", "txt", blocks))
    other = parse_report(Document("other.docx", "docx", blocks, title="别的标题"))
    changed = parse_report(Document("one.txt", "txt", (blocks[0], Block("办案4件。"))))
    assert one.meta.id == other.meta.id != changed.meta.id
    assert len(one.meta.id) == 12


TEXTS = st.lists(
    st.sampled_from(
        [
            "一、",
            "（一）",
            "1.",
            "1.1",
            "①",
            "第一部分",
            "报告",
            "2023年",
            "街道",
            "办事处",
            "，",
            "。",
            "：",
            "；",
            "“",
            "”",
        ]
        + [
            "《",
            "》",
            "一是",
            "存在不足",
            "abc",
            " ",
            "|",
            "首页",
            "12.4",
            "以",
            "(",
            ")",
            "市委",
            "的",
            "规范执法行为",
        ]
    ),
    min_size=1,
    max_size=25,
).map(lambda parts: "".join(parts).strip())
BLOCKS = st.builds(
    Block,
    text=TEXTS.filter(bool),
    kind=st.sampled_from(["text", "text", "text", "heading", "table_row", "list_item"]),
    level=st.sampled_from([None, 1, 2, 3]),
    emphasized=st.booleans(),
    gap_before=st.booleans(),
)


LINES_OF_REPORTS = report_lines().map(lambda lines: [Block(line) for line in lines])
ANYTHING = st.text(st.characters(exclude_categories=["Cs"])).map(visible).filter(bool)
MADE = st.builds(replace, BLOCKS, text=st.one_of(ANYTHING, TEXTS.filter(bool)))


@given(st.one_of(LINES_OF_REPORTS, st.lists(MADE, max_size=25), st.lists(BLOCKS, max_size=25)))
@settings(max_examples=250, deadline=None)
def test_every_visible_character_is_in_exactly_one_paragraph(blocks: list[Block]) -> None:
    parsed = parse_report(Document("report.txt", "txt", tuple(blocks)))
    assert seen("".join(p.text for p in parsed.paragraphs)) == seen("".join(block.text for block in blocks))
    assert [paragraph.number for paragraph in parsed.paragraphs] == list(range(1, len(parsed.paragraphs) + 1))
    for section in parsed.sections:
        assert 1 <= section.level <= 3
        assert section.parent is None or section.parent < section.index
        assert section.parent is None or parsed.sections[section.parent].level < section.level


@given(report_lines())
@settings(max_examples=60, deadline=None)
def test_the_id_depends_on_the_text_only(lines: list[str]) -> None:
    blocks = tuple(Block(line) for line in lines)
    one = parse_report(Document("a.txt", "txt", blocks))
    other = parse_report(Document("b.pdf", "pdf", blocks, title="另一标题", notes=("注",)))
    longer = parse_report(Document("a.txt", "txt", (*blocks, Block("另有一段没有的话。"))))
    assert one.meta.id == other.meta.id != longer.meta.id
