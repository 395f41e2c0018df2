"""Escaped HTML: the only way by which text of a report, a question or an answer reaches the page.

Everything is built from :func:`escape`, :func:`tag` and constants, so nothing a report holds is ever read as
HTML, Markdown, LaTeX or a template.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import groupby

from rag.prose import Block, Line, Piece, parse

# gr.HTML runs its values through a template language that gives "$", "{", "}" and the back quote a meaning;
# as character references they are text in any case.
_TEMPLATE_MARKS = str.maketrans({mark: f"&#{ord(mark)};" for mark in "${}`\\"})

_ELEMENTS = {"paragraph": "p", "heading": "h4", "quote": "blockquote"}
_LISTS = {"bullet": "ul", "numbered": "ol"}


def escape(text: str) -> str:
    """Return text as HTML that shows exactly this text, in element content and in quoted attributes."""
    return html.escape(text, quote=True).translate(_TEMPLATE_MARKS)


def tag(name: str, content: str = "", **attributes: str | None) -> str:
    """Return an element; ``content`` is HTML, attribute values are plain text, None leaves an attribute out.

    Underscores in attribute names become hyphens; a trailing one is dropped (``class_``).
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>"


def prose(markdown: str, markers: Mapping[int, str], table_label: str | None = None) -> str:
    """Return an answer's text as HTML: paragraphs, headings, lists, quotes, tables, bold and markers; no links.

    Args:
        markdown: The answer, as in ``Answer.answer``.
        markers: Button HTML by marker number; a marker that is not in it stays plain text.
        table_label: What a screen reader calls the box that a wide table scrolls in.
    """
    blocks: list[str] = []
    open_list = ""
    for block in parse(markdown):
        kind = _LISTS.get(block.kind, "") if block else ""
        if kind != open_list:
            blocks += [f"</{open_list}>"] if open_list else []
            blocks += [f"<{kind}>"] if kind else []
            open_list = kind
        if block:
            blocks.append(_block(block, markers, table_label))
    return "".join([*blocks, f"</{open_list}>"] if open_list else blocks)


def _block(block: Block, markers: Mapping[int, str], table_label: str | None) -> str:
    if block.kind == "table":
        return _table(block, markers, table_label)
    content = _inline(block.line, markers)
    if block.kind in _LISTS:
        return tag("li", content, value=None if block.number is None else str(block.number))
    return tag(_ELEMENTS[block.kind], content)


def _table(block: Block, markers: Mapping[int, str], label: str | None) -> str:
    head = tag("tr", "".join(tag("th", _inline(cell, markers), scope="col") for cell in block.rows[0]))
    body = (tag("tr", "".join(tag("td", _inline(cell, markers)) for cell in row)) for row in block.rows[1:])
    table = tag("table", tag("thead", head) + tag("tbody", "".join(body)))
    return tag("div", table, class_="table", role="region", tabindex="0", aria_label=label)


def _inline(line: Line, markers: Mapping[int, str]) -> str:
    parts = []
    for bold, pieces in groupby(line, key=lambda piece: piece.bold):
        content = _with_buttons(list(pieces), markers)
        parts.append(tag("strong", content) if bold else content)
    return "".join(parts)


def _with_buttons(pieces: Sequence[Piece], markers: Mapping[int, str]) -> str:
    """Return pieces with their markers as buttons, each kept on one line with the character before it."""
    written = ""
    text = ""
    for marked, group in groupby(pieces, key=lambda piece: piece.marker is not None):
        if not marked:
            text = "".join(piece.text for piece in group)
            continue
        before = "" if not text or text[-1].isspace() else text[-1]
        written += escape(text[: len(text) - len(before)])
        buttons = (markers.get(piece.marker or 0, escape(piece.text)) for piece in group)
        written += tag("span", escape(before) + "".join(buttons), class_="together")
        text = ""
    return written + escape(text)
