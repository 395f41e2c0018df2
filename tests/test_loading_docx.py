"""Word documents: headings, tables, automatic numbers, and what is refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import docx
import pytest
from docx.enum.text import WD_BREAK
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from rag.errors import DamagedFile, FileTooLarge
from rag.loading import load_document
from rag.loading.docx_numbering import render_number
from rag.types import Block, Document

BODY = "2023年，街道共办理行政处罚案件36件，化解矛盾纠纷128起。"


def load(folder: Path, document: object) -> Document:
    document.save(folder / "a.docx")
    return load_document(folder / "a.docx", max_bytes=1 << 22)


def texts(document: Document) -> list[str]:
    return [block.text for block in document.blocks]


def add_xml(document, xml: str) -> None:
    document.element.body.insert(len(document.element.body) - 1, parse_xml(xml))


def paragraph(content: str) -> str:
    return f"<w:p {nsdecls('w')}>{content}</w:p>"


def numbered(document, levels: list[tuple[str, str]]) -> str:
    """Define a multilevel list and return its id."""
    root = document.part.numbering_part.element
    rows = "".join(
        f'<w:lvl w:ilvl="{index}"><w:start w:val="1"/><w:numFmt w:val="{number_format}"/>'
        f'<w:lvlText w:val="{template}"/></w:lvl>'
        for index, (number_format, template) in enumerate(levels)
    )
    root.insert(0, parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90">{rows}</w:abstractNum>'))
    root.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="90"><w:abstractNumId w:val="90"/></w:num>'))
    return "90"


def in_list(text: str, list_id: str, level: int) -> str:
    properties = f'<w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list_id}"/></w:numPr></w:pPr>'
    return paragraph(f"{properties}<w:r><w:t>{text}</w:t></w:r>")


def test_headings_and_bold_paragraphs_are_told(tmp_path):
    document = docx.Document()
    document.add_heading("青禾街道报告", 0)
    document.add_heading("一、主要做法", 1)
    document.styles.add_style("标题 2", 1)
    document.add_paragraph("（一）学习", style="标题 2")
    document.add_paragraph().add_run("（二）执法").bold = True
    mixed = document.add_paragraph()
    mixed.add_run("一是").bold = True
    mixed.add_run(BODY)
    assert load(tmp_path, document).blocks == (
        Block("青禾街道报告", kind="heading", level=1),
        Block("一、主要做法", kind="heading", level=1),
        Block("（一）学习", kind="heading", level=2),
        Block("（二）执法", emphasized=True),
        Block("一是" + BODY),
    )


def test_a_table_stands_in_its_place_with_merged_cells_once(tmp_path):
    document = docx.Document()
    document.add_paragraph("表前")
    table = document.add_table(rows=3, cols=3)
    for row, cells in enumerate([("事项", "", "备注"), ("处罚", "36件", "已公示"), ("调解", "128起", "")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    table.cell(0, 0).merge(table.cell(0, 1))
    table.cell(1, 2).merge(table.cell(2, 2))
    document.add_paragraph("表后")
    assert load(tmp_path, document).blocks == (
        Block("表前"),
        Block("事项 | 备注", kind="table_row"),
        Block("处罚 | 36件 | 已公示", kind="table_row", gap_before=False),
        Block("调解 | 128起", kind="table_row", gap_before=False),
        Block("表后"),
    )


def test_automatic_numbers_are_shown_as_word_shows_them(tmp_path):
    document = docx.Document()
    levels = [("chineseCountingThousand", "%1、"), ("chineseCounting", "（%2）"), ("decimal", "%3.")]
    list_id = numbered(document, levels)
    for text, level in [
        ("做法", 0),
        ("学习", 1),
        ("甲", 2),
        ("乙", 2),
        ("执法", 1),
        ("丙", 2),
        ("计划", 0),
        ("普法", 1),
    ]:
        add_xml(document, in_list(text, list_id, level))
    loaded = load(tmp_path, document)
    assert texts(loaded) == [
        "一、做法",
        "（一）学习",
        "1. 甲",
        "2. 乙",
        "（二）执法",
        "1. 丙",
        "二、计划",
        "（一）普法",
    ]
    assert [block.kind for block in loaded.blocks][:3] == ["text", "text", "list_item"]


def test_bullets_show_no_number(tmp_path):
    document = docx.Document()
    document.add_paragraph("要点", style="List Bullet")
    assert load(tmp_path, document).blocks == (Block("要点", kind="list_item"),)


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (10, "chineseCounting", "十"),
        (15, "chineseCountingThousand", "十五"),
        (20, "chineseCountingThousand", "二十"),
        (105, "chineseCountingThousand", "一百零五"),
        (12, "chineseLegalSimplified", "壹拾贰"),
        (3, "decimalEnclosedCircle", "③"),
        (12, "decimalFullWidth", "１２"),
        (4, "upperRoman", "IV"),
        (28, "lowerLetter", "bb"),
        (2, "ideographTraditional", "乙"),
        (7, "somethingNew", "7"),
    ],
)
def test_numbers_in_words_formats(value, number_format, shown):
    assert render_number(value, number_format) == shown


def test_line_breaks_part_blocks_and_page_headers_are_left_out(tmp_path):
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "页眉"
    document.sections[0].footer.paragraphs[0].text = "页脚"
    run = document.add_paragraph().add_run("甲")
    run.add_break(WD_BREAK.LINE)
    run.add_text("乙")
    assert load(tmp_path, document).blocks == (Block("甲"), Block("乙", gap_before=False))


def test_tracked_insertions_links_and_controls_are_read_and_deletions_are_not(tmp_path):
    document = docx.Document()
    add_xml(
        document,
        paragraph(
            '<w:r><w:t>甲</w:t></w:r><w:ins w:id="1" w:author="a"><w:r><w:t>乙</w:t></w:r></w:ins>'
            '<w:del w:id="2" w:author="a"><w:r><w:delText>删</w:delText></w:r></w:del>'
            "<w:hyperlink><w:r><w:t>丙</w:t></w:r></w:hyperlink>"
            "<w:r><w:rPr><w:vanish/></w:rPr><w:t>藏</w:t></w:r>"
        ),
    )
    inner = paragraph("<w:r><w:t>控件</w:t></w:r>")
    add_xml(document, f"<w:sdt {nsdecls('w')}><w:sdtContent>{inner}</w:sdtContent></w:sdt>")
    assert texts(load(tmp_path, document)) == ["甲乙丙", "控件"]


def test_a_text_box_is_read_once(tmp_path):
    document = docx.Document()
    compatibility = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = f"<w:txbxContent>{paragraph('<w:r><w:t>框内文字</w:t></w:r>')}</w:txbxContent>"
    add_xml(
        document,
        f"<w:p {nsdecls('w')} {compatibility}><w:r><w:t>正文</w:t></w:r><w:r><mc:AlternateContent>"
        f"<mc:Choice Requires='wps'>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r>"
        "</w:p>",
    )
    assert texts(load(tmp_path, document)) == ["正文", "框内文字"]


def test_footnotes_stand_after_the_body(tmp_path):
    document = docx.Document()
    document.add_paragraph(BODY)
    separator = f'<w:footnote w:type="separator" w:id="-1">{paragraph("<w:r><w:separator/></w:r>")}</w:footnote>'
    note = f'<w:footnote w:id="1">{paragraph("<w:r><w:t>数据截至年底。</w:t></w:r>")}</w:footnote>'
    part = Part(
        PackURI("/word/footnotes.xml"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml",
        f"<w:footnotes {nsdecls('w')}>{separator}{note}</w:footnotes>".encode(),
        document.part.package,
    )
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    assert texts(load(tmp_path, document)) == [BODY, "数据截至年底。"]


def test_a_table_of_contents_is_left_out_and_noted(tmp_path):
    document = docx.Document()
    document.styles.add_style("toc 1", 1)
    document.add_paragraph("一、做法\t1", style="toc 1")
    document.add_paragraph(BODY)
    loaded = load(tmp_path, document)
    assert texts(loaded) == [BODY]
    assert loaded.notes == ("table of contents left out: 1 lines",)


def test_the_documents_own_title_is_taken_unless_it_is_words_default(tmp_path):
    document = docx.Document()
    document.add_paragraph(BODY)
    assert load(tmp_path, document).title is None
    document.core_properties.title = "年度报告"
    assert load(tmp_path, document).title == "年度报告"


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_cut_off_document_is_damaged(tmp_path, share):
    whole = io.BytesIO()
    document = docx.Document()
    document.add_paragraph(BODY)
    document.save(whole)
    (tmp_path / "a.docx").write_bytes(whole.getvalue()[: int(share * len(whole.getvalue()))])
    with pytest.raises(DamagedFile, match=r"a\.docx.*(cut off|damaged)"):
        load_document(tmp_path / "a.docx", max_bytes=1 << 22)


def test_a_document_with_broken_xml_is_damaged(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as container:
        container.writestr("word/document.xml", "<w:document><w:p>")
    with pytest.raises(DamagedFile, match=r"a\.docx"):
        load_document(tmp_path / "a.docx", max_bytes=1 << 22)


def test_a_zip_bomb_is_refused_unopened(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.docx", "w", zipfile.ZIP_DEFLATED) as container:
        with container.open("word/document.xml", "w", force_zip64=True) as member:
            for _ in range(300):
                member.write(bytes(1 << 20))
    with pytest.raises(FileTooLarge, match="unpacks to 300 MB"):
        load_document(tmp_path / "a.docx", max_bytes=1 << 22)
