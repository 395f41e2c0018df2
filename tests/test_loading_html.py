"""Web pages: the main text whole, the site's furniture left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import DamagedFile, EmptyFile
from rag.loading import load_document
from rag.types import Block, Document

TITLE = "青禾街道办事处2023年度法治政府建设情况报告"
FIRST = "2023年，街道坚持依法行政，共办理行政处罚案件36件，化解矛盾纠纷128起，群众满意率达到98.5%。"
SECOND = "全年组织专题学习12次，参加人员240人次，执法人员持证上岗率达到百分之百，能力明显增强。"
THIRD = "下一步，街道将继续健全工作机制，把法治建设落到实处，不断提高基层治理的水平。"
HEADER = (
    '<div class="header"><div class="logo">云岭区人民政府</div><ul class="nav"><li><a href="#">首页</a></li>'
    '<li><a href="#">政务公开</a></li></ul></div><div class="crumbs">当前位置：<a>首页</a> &gt; <a>政务</a></div>'
)
FOOTER = (
    '<div class="related"><h3>相关链接</h3><ul><li><a>关于印发方案的通知</a></li><li><a>去年的报告</a></li></ul></div>'
    '<div class="footer"><p>主办单位：云岭区人民政府办公室</p><p>备案12345678号 <a>网站地图</a></p></div>'
    "<script>var hidden = '脚本，不可见。';</script>"
)
FURNITURE = ("首页", "政务公开", "当前位置", "相关链接", "方案的通知", "主办单位", "备案", "网站地图", "脚本", "隐藏")


def page(body: str, head: str = f"<title>{TITLE}_云岭区人民政府</title>") -> str:
    return f'<!DOCTYPE html><html><head><meta charset="utf-8">{head}</head><body>{body}</body></html>'


def load(folder: Path, markup: str | bytes, name: str = "a.html") -> Document:
    (folder / name).write_bytes(markup.encode() if isinstance(markup, str) else markup)
    return load_document(folder / name, max_bytes=1 << 22)


def texts(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


PARAGRAPHS = (
    f'<div class="article"><h1>{TITLE}</h1><div class="info">发布时间：2024-01-03</div><div class="TRS_Editor">'
    f"<p>　　区政府：</p><p>　　{FIRST}</p><p><strong>一、主要做法</strong></p><p>　　{SECOND}</p><p>（一）短</p>"
    f'<p style="display: none">隐藏，不可见。</p><p>{THIRD}</p><p align="right">青禾街道办事处</p></div></div>'
)
LAYOUT_TABLE = (
    f'<table><tr><td>{HEADER}</td></tr><tr><td><table><tr><td class="bt">{TITLE}</td></tr><tr><td id="zoom">'
    f"　　区政府：<br>　　{FIRST}<br>　　一、主要做法<br>{SECOND}<br>（一）短<br>{THIRD}<br>青禾街道办事处"
    f"</td></tr></table></td></tr><tr><td>{FOOTER}</td></tr></table>"
)
DIVISIONS = (
    f'<form id="form1">{HEADER}<div id="content"><div>{TITLE}</div><div>区政府：</div><div><span>{FIRST[:9]}</span>'
    f"<span>{FIRST[9:]}</span></div><div><b>一、主要做法</b></div><div>{SECOND}</div><div>（一）短</div>"
    f"<div>{THIRD}</div><div>青禾街道办事处</div></div>{FOOTER}</form>"
)
SECTIONS = (
    f"{HEADER}<main><article><header><h1>{TITLE}</h1></header><section><p>区政府：</p><p>{FIRST}</p></section>"
    f"<section><h2>一、主要做法</h2><p>{SECOND}</p><p>（一）短</p></section><section><p>{THIRD}</p></section>"
    f"<footer>青禾街道办事处</footer></article></main><aside>侧栏，隐藏。</aside>{FOOTER}"
)


@pytest.mark.parametrize("body", [HEADER + PARAGRAPHS + FOOTER, LAYOUT_TABLE, DIVISIONS, SECTIONS])
def test_the_main_text_is_whole_and_the_furniture_is_gone(tmp_path, body):
    shown = texts(load(tmp_path, page(body)))
    wanted = [TITLE, "区政府：", FIRST, "一、主要做法", SECOND, "（一）短", THIRD, "青禾街道办事处"]
    assert [text for text in shown if "发布时间" not in text] == wanted
    assert not [word for word in FURNITURE if word in "".join(shown)]


def test_headings_bold_paragraphs_and_lists_are_told_apart(tmp_path):
    markup = page(
        f"<h2>一、做法</h2><p><b>（一）</b><span style='font-weight:bold'>学习</span></p><p><b>一是</b>{FIRST}</p>"
        f"<ul><li>甲</li></ul><ol start=3><li>乙</li><li>丙</li></ol><p>{SECOND}<br>{THIRD}</p>",
        head="",
    )
    assert load(tmp_path, markup).blocks == (
        Block("一、做法", kind="heading", level=2),
        Block("（一）学习", emphasized=True),
        Block("一是" + FIRST),
        Block("甲", kind="list_item"),
        Block("3. 乙", kind="list_item"),
        Block("4. 丙", kind="list_item"),
        Block(SECOND),
        Block(THIRD, gap_before=False),
    )


def test_a_table_is_read_row_by_row_and_a_layout_table_is_not(tmp_path):
    markup = page(
        f"<p>{FIRST}</p><table><tr><th>事项</th><th>数量</th></tr><tr><td><p>行政<br>处罚</p></td><td>36件</td></tr>"
        f"</table><table><tr><td><p>{SECOND}</p><p>{THIRD}</p></td></tr></table>"
    )
    assert load(tmp_path, markup).blocks[1:] == (
        Block("事项 | 数量", kind="table_row"),
        Block("行政处罚 | 36件", kind="table_row", gap_before=False),
        Block(SECOND),
        Block(THIRD),
    )


def test_line_breaks_of_the_source_leave_no_space_in_chinese(tmp_path):
    markup = page(f"<p>{FIRST[:8]}\n   {FIRST[8:]}</p><p>in\nEnglish，{SECOND}</p>")
    assert texts(load(tmp_path, markup)) == [FIRST, f"in English，{SECOND}"]


def test_the_page_names_its_title(tmp_path):
    meta = f'<title>云岭区人民政府</title><meta name="ArticleTitle" content="{TITLE}">'
    assert load(tmp_path, page(f"<p>{FIRST}</p>", head=meta)).title == TITLE
    assert load(tmp_path, page(f"<p>{FIRST}</p>")).title == f"{TITLE}_云岭区人民政府"


@pytest.mark.parametrize("declared", ["gb2312", "utf-8", "iso-8859-1"])
def test_the_bytes_decide_whatever_the_page_declares(tmp_path, declared):
    markup = f'<html><head><meta charset="{declared}"></head><body><p>{FIRST}</p></body></html>'
    assert texts(load(tmp_path, markup.encode("gb18030"))) == [FIRST]
    assert texts(load(tmp_path, markup.encode("utf-8"))) == [FIRST]
    assert texts(load(tmp_path, markup.encode("utf-16"))) == [FIRST]


def test_a_heading_of_two_lines_is_one_heading(tmp_path):
    document = load(tmp_path, page(f"<h1>青禾街道办事处<br>2023年报告</h1><p>{FIRST}</p>", head=""))
    assert document.blocks[0] == Block("青禾街道办事处2023年报告", kind="heading", level=1)


def test_a_fragment_without_head_or_body_is_read(tmp_path):
    assert texts(load(tmp_path, f"<h2>一、做法</h2><p>{FIRST}</p><p>短。</p>")) == ["一、做法", FIRST, "短。"]


def test_a_page_that_breaks_off_is_read_and_noted(tmp_path):
    document = load(tmp_path, f"<html><body><p>{FIRST}</p><p>{SECOND[:20]}")
    assert texts(document) == [FIRST, SECOND[:20]]
    assert "cut off" in document.notes[0]


def test_entities_that_a_page_declares_are_not_expanded(tmp_path):
    bomb = '<!DOCTYPE html [<!ENTITY a "炸炸炸炸"><!ENTITY b "&a;&a;&a;&a;">]>'
    assert "炸" not in "".join(texts(load(tmp_path, f"{bomb}<html><body><p>&b;{FIRST}</p></body></html>")))


def test_enormous_nesting_is_refused_at_once(tmp_path):
    with pytest.raises(DamagedFile, match="deep"):
        load(tmp_path, "<div>" * 100_000 + FIRST)


def test_a_page_of_script_alone_is_empty(tmp_path):
    with pytest.raises(EmptyFile):
        load(tmp_path, page("<script>document.write('文')</script>", head=""))
