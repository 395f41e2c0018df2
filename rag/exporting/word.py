"""A document as a Word file (ECMA-376), by python-docx."""

from __future__ import annotations

import io
from typing import Any

import docx
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import RGBColor

from rag.exporting.document import Document, Element
from rag.exporting.word_footnotes import Footnotes, legal
from rag.prose import Block, Line

_LATIN, _CHINESE = "Calibri", "宋体"
_STYLES = {"title": "Title", "question": "Heading 1", "label": "Heading 3", "small": "Caption"}
_KINDS = {"heading": "Heading 2", "bullet": "List Bullet", "quote": "Quote"}


def to_word(document: Document) -> bytes:
    """Return the document as the bytes of a .docx file, its citations as real footnotes."""
    file = docx.Document()
    file.core_properties.title = legal(document.title)[:255]
    file.core_properties.author = file.core_properties.comments = ""
    file.core_properties.language = "zh-CN" if document.language == "zh" else "en"
    _set_fonts(file)
    small = file.styles[_STYLES["small"]].font
    small.bold, small.color.rgb = False, RGBColor(0x60, 0x60, 0x60)
    footnotes = Footnotes(file, document.footnotes)
    for element in document.elements:
        _write(file, element, footnotes)
    written = io.BytesIO()
    file.save(written)
    return written.getvalue()


def _set_fonts(file: Any) -> None:  # noqa: ANN401 - python-docx has no public names for its objects
    """Give every style that names a font a Latin and a Chinese one; the template's are Japanese."""
    for style in file.styles:
        fonts = None if style.element.rPr is None else style.element.rPr.rFonts
        if fonts is None and style.name != "Normal":
            continue
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        fonts.attrib.clear()
        for name, font in (("ascii", _LATIN), ("hAnsi", _LATIN), ("eastAsia", _CHINESE)):
            fonts.set(qn(f"w:{name}"), font)


def _write(file: Any, element: Element, footnotes: Footnotes) -> None:  # noqa: ANN401
    block = element.block
    if block.kind == "table":
        _write_table(file, block, footnotes)
        return
    paragraph = file.add_paragraph(style=_STYLES.get(element.style) or _KINDS.get(block.kind))
    if block.kind == "numbered":  # Word's own numbering would begin anew or run on; the answer says the number itself
        paragraph.add_run(f"{block.number}. ")
    _write_line(paragraph, block.line, footnotes)


def _write_line(paragraph: Any, line: Line, footnotes: Footnotes) -> None:  # noqa: ANN401
    for piece in line:
        if piece.marker is None:
            paragraph.add_run(legal(piece.text)).bold = piece.bold or None
        else:
            footnotes.refer(paragraph, piece.marker)


def _write_table(file: Any, block: Block, footnotes: Footnotes) -> None:  # noqa: ANN401
    table = file.add_table(len(block.rows), len(block.rows[0]), style="Table Grid")
    for cells, row in zip(block.rows, table.rows, strict=True):
        for line, cell in zip(cells, row.cells, strict=True):
            _write_line(cell.paragraphs[0], line, footnotes)
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
    head = table.rows[0]
    head._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    for cell in head.cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True
    file.add_paragraph()
