"""PDF files: paragraphs put together, running lines taken out, tables once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from fpdf import FPDF

from rag.errors import DamagedFile, EncryptedFile, ScannedPdf
from rag.loading import load_document
from rag.loading.pdf_characters import meant
from rag.loading.pdf_lines import Character, Line, characters_to_lines, without_furniture
from rag.types import Document

FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
with_font = pytest.mark.skipif(not FONT.exists(), reason=f"no Chinese font at {FONT}")

PARAGRAPHS = [
    "2023年，街道坚持以人民为中心，扎实推进法治建设各项工作，全年共办理行政处罚案件36件，化解矛盾纠纷128起，"
    "群众满意度达到98.5%，取得了较好的成效和社会反响，得到了上级部门的充分肯定。",
    "一是加强组织领导。街道先后召开专题会议4次，研究部署重点任务，明确责任分工，细化工作措施，确保各项任务落到实处、"
    "取得实效，推动基层治理水平持续提升，努力营造良好的法治环境。",
    "二是强化执法监督。全面落实执法公示、全过程记录、法制审核三项制度，组织执法人员参加培训12场次，共计参训240人次，"
    "执法能力明显增强，全年没有发生一起复议纠错或者败诉案件。",
]


class Report(FPDF):
    """A report in a Chinese font, with or without running lines."""

    def __init__(self, running: bool) -> None:
        super().__init__(format="A4")
        self.running = running
        self.add_font("cjk", fname=FONT)
        self.set_font("cjk", size=12)
        self.add_page()

    def header(self) -> None:
        if self.running:
            self.set_font("cjk", size=9)
            self.cell(0, 8, "青禾街道年度报告汇编", align="C")
            self.ln(12)
            self.set_font("cjk", size=12)

    def footer(self) -> None:
        if self.running:
            self.set_y(-15)
            self.set_font("cjk", size=9)
            self.cell(0, 8, f"第{self.page_no()}页 共9页", align="C")

    def lines(self, text: str, **options: object) -> None:
        self.multi_cell(0, 8, text, new_x="LMARGIN", new_y="NEXT", **{"align": "L", "wrapmode": "CHAR", **options})


def load(folder: Path, report: FPDF) -> Document:
    report.output(str(folder / "a.pdf"))
    return load_document(folder / "a.pdf", max_bytes=1 << 24)


def texts(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


@with_font
@pytest.mark.parametrize("align", ["L", "J"])
def test_indented_paragraphs_are_put_together_across_pages(tmp_path, align):
    report = Report(running=True)
    for text in PARAGRAPHS * 6:
        report.lines("　　" + text, align=align)
    document = load(tmp_path, report)
    assert texts(document) == PARAGRAPHS * 6
    assert {block.page for block in document.blocks} == {1, 2}
    assert "青禾街道年度报告汇编" in document.notes[0]


@with_font
def test_paragraphs_set_apart_by_space_are_put_together(tmp_path):
    report = Report(running=False)
    for text in PARAGRAPHS:
        report.lines(text)
        report.ln(5)
    assert texts(load(tmp_path, report)) == PARAGRAPHS


@with_font
def test_an_item_with_a_hanging_indent_is_put_together(tmp_path):
    report = Report(running=False)
    for number, text in enumerate(PARAGRAPHS, 1):
        left = report.l_margin
        report.cell(8, 8, f"{number}.")
        report.set_left_margin(left + 8)
        report.lines(text)
        report.set_left_margin(left)
        report.set_x(left)
    assert texts(load(tmp_path, report)) == [f"{number}. {text}" for number, text in enumerate(PARAGRAPHS, 1)]


@with_font
def test_a_single_page_keeps_its_first_and_last_line(tmp_path):
    report = Report(running=False)
    report.set_auto_page_break(False)
    report.lines("青禾街道2023年度报告", align="C")
    report.lines("　　" + PARAGRAPHS[0])
    report.set_y(-20)
    report.lines("2024年1月3日", align="R")
    assert texts(load(tmp_path, report)) == ["青禾街道2023年度报告", PARAGRAPHS[0], "2024年1月3日"]


@with_font
@pytest.mark.parametrize("numbering", ["- {} -", "{}", "{}/3", "第 {} 页", "Page {} of 3"])
def test_bare_page_numbers_are_taken_out(tmp_path, numbering):
    report = Report(running=False)
    for number in range(1, 4):
        report.set_auto_page_break(False)
        report.lines("　　" + PARAGRAPHS[number - 1])
        report.set_y(-15)
        report.lines(numbering.format(number), align="C")
        if number < 3:
            report.add_page()
    assert texts(load(tmp_path, report)) == PARAGRAPHS


@with_font
def test_a_larger_line_is_emphasized_and_headings_stay_apart(tmp_path):
    report = Report(running=False)
    report.set_font("cjk", size=20)
    report.lines("青禾街道报告", align="C")
    report.set_font("cjk", size=12)
    report.lines("　　一、主要做法")
    report.lines("　　" + PARAGRAPHS[0])
    document = load(tmp_path, report)
    assert texts(document) == ["青禾街道报告", "一、主要做法", PARAGRAPHS[0]]
    assert [block.emphasized for block in document.blocks] == [True, False, False]


@with_font
def test_a_table_is_read_row_by_row_in_its_place_and_once(tmp_path):
    report = Report(running=False)
    report.lines("　　" + PARAGRAPHS[0])
    long_cell = "其中调解成功率为百分之九十八点五，较上年提高二点三个百分点"
    with report.table(first_row_as_headings=False) as table:
        for cells in [("事项", "数量", "备注"), ("处罚", "36件", ""), ("调解", "128起", long_cell)]:
            row = table.row()
            for cell in cells:
                row.cell(cell)
    report.lines("　　" + PARAGRAPHS[1])
    document = load(tmp_path, report)
    rows = ["事项 | 数量 | 备注", "处罚 | 36件", f"调解 | 128起 | {long_cell}"]
    assert texts(document) == [PARAGRAPHS[0], *rows, PARAGRAPHS[1]]
    assert [block.kind for block in document.blocks] == ["text", "table_row", "table_row", "table_row", "text"]


@with_font
def test_a_slanted_watermark_is_left_out_and_noted(tmp_path):
    report = Report(running=False)
    report.lines("　　" + PARAGRAPHS[0])
    report.set_font("cjk", size=40)
    with report.rotation(45, x=100, y=60):
        report.text(60, 60, "内部资料")
    document = load(tmp_path, report)
    assert texts(document) == [PARAGRAPHS[0]]
    assert "rotated text left out" in document.notes[0]


@with_font
def test_a_page_set_sideways_is_read_along_its_lines(tmp_path):
    report = Report(running=False)
    with report.rotation(90, x=105, y=148):
        report.set_xy(20, 100)
        report.multi_cell(150, 8, "　　" + PARAGRAPHS[0], align="L", wrapmode="CHAR")
    assert texts(load(tmp_path, report)) == [PARAGRAPHS[0]]


@with_font
def test_a_page_without_text_among_others_is_noted(tmp_path):
    report = Report(running=False)
    report.lines(PARAGRAPHS[0])
    report.add_page()
    report.rect(20, 20, 100, 100, style="F")
    assert load(tmp_path, report).notes == ("no text on page 2: perhaps a picture",)


@with_font
def test_a_pdf_with_a_password_is_encrypted(tmp_path):
    report = Report(running=False)
    report.set_encryption(owner_password="owner", user_password="user")
    report.lines(PARAGRAPHS[0])
    with pytest.raises(EncryptedFile, match=r"a\.pdf.*password"):
        load(tmp_path, report)


@with_font
def test_a_pdf_that_only_forbids_changes_is_read(tmp_path):
    report = Report(running=False)
    report.set_encryption(owner_password="owner")
    report.lines(PARAGRAPHS[0])
    assert texts(load(tmp_path, report)) == [PARAGRAPHS[0]]


def test_a_pdf_of_pictures_is_a_scan(tmp_path):
    report = FPDF()
    report.add_page()
    report.rect(10, 10, 100, 100, style="F")
    with pytest.raises(ScannedPdf, match="OCR"):
        load(tmp_path, report)


@pytest.mark.parametrize("damage", [lambda data: data[:600], lambda data: data[:20] + b"\n%%EOF"])
def test_a_cut_off_pdf_is_damaged(tmp_path, damage: Callable[[bytes], bytes]):
    report = FPDF()
    report.add_page()
    report.set_font("helvetica", size=12)
    report.cell(text="words on a page")
    (tmp_path / "a.pdf").write_bytes(damage(bytes(report.output())))
    with pytest.raises(DamagedFile, match=r"a\.pdf"):
        load_document(tmp_path / "a.pdf", max_bytes=1 << 22)


def test_english_words_keep_their_spaces(tmp_path):
    report = FPDF()
    report.add_page()
    report.set_font("helvetica", size=12)
    sentence = "The office closed 26 petition cases in 2023 and trained 240 people in twelve sessions during the year."
    report.multi_cell(120, 8, sentence, align="L")
    assert texts(load(tmp_path, report)) == [sentence]


def test_no_library_writes_warnings(tmp_path, caplog):
    report = FPDF()
    report.add_page()
    report.set_font("helvetica", size=12)
    report.cell(text="words on a page")
    report.rect(10, 10, 100, 100)
    with caplog.at_level(logging.WARNING):
        load(tmp_path, report)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("drawn", "character"),
    [("⼀", "一"), ("⻘", "青"), ("⺠", "民"), ("⻔", "门"), ("ﬁ", "fi"), ("，", "，"), ("Ａ", "Ａ")],
)
def test_a_radical_is_read_as_the_character_it_looks_like(drawn, character):
    assert meant(drawn) == character


def characters(text: str, step: float, size: float = 10.0) -> list[Character]:
    return [
        Character(each, 50 + index * step, 50 + index * step + size, 100, 110, size, "Song")
        for index, each in enumerate(text)
    ]


def test_letter_spacing_makes_no_spaces_in_chinese():
    assert characters_to_lines(characters("法治政府", 12.5), 1)[0].text == "法治政府"


def test_a_wide_gap_in_chinese_is_a_space():
    spread = [
        *characters("党工委", 10),
        *(
            Character(each, 120 + 10 * index, 130 + 10 * index, 100, 110, 10, "Song")
            for index, each in enumerate("办事处")
        ),
    ]
    assert characters_to_lines(spread, 1)[0].text == "党工委 办事处"


def test_a_character_struck_twice_is_read_once():
    twice = [Character("报", 50 + shift, 60 + shift, 100, 110, 10, "Song") for shift in (0, 0.4)]
    assert characters_to_lines(twice, 1)[0].text == "报"


def line(text: str, page: int, top: float) -> Line:
    return Line(text, page, 50, 300, top, top + 10, 10, "Song")


def test_equal_lines_at_different_heights_stay():
    pages = [[line("（一）学习", 1, 100), line("甲", 1, 300)], [line("乙", 2, 60), line("（一）学习", 2, 400)]]
    kept, removed = without_furniture(pages, [800, 800])
    assert kept == pages
    assert removed == ()
