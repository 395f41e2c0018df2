"""Plain text and Markdown: encodings, lines, headings, and that nothing visible is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import DamagedFile
from rag.loading import load_document
from rag.loading.encoding import decode
from rag.loading.text import markdown_blocks, text_blocks
from rag.types import Block, Document

REPORT = (
    "青禾街道办事处2023年法治政府建设报告\n\n"
    "一、主要做法\n2023年，街道共办理行政处罚案件36件，化解矛盾纠纷128起，群众满意率98.5%。\n"
    "（一）加强学习。全年组织专题学习12次，参加人员240人次。\n"
)


def load(path: Path, content: bytes) -> Document:
    path.write_bytes(content)
    return load_document(path, max_bytes=1 << 20)


def shown(text: str) -> list[str]:
    return [block.text for block in text_blocks(text)]


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"],
)
def test_a_report_reads_the_same_in_every_encoding(tmp_path, encoding):
    document = load(tmp_path / "a.txt", REPORT.encode(encoding))
    assert [block.text for block in document.blocks] == [line for line in REPORT.split("\n") if line]


def test_traditional_characters_in_big5_are_read(tmp_path):
    text = "街道辦事處堅持依法行政，全面推進法治政府建設，取得了較好的成效。"
    assert load(tmp_path / "a.txt", text.encode("big5")).blocks[0].text == text


def test_utf_16_without_a_mark_is_told_even_without_digits_or_line_breaks():
    text = "街道办事处坚持依法行政全面推进法治政府建设"
    assert decode(text.encode("utf-16-le"), "a.txt").text == text
    assert decode(text.encode("utf-16-be"), "a.txt").text == text


def test_a_few_gbk_characters_that_happen_to_be_valid_utf_8_are_read_as_gbk():
    text = "联通"
    assert decode(text.encode("gbk"), "a.txt").text == text


def test_accented_letters_in_utf_8_stay_so():
    assert decode("café au lait".encode(), "a.txt").text == "café au lait"


def test_a_wrong_declaration_does_not_win_over_the_bytes():
    assert decode(REPORT.encode("gbk"), "a.html", declared="utf-8").text == REPORT
    assert decode(REPORT.encode(), "a.html", declared="gb2312").text == REPORT
    assert decode(REPORT.encode("gbk"), "a.html", declared="no-such-charset").text == REPORT


def test_an_encoding_other_than_utf_8_is_noted(tmp_path):
    assert load(tmp_path / "a.txt", REPORT.encode("gbk")).notes == ("read as GB18030",)


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "utf-16-le"])
def test_a_file_cut_inside_a_character_is_damaged(tmp_path, encoding):
    with pytest.raises(DamagedFile, match=r"a\.txt.*cut off"):
        load(tmp_path / "a.txt", (REPORT.rstrip("。\n") + "完").encode(encoding)[:-1])


def test_a_stretch_of_broken_bytes_names_its_line(tmp_path):
    content = REPORT.encode().replace("学习。".encode(), b"\xe5\xad\xff" + "习。".encode(), 1)
    with pytest.raises(DamagedFile, match="line 5"):
        load(tmp_path / "a.txt", content)


@given(
    st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1), st.sampled_from(["utf-8", "utf-16"])
)
def test_any_characters_come_back_from_utf(text, encoding):
    assert decode(text.encode(encoding), "a.txt").text == text


def test_each_line_is_a_block_and_empty_lines_are_told():
    blocks = text_blocks("标题\n第一行\n\n第二行\n \u3000\n第三行")
    assert [(block.text, block.gap_before) for block in blocks] == [
        ("标题", True),
        ("第一行", False),
        ("第二行", True),
        ("第三行", True),
    ]


def test_edges_are_trimmed_and_the_inside_stays():
    assert shown("\ufeff　　 2023 年，ＡＢＣ　全角\u00a0 \u200b\x07\n") == ["2023 年，ＡＢＣ　全角"]


def test_all_line_ends_and_form_feeds_part_lines():
    assert shown("甲\r\n乙\r丙\x0b丁\x0c戊\u2028己") == list("甲乙丙丁戊己")


def test_a_page_break_stands_for_a_gap():
    assert [block.gap_before for block in text_blocks("甲\n乙\x0c丙")] == [True, False, True]


@pytest.mark.parametrize(
    ("line", "text", "level"),
    [
        ("# 报告", "报告", 1),
        ("### **三、存在不足**", "三、存在不足", 3),
        ("###### 六 ##", "六", 6),
        ("##　全角空格", "全角空格", 2),
    ],
)
def test_a_markdown_heading_in_a_text_file_is_a_heading(line, text, level):
    assert text_blocks(line) == (Block(text, kind="heading", level=level),)


@pytest.mark.parametrize("line", ["#3楼", "####### 七", "#", "1. 第一", "**一是**加强"])
def test_other_lines_of_a_text_file_stay_as_they_are(line):
    assert text_blocks(line) == (Block(line),)


def test_a_line_wholly_in_bold_marks_is_emphasized():
    assert text_blocks("**（一）加强领导**") == (Block("（一）加强领导", emphasized=True),)


@given(st.text())
def test_every_visible_character_of_a_text_is_in_exactly_one_block_in_order(text):
    visible = "".join(character for character in text if character.isprintable() and character not in "#*_")
    blocks = "".join(shown(text))
    kept = "".join(character for character in blocks if character.isprintable() and character not in "#*_")
    assert "".join(kept.split()) == "".join(visible.split())


@given(st.text())
def test_no_block_is_empty_or_has_white_space_around_it(text):
    for block in (*text_blocks(text), *markdown_blocks(text).blocks):
        assert block.text
        assert block.text == block.text.strip()
        assert "\n" not in block.text


def test_markdown_is_shown_as_a_reader_sees_it():
    source = """\
