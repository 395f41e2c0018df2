"""Word documents to blocks: the body in order, tables row by row, automatic numbers as Word shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import docx
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from rag.errors import DamagedFile
from rag.loading.blocks import Run, join_pieces, line_blocks, table_row, visible
from rag.loading.docx_container import check_container
from rag.loading.docx_numbering import Numbering
from rag.types import Block, BlockKind

_HEADING_STYLE = re.compile(r"(?:heading|标题)\s*([1-9])", re.IGNORECASE)
_TITLE_STYLE = re.compile(r"title|标题|文档标题", re.IGNORECASE)
_CONTENTS_STYLE = re.compile(r"(?:toc|目录)\s*\d", re.IGNORECASE)
_DEFAULT_TITLES = re.compile(r"word document|文档\s*\d*|document\s*\d*|untitled|microsoft word.*", re.IGNORECASE)
_FOOTNOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
_ENDNOTES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/endnotes"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_LEFT_OUT = frozenset({_FALLBACK, qn("w:del"), qn("w:moveFrom"), qn("w:rPr"), qn("w:pPr"), qn("w:instrText")})
_CHARACTERS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}


@dataclass(frozen=True, slots=True)
class WordDocument:
    """What a Word document shows."""

    blocks: tuple[Block, ...]
    title: str | None
    notes: tuple[str, ...]


def word_blocks(data: bytes, source: str) -> WordDocument:
    """Return the visible blocks of a .docx file.

    Args:
        data: The whole file.
        source: The file's name, for the error.

    Returns:
        Its blocks, title and notes.

    Raises:
        DamagedFile: the container or its XML is broken or cut off.
        FileTooLarge: it unpacks to more than any real document does.
    """
    check_container(data, source)
    try:
        document = docx.Document(BytesIO(data))
    except Exception as error:  # python-docx, zipfile and lxml each raise their own
        raise DamagedFile(
            f"{source!r} is a damaged Word document: {error}. Let Word repair it, and save it again."
        ) from error
    reader = _Reader(document)
    blocks = [*reader.container(document.element.body), *reader.notes_at_foot()]
    title = visible(document.core_properties.title or "")
    notes = (f"table of contents left out: {reader.contents_lines} lines",) if reader.contents_lines else ()
    return WordDocument(tuple(blocks), title if title and not _DEFAULT_TITLES.fullmatch(title) else None, notes)


@dataclass
class _Reader:
    """Reads one document's elements into blocks, keeping count of its automatic numbers."""

    document: Any
    contents_lines: int = 0
    _styles: dict[str, Any] = field(default_factory=dict)
    _numbering: Numbering = field(init=False)

    def __post_init__(self) -> None:
        self._styles = {style.style_id: style.element for style in self.document.styles}
        defaults = [style for style in self._styles.values() if style.get(qn("w:default")) == "1"]
        self._default = next((style for style in defaults if style.get(qn("w:type")) == "paragraph"), None)
        self._numbering = Numbering(_numbering_root(self.document))

    def container(self, element: Any) -> Iterator[Block]:  # noqa: ANN401 - an lxml element
        """Yield the blocks of a body, cell, text box or note."""
        for child in element:
            if child.tag == qn("w:p"):
                yield from self._paragraph(child)
            elif child.tag == qn("w:tbl"):
                yield from self._table(child)
            elif child.tag == qn("w:sdt"):
                content = child.find(qn("w:sdtContent"))
                if content is not None:
                    yield from self.container(content)
            elif child.tag in (qn("w:ins"), qn("w:customXml"), qn("w:smartTag")):
                yield from self.container(child)

    def notes_at_foot(self) -> Iterator[Block]:
        """Yield footnotes and endnotes, after the body."""
        for relation in self.document.part.rels.values():
            if relation.reltype not in (_FOOTNOTES, _ENDNOTES) or relation.is_external:
                continue
            root = parse_xml(relation.target_part.blob)
            for note in root:
                if note.get(qn("w:type")) in (None, "normal"):
                    yield from self.container(note)

    def _paragraph(self, paragraph: Any) -> Iterator[Block]:  # noqa: ANN401
        styles = self._style_chain(paragraph)
        names = [style.find(qn("w:name")).get(qn("w:val")) for style in styles if style.find(qn("w:name")) is not None]
        boxes: list[Any] = []
        runs = list(self._runs(paragraph, styles, boxes))
        if any(_CONTENTS_STYLE.match(name) for name in names):
            self.contents_lines += 1
            return
        level = _heading_level(paragraph, styles, names)
        number = self._numbering.next_number([paragraph, *styles]) if any(visible(run.text) for run in runs) else None
        kind: BlockKind = "text"
        if level is not None:
            kind = "heading"
            runs = [Run(join_pieces("".join(run.text for run in runs).split("\n")))]
        elif number is not None and not number.is_section:
            kind = "list_item"
        yield from line_blocks(runs, kind=kind, level=level, prefix=number.text if number else "")
        for box in boxes:
            yield from self.container(box)

    def _style_chain(self, paragraph: Any) -> list[Any]:  # noqa: ANN401
        named = paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
        style = self._styles.get(named.get(qn("w:val"))) if named is not None else self._default
        chain: list[Any] = []
        while style is not None and style not in chain:
            chain.append(style)
            base = style.find(qn("w:basedOn"))
            style = self._styles.get(base.get(qn("w:val"))) if base is not None else None
        return chain

    def _runs(self, element: Any, styles: list[Any], boxes: list[Any]) -> Iterator[Run]:  # noqa: ANN401
        for child in element:
            if child.tag in _LEFT_OUT or not isinstance(child.tag, str):
                continue
            if child.tag == qn("w:txbxContent"):
                boxes.append(child)
            elif child.tag == qn("w:r"):
                yield from self._run(child, styles, boxes)
            else:
                yield from self._runs(child, styles, boxes)

    def _run(self, run: Any, styles: list[Any], boxes: list[Any]) -> Iterator[Run]:  # noqa: ANN401
        properties = run.find(qn("w:rPr"))
        if _switch(properties, "w:vanish"):
            return
        bold = self._is_bold(properties, styles)
        for child in run:
            if child.tag == qn("w:t"):
                yield Run(child.text or "", bold)
            elif child.tag in _CHARACTERS:
                yield Run(_CHARACTERS[child.tag], bold)
            elif child.tag == qn("w:sym"):
                yield Run(_symbol(child), bold)
            elif child.tag not in _LEFT_OUT:
                yield from self._runs(child, styles, boxes)

    def _is_bold(self, properties: Any, styles: list[Any]) -> bool:  # noqa: ANN401
        sources = [properties]
        named = properties.find(qn("w:rStyle")) if properties is not None else None
        if named is not None and named.get(qn("w:val")) in self._styles:
            sources.append(self._styles[named.get(qn("w:val"))].find(qn("w:rPr")))
        sources += [style.find(qn("w:rPr")) for style in styles]
        return next((value for value in (_switch(source, "w:b") for source in sources) if value is not None), False)

    def _table(self, table: Any) -> Iterator[Block]:  # noqa: ANN401
        first = True
        for row in table.iter(qn("w:tr")):
            if next(row.iterancestors(qn("w:tbl"))) is not table:
                continue  # a row of a table within a cell, read with that cell
            cells = [cell for cell in row.iter(qn("w:tc")) if next(cell.iterancestors(qn("w:tr"))) is row]
            shown = [list(self.container(cell)) for cell in cells if not _continues_cell_above(cell)]
            if len(cells) == 1 and len(table.findall(qn("w:tr"))) == 1:
                yield from shown[0] if shown else []
                continue
            block = table_row([join_pieces(block.text for block in blocks) for blocks in shown], gap_before=first)
            if block:
                first = False
                yield block


