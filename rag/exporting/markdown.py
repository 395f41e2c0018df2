"""A document as Markdown (GitHub Flavored, with footnotes): what a report holds is escaped, so that it stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.exporting.document import Document, Element, Footnote, Link
from rag.prose import Block, Line, Piece

_SIGNS = re.compile(r"[\\`*_{}\[\]<>#|~$^&]")
_LINKS = re.compile(r":(?=//)|(?<=www)\.|@|(?<=mailto):|(?<=xmpp):", re.IGNORECASE)
"""What GitHub's extension makes links of: ``http://``, ``www.``, addresses."""
_LINE_START = re.compile(r"^(?:(?P<digits>\d+)(?P<after>[.)])|(?P<sign>[-+=:]))")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\x85]")


def to_markdown(document: Document) -> str:
    """Return the document's text."""
    blocks = list(_blocks(document))
    notes = [_footnote(footnote) for footnote in document.footnotes]
    return "\n".join([*blocks, *notes]) + "\n"


def escaped(text: str) -> str:
    """Return text as Markdown that shows exactly this text, within a line or at its beginning."""
    text = _CONTROL.sub(" ", text).replace("\t", " ").replace("\n", " ")
    text = _LINKS.sub(lambda found: "\\" + found[0], _SIGNS.sub(lambda found: "\\" + found[0], text))
    return _LINE_START.sub(_begin, text.strip(" ")) if text.strip(" ") else ""


def _begin(found: re.Match[str]) -> str:
    return f"\\{found['sign']}" if found["sign"] else f"{found['digits']}\\{found['after']}"


def _blocks(document: Document) -> Iterator[str]:
    """Yield every block with the empty line that parts it from the next; items of one list stand together."""
    before = ""
    for element in document.elements:
        kind = element.block.kind
        if before:
            yield from () if kind == before and kind in {"bullet", "numbered"} else ("",)
        yield _block(element)
        before = kind
    yield ""


def _block(element: Element) -> str:
    block = element.block
    if block.kind == "table":
        return _table(block)
    line = _line(block.line)
    heads = {"title": "# ", "question": "## ", "label": "**"}
    if element.style in heads:
        return f"**{line}**" if element.style == "label" else heads[element.style] + line
    starts = {"heading": "### ", "bullet": "- ", "quote": "> ", "numbered": f"{block.number}. "}
    return starts.get(block.kind, "") + line


def _table(block: Block) -> str:
    head, *body = ("| " + " | ".join(_line(cell) for cell in row) + " |" for row in block.rows)
    return "\n".join([head, "|" + "---|" * len(block.rows[0]), *body])


def _line(line: Line) -> str:
    return "".join(_piece(piece, first=number == 0) for number, piece in enumerate(line))


def _piece(piece: Piece, *, first: bool) -> str:
    if piece.marker is not None:
        return f"[^{piece.marker}]"
    # Only spaces at the very beginning are cut; a sign there would begin a list.
    kept = "" if first else " " * (len(piece.text) - len(piece.text.lstrip(" ")))
    after = " " * (len(piece.text) - len(piece.text.rstrip(" "))) if piece.text.strip(" ") else ""
    text = escaped(piece.text)
    return f"{kept}**{text}**{after}" if piece.bold and text else f"{kept}{text}{after}"


def _footnote(footnote: Footnote) -> str:
    parts = (
        f"[{escaped(part.place)}](<{part.address}>)" if isinstance(part, Link) else escaped(part)
        for part in footnote.parts
    )
    return f"[^{footnote.number}]: {' '.join(parts)}"