# **报告**

正文第一行
第二行有**粗体**、*斜体*、[链接](http://example.org)、![图名](a.png)和`代码`

    缩进四格的段落

**（一）加强领导**

1. 第一
2. 第二
   - 子项

> 引文

```
代码块
```
甲<br>乙&amp;丙
"""
    assert [(block.text, block.kind, block.gap_before) for block in markdown_blocks(source).blocks] == [
        ("报告", "heading", True),
        ("正文第一行", "text", True),
        ("第二行有粗体、斜体、链接、图名和代码", "text", False),
        ("缩进四格的段落", "text", True),
        ("（一）加强领导", "text", True),
        ("1. 第一", "list_item", False),
        ("2. 第二", "list_item", False),
        ("子项", "list_item", False),
        ("引文", "text", True),
        ("代码块", "text", True),
        ("甲", "text", True),
        ("乙&丙", "text", False),
    ]
    assert [block.text for block in markdown_blocks(source).blocks if block.emphasized] == ["（一）加强领导"]


def test_a_markdown_table_is_read_row_by_row():
    source = "| 事项 | 数量 |\n|:--|--:|\n| 行政处罚 | **36件** |\n| 空 | |\n"
    assert markdown_blocks(source).blocks == (
        Block("事项 | 数量", kind="table_row", gap_before=True),
        Block("行政处罚 | 36件", kind="table_row", gap_before=False),
        Block("空", kind="table_row", gap_before=False),
    )


def test_bold_that_markdown_refuses_next_to_chinese_is_still_bold():
    assert [block.text for block in markdown_blocks("**一是“强化领导”：**街道成立专班").blocks] == [
        "一是“强化领导”：街道成立专班"
    ]


def test_a_rule_under_a_long_paragraph_does_not_make_it_a_heading():
    paragraph = "街道坚持依法行政，" * 10
    assert markdown_blocks(f"{paragraph}\n---\n").blocks == (Block(paragraph),)
    assert markdown_blocks("一、做法\n---\n").blocks == (Block("一、做法", kind="heading", level=2),)


def test_front_matter_gives_the_title_and_is_left_out(tmp_path):
    document = load(tmp_path / "a.md", "---\ntitle: 年度报告\ndate: 2024-01-02\n---\n正文\n".encode())
    assert document.title == "年度报告"
    assert [block.text for block in document.blocks] == ["正文"]
    assert document.notes == ("front matter left out",)


def test_rules_around_text_are_not_front_matter():
    assert [block.text for block in markdown_blocks("---\n正文，第一段。\n\n---\n第二段。\n").blocks] == [
        "正文，第一段。",
        "第二段。",
    ]


def test_scripts_and_comments_in_markdown_are_not_shown():
    source = "<script>\nalert(1)\n</script>\n\n<!-- 注 -->\n\n<div>可见</div>\n"
    assert [block.text for block in markdown_blocks(source).blocks] == ["可见"]
