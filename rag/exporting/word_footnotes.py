"""Word's footnotes, which python-docx has no way to write: their part, their styles, and references to them.

After ECMA-376 part 1, 17.11 (footnotes) and 17.16.5.36 (NOTEREF).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from docx.enum.style import WD_STYLE_TYPE
from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import XmlPart
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Pt, RGBColor

from rag.exporting.document import Footnote, Link

_ILLEGAL = re.compile(r"[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SEPARATORS = (("-1", "separator"), ("0", "continuationSeparator"))
_TEXT, _REFERENCE, _LINK = "FootnoteText", "FootnoteReference", "Hyperlink"
_AFTER_FOOTNOTES = ("endnotePr", "compat", "docVars", "rsids")
"""Settings that may come after ``footnotePr``; the order of settings is fixed (17.15.1.78)."""


def legal(text: str) -> str:
    """Return text without the characters that XML 1.0 can't hold."""
    return _ILLEGAL.sub("\ufffd", text)


class Footnotes:
    """The footnotes of one Word file.

    Args:
        file: The python-docx document.
        footnotes: All of them; references may come in any order and more than once.
    """

    def __init__(self, file: Any, footnotes: Sequence[Footnote]) -> None:  # noqa: ANN401 - python-docx's own
        self._referred: set[int] = set()
        if not footnotes:
            return
        _add_styles(file)
        _announce(file.settings.element)
        root = parse_xml(f"<w:footnotes {nsdecls('w', 'r')}/>")
        self._part = XmlPart(PackURI("/word/footnotes.xml"), CONTENT_TYPE.WML_FOOTNOTES, root, file.part.package)
        file.part.relate_to(self._part, RELATIONSHIP_TYPE.FOOTNOTES)
        for identifier, kind in _SEPARATORS:
            root.append(_separator(identifier, kind))
        for footnote in footnotes:
            root.append(self._footnote(footnote))

    def refer(self, paragraph: Any, number: int) -> None:  # noqa: ANN401
        """Write a reference at the end of a paragraph; a second one to the same footnote is a cross-reference."""
        if number in self._referred:
            field = OxmlElement("w:fldSimple")
            field.set(qn("w:instr"), f" NOTEREF {_bookmark(number)} \\f \\h ")
            field.append(_run(str(number), _REFERENCE))
            paragraph._p.append(field)
            return
        self._referred.add(number)
        run = _styled_run(_REFERENCE)
        reference = OxmlElement("w:footnoteReference")
        reference.set(qn("w:id"), str(number))
        run.append(reference)
        start, end = OxmlElement("w:bookmarkStart"), OxmlElement("w:bookmarkEnd")
        for edge in (start, end):
            edge.set(qn("w:id"), str(number))
        start.set(qn("w:name"), _bookmark(number))
        for element in (start, run, end):
            paragraph._p.append(element)

    def _footnote(self, footnote: Footnote) -> Any:  # noqa: ANN401 - an XML element
        paragraph = _paragraph(_TEXT)
        mark = _styled_run(_REFERENCE)
        mark.append(OxmlElement("w:footnoteRef"))
        paragraph.append(mark)
        for part in footnote.parts:
            paragraph.append(_run(" "))
            paragraph.append(self._hyperlink(part) if isinstance(part, Link) else _run(part))
        return _note(str(footnote.number), paragraph)

    def _hyperlink(self, shown: Link) -> Any:  # noqa: ANN401
        link = OxmlElement("w:hyperlink")
        target = self._part.relate_to(shown.address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
        link.set(qn("r:id"), target)
        link.set(qn("w:history"), "1")
        link.append(_run(shown.place, _LINK))
        return link


def _bookmark(number: int) -> str:
    return f"_RefFootnote{number}"


def _add_styles(file: Any) -> None:  # noqa: ANN401
    text = file.styles.add_style("footnote text", WD_STYLE_TYPE.PARAGRAPH, builtin=True)
    text.base_style = file.styles["Normal"]
    text.font.size = Pt(9)
    text.paragraph_format.space_after = Pt(2)
    reference = file.styles.add_style("footnote reference", WD_STYLE_TYPE.CHARACTER, builtin=True)
    reference.font.superscript = True
    link = file.styles.add_style("Hyperlink", WD_STYLE_TYPE.CHARACTER, builtin=True)
    link.font.color.rgb = RGBColor(0x05, 0x63, 0xC1)
    link.font.underline = True
    for style, identifier in ((text, _TEXT), (reference, _REFERENCE), (link, _LINK)):
        style.element.set(qn("w:styleId"), identifier)


def _announce(settings: Any) -> None:  # noqa: ANN401
    """Name the separators in the settings, without which Word repairs the file."""
    properties = OxmlElement("w:footnotePr")
    for identifier, _ in _SEPARATORS:
        separator = OxmlElement("w:footnote")
        separator.set(qn("w:id"), identifier)
        properties.append(separator)
    later = {qn(f"w:{name}") for name in _AFTER_FOOTNOTES}
    next(child for child in settings if child.tag in later).addprevious(properties)


def _separator(identifier: str, kind: str) -> Any:  # noqa: ANN401
    run = OxmlElement("w:r")
    run.append(OxmlElement(f"w:{kind}"))
    paragraph = OxmlElement("w:p")
    paragraph.append(run)
    note = _note(identifier, paragraph)
    note.set(qn("w:type"), kind)
    return note


def _note(identifier: str, paragraph: Any) -> Any:  # noqa: ANN401
    note = OxmlElement("w:footnote")
    note.set(qn("w:id"), identifier)
    note.append(paragraph)
    return note


def _paragraph(style: str) -> Any:  # noqa: ANN401
    paragraph = OxmlElement("w:p")
    paragraph.get_or_add_pPr().get_or_add_pStyle().set(qn("w:val"), style)
    return paragraph


def _styled_run(style: str | None) -> Any:  # noqa: ANN401
    run = OxmlElement("w:r")
    if style:
        properties, name = OxmlElement("w:rPr"), OxmlElement("w:rStyle")
        name.set(qn("w:val"), style)
        properties.append(name)
        run.append(properties)
    return run


def _run(text: str, style: str | None = None) -> Any:  # noqa: ANN401
    run = _styled_run(style)
    content = OxmlElement("w:t")
    content.text = legal(text)
    content.set(qn("xml:space"), "preserve")
    run.append(content)
    return run
