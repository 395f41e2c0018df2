"""What fuzzing begins with: the sample reports, small made files of each format, and lines of reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import docx
from fpdf import FPDF

ROOT = Path(__file__).parents[2]
MOST_REPORTS = 3
"""Sample reports of a format, the smallest: more slow the fuzzer down and add nothing new."""
LINES = """青石街道办事处2023年法治政府建设情况报告
一、主要举措
（一）化解矛盾。全年受理信访案件1,200余件，办结率百分之九十八以上，投入3至5万元。
一是加强领导；二是开展宣传12场次，约3.5万人次参加。
| 项目 | 数量（件） |
| 信访 | 二十六 |
二、存在的不足
2024年1月3日"""


def word_file() -> bytes:
    """A small Word document with a heading, a list and a table."""
    document = docx.Document()
    document.add_heading("一、主要举措", 1)
    for line in LINES.splitlines():
        document.add_paragraph(line)
    document.add_paragraph("列表", style="List Number")
    table = document.add_table(2, 2)
    table.cell(0, 0).text, table.cell(1, 1).text = "项目", "26件"
    file = BytesIO()
    document.save(file)
    return file.getvalue()


def pdf_file() -> bytes:
    """A small PDF of two pages with a ruled table, in a built-in font."""
    document = FPDF()
    document.set_font("helvetica", size=12)
    for page in range(2):
        document.add_page()
        document.multi_cell(0, 8, f"1. Report of 2023, page {page}. 26 cases were closed.")
        with document.table() as table:
            for row in (("item", "number"), ("cases", "26")):
                table.row(row)
    return bytes(document.output())


def web_page() -> bytes:
    """A small page with navigation, headings, a list and a table."""
    lines = "".join(f"<p>{line}</p>" for line in LINES.splitlines())
    return (
        f"<!DOCTYPE html><html><head><meta charset=utf-8><title>报告</title></head><body><nav><a>首页</a></nav>"
        f"<h1>报告</h1>{lines}<ol start=3><li>甲<li>乙</ol>"
        "<table><tr><th>项<td>数<tr><td>甲<td>26</table></body></html>"
    ).encode()


def seeds(target: str) -> Iterator[bytes]:
    """Yield the seeds of a target, the smallest first."""
    made = {"docx": word_file, "pdf": pdf_file, "html": web_page}
    if target in made:
        yield made[target]()
    elif target == "txt":
        yield from (LINES.encode(encoding) for encoding in ("utf-8", "gb18030", "utf-16"))
    elif target == "md":
        yield ("# " + LINES.replace("\n一、", "\n\n## 一、") + "\n\n- 甲\n- **乙**\n\n> `丙`\n").encode()
    elif target == "questions":
        lines = (ROOT / "data/gold/sample.jsonl").read_text("utf-8").splitlines()
        yield from (json.loads(line)["question"].encode() for line in lines)
    elif target == "citations":
        yield b"3f9ac1d2b07e-p14-s120-e141"
    elif target == "quotes":
        yield "全年办理信访案件２６件\x00信訪案件26件".encode()
    yield from (line.encode() for line in LINES.splitlines() if target in ("figures", "structure", "citations"))
    yield LINES.encode() if target == "structure" else b""
    files = sorted((ROOT / "data/reports").glob(f"*.{target}"), key=lambda path: path.stat().st_size)
    yield from (path.read_bytes() for path in files[:MOST_REPORTS])