def _numbering_root(document: Any) -> Any:  # noqa: ANN401
    try:
        return document.part.numbering_part.element
    except (KeyError, NotImplementedError):
        return None


def _switch(properties: Any, name: str) -> bool | None:  # noqa: ANN401
    """Return an on/off property, or None where it is not set."""
    found = properties.find(qn(name)) if properties is not None else None
    if found is None:
        return None
    return found.get(qn("w:val"), "1") not in ("0", "false", "off", "none")


def _heading_level(paragraph: Any, styles: list[Any], names: list[str]) -> int | None:  # noqa: ANN401
    for name in names:
        named = _HEADING_STYLE.fullmatch(name.strip())
        if named:
            return min(int(named[1]), 6)
        if _TITLE_STYLE.fullmatch(name.strip()):
            return 1
    for source in (paragraph, *styles):
        outline = source.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
        if outline is not None:
            level = int(outline.get(qn("w:val"), "9"))
            return level + 1 if level < 6 else None
    return None


def _symbol(element: Any) -> str:  # noqa: ANN401
    """Return a symbol-font character; those in the private area have no meaning outside their font."""
    try:
        code = int(element.get(qn("w:char"), ""), 16)
    except ValueError:
        return ""
    return "" if 0xE000 <= code <= 0xF8FF else chr(code)


def _continues_cell_above(cell: Any) -> bool:  # noqa: ANN401
    merged = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
    return merged is not None and merged.get(qn("w:val"), "continue") == "continue"
