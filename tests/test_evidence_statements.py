"""Statements: every sentence and table row of a report, where it stands, and what it is read under."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag.evidence import context_of, statements_of
from rag.structure import parse_report
from rag.types import Block, Document


def report(*blocks: Block):
    return parse_report(Document("a.txt", "txt", blocks))


def test_sentences_stand_where_they_say_and_know_their_headings():
    made = report(
        Block("青石街道办事处2023年法治政府建设情况报告"),
        Block("一、存在的不足"),
        Block("（一）执法力量薄弱"),
        Block("街道没有执法权。 执法人员只有3人。"),
    )
    found = statements_of(made)
    texts = {paragraph.number: paragraph.text for paragraph in made.paragraphs}
    assert [statement.text for statement in found[-2:]] == ["街道没有执法权。", "执法人员只有3人。"]
    assert all(texts[one.paragraph][one.start : one.end] == one.text for one in found)
    assert found[-1].path == ("一、存在的不足", "（一）执法力量薄弱")
    heading = next(one for one in found if one.text == "（一）执法力量薄弱")
    assert heading.path == ("一、存在的不足",)


def test_a_table_row_is_one_statement_read_under_its_first_row():
    rows = ("项目 | 2022年 | 2023年", "行政处罚 | 3件；罚款2万元。 | 5件")
    found = statements_of(report(*(Block(row, "table_row") for row in rows)))
    assert [(one.text, one.header) for one in found] == [(rows[0], ""), (rows[1], rows[0])]


@given(st.lists(st.text("法治，。；！？“”（）3 \n", min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=6))
def test_no_visible_character_of_a_statement_is_lost(texts):
    made = report(*(Block(text.strip()) for text in texts))
    kept = "".join(one.text for one in statements_of(made))
    shown = "".join(paragraph.text for paragraph in made.paragraphs if paragraph.kind in ("title", "heading", "body"))
    assert "".join(kept.split()) == "".join(shown.split())


def test_the_context_names_office_and_year_and_cuts_long_headings():
    path = ("一、" + "深入推进法治政府建设" * 5, "（二）执法")
    context = context_of("青石街道办事处", 2023, path, "项目 | 件数")
    assert context == f"青石街道办事处 2023 | {path[0][:20]} > （二）执法 | 项目 | 件数"
    assert context_of(None, None, ()) == ""
