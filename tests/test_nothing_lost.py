"""From the bytes of a file to the paragraphs of its report: what was put in comes out, in order, in every format.

Exempt is white space, and what is a format's own: in text a ``#`` or ``**`` that marks a line as heading or bold; in
Markdown nothing, since it is escaped when written; in a PDF running lines, of which these pages have none.
"""

from __future__ import annotations

import html
import re
from io import BytesIO
from pathlib import Path

import docx
import pytest
from fpdf import FPDF
from generated_reports import report_lines, seen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.loading import load_document
from rag.structure import parse_report

FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
WORDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x9FA5, exclude_categories=["C", "Z", "M"]), min_size=1)
ANY_LINES = st.lists(WORDS.map(lambda text: "街道" + text), min_size=1, max_size=4)
LINES = st.one_of(report_lines(), ANY_LINES)
steady = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def comes_out(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    report = parse_report(load_document(path, max_bytes=1 << 24))
    assert [paragraph.number for paragraph in report.paragraphs] == list(range(1, len(report.paragraphs) + 1))
    return seen("".join(paragraph.text for paragraph in report.paragraphs))


@settings(steady, max_examples=60)
@given(report_lines(), st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]), st.sampled_from(["\n", "\r\n"]))
def test_a_text_file_in_any_encoding(tmp_path, lines, encoding, end):
    lines = ["街道办事处年度法治政府建设情况报告", *lines]  # enough Chinese to tell the encoding by
    assert comes_out(tmp_path / "a.txt", end.join(lines).encode(encoding)) == seen("".join(lines))


@settings(steady, max_examples=60)
@given(ANY_LINES)
def test_a_text_file_of_any_characters(tmp_path, lines):
    assert comes_out(tmp_path / "a.txt", "\n".join(lines).encode()) == seen("".join(lines))


@settings(steady, max_examples=80)
@given(LINES, st.sampled_from(["\n", "\n\n", "  \n"]), st.sampled_from(["", "# ", "## ", "- ", "> "]))
def test_a_markdown_file(tmp_path, lines, between, mark):
    escaped = [re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", line) for line in lines]
    content = mark + f"{between}{mark}".join(escaped)
    assert comes_out(tmp_path / "a.md", content.encode()) == seen("".join(lines))


@settings(steady, max_examples=60)
@given(LINES, st.sampled_from(["p", "div", "li", "h2", "td", "br"]))
def test_a_web_page(tmp_path, lines, tag):
    inside = [html.escape(line) for line in lines]
    body = "<br>".join(inside) if tag == "br" else "".join(f"<{tag}>{line}</{tag}>" for line in inside)
    body = f"<ul>{body}</ul>" if tag == "li" else f"<table><tr>{body}</tr></table>" if tag == "td" else body
    page = f"<!DOCTYPE html><html><head><meta charset='utf-8'></head><body>{body}</body></html>"
    put_in = "|".join(lines) if tag == "td" and len(lines) > 1 else "".join(lines)
    assert comes_out(tmp_path / "a.html", page.encode()) == seen(put_in)


@settings(steady, max_examples=40)
@given(LINES, st.sampled_from(["Normal", "Heading 1", "Heading 2", "List Bullet", "table"]))
def test_a_word_document(tmp_path, lines, style):
    document = docx.Document()
    if style == "table":
        table = document.add_table(len(lines), 2)
        for row, line in zip(table.rows, lines, strict=True):
            row.cells[1].text = line
    else:
        for line in lines:
            document.add_paragraph(line, style=style)
    file = BytesIO()
    document.save(file)
    read = comes_out(tmp_path / "a.docx", file.getvalue())
    # An empty first cell shows as a border; a list's mark is the format's own.
    assert (read.replace("|", "") if style == "table" else read) == (
        seen("".join(lines)).replace("|", "") if style == "table" else seen("".join(lines))
    )


@pytest.mark.skipif(not FONT.exists(), reason=f"no Chinese font at {FONT}")
@settings(steady, max_examples=15)
@given(report_lines())
def test_a_pdf(tmp_path, lines):
    document = FPDF(format="A4")
    document.add_font("cjk", fname=FONT)
    document.set_font("cjk", size=12)
    document.add_page()
    for line in lines:
        document.multi_cell(0, 8, line, new_x="LMARGIN", new_y="NEXT", align="L", wrapmode="CHAR")
    assert comes_out(tmp_path / "a.pdf", bytes(document.output())) == seen("".join(lines))
