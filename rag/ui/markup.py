"""Escaped HTML: the only way by which text of a report, a question or an answer reaches the page.

Everything is built from :func:`escape`, :func:`tag` and constants, so nothing a report holds is ever read as
HTML, Markdown, LaTeX or a template.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

# gr.HTML runs its values through a template language that gives "$", "{", "}" and the back quote a meaning;
# as character references they are text in any case.
_TEMPLATE_MARKS = str.maketrans({mark: f"&#{ord(mark)};" for mark in "${}`\\"})

_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_MARKER = re.compile(r"\[(\d{1,4})\]")
_MARKERS = re.compile(r"(&#?\w+;|[^\s<>&;])?((?:\[\d{1,4}\])+)")  # with the character, escaped or not, before them
_HEADING = re.compile(r"^#{1,6}\s+")
_BULLET = re.compile(r"^\s*[-*•]\s+")
_NUMBERED = re.compile(r"^\s*(\d{1,3})\.\s+")
_QUOTE = re.compile(r"^\s*>\s?")
_TABLE_ROW = re.compile(r"^\s*\|.*\S")
_TABLE_RULE = re.compile(r"^\s*\|(\s*:?-+:?\s*\|)+\s*$")
_CELL_BORDER = re.compile(r"(?<!\\)\|")


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
    loose: list[str] = []
    lines = markdown.splitlines()
    at = 0
    while at < len(lines):
        end = _table_end(lines, at)
        if end == at:
            loose.append(lines[at])
            at += 1
            continue
        blocks += [*_blocks(loose, markers), _table(lines[at:end], markers, table_label)]
        loose = []
        at = end
    return "".join([*blocks, *_blocks(loose, markers)])


def _table_end(lines: Sequence[str], start: int) -> int:
    """Return the line after the pipe table that begins at ``start``; ``start`` itself where none begins."""
    if not (_TABLE_ROW.match(lines[start]) and start + 1 < len(lines) and _TABLE_RULE.match(lines[start + 1])):
        return start
    end = start + 2
    while end < len(lines) and _TABLE_ROW.match(lines[end]):
        end += 1
    return end


def _table(lines: Sequence[str], markers: Mapping[int, str], label: str | None) -> str:
    """Return a pipe table (GitHub Flavored Markdown, 4.10); rows of unequal length are filled up, never cut."""
    head, *body = (_cells(line) for line in (lines[0], *lines[2:]))
    width = max(len(row) for row in (head, *body))
    written = [_row(head, width, lambda cell: tag("th", _inline(cell, markers), scope="col"))]
    written += [_row(row, width, lambda cell: tag("td", _inline(cell, markers))) for row in body]
    table = tag("table", tag("thead", written[0]) + tag("tbody", "".join(written[1:])))
    return tag("div", table, class_="table", role="region", tabindex="0", aria_label=label)


def _row(cells: Sequence[str], width: int, shown: Callable[[str], str]) -> str:
    return tag("tr", "".join(shown(cell) for cell in (*cells, *[""] * (width - len(cells)))))


def _cells(line: str) -> list[str]:
    inner = line.strip()[1:]
    parts = _CELL_BORDER.split(inner)
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    return [part.replace(r"\|", "|").strip() for part in parts]


def _blocks(lines: Iterable[str], markers: Mapping[int, str]) -> list[str]:
    """Return lines that hold no table as paragraphs, headings, lists and quotes."""
    blocks: list[str] = []
    open_list = ""
    for line in lines:
        kind, content, number = _classify(line)
        if kind != open_list and open_list:
            blocks.append(f"</{open_list}>")
        if kind in {"ul", "ol"}:
            if kind != open_list:
                blocks.append(f"<{kind}>")
            blocks.append(tag("li", _inline(content, markers), value=number))
        elif kind:
            blocks.append(tag(kind, _inline(content, markers)))
        open_list = kind if kind in {"ul", "ol"} else ""
    return [*blocks, f"</{open_list}>"] if open_list else blocks


def _classify(line: str) -> tuple[str, str, str | None]:
    """Return the element that a line belongs to ("" for an empty line), its content, and its list number."""
    if not line.strip():
        return "", "", None
    if numbered := _NUMBERED.match(line):
        return "ol", line[numbered.end() :], numbered[1]
    for pattern, kind in ((_HEADING, "h4"), (_BULLET, "ul"), (_QUOTE, "blockquote")):
        if found := pattern.match(line):
            return kind, line[found.end() :], None
    return "p", line, None


def _inline(text: str, markers: Mapping[int, str]) -> str:
    escaped = _BOLD.sub(r"<strong>\1</strong>", escape(text))
    return _MARKERS.sub(lambda found: _with_buttons(found[1] or "", found[2], markers), escaped)


def _with_buttons(before: str, written: str, markers: Mapping[int, str]) -> str:
    """Return markers as buttons, kept on one line with the character before them."""
    buttons = _MARKER.sub(lambda found: markers.get(int(found[1]), found[0]), written)
    return tag("span", before + buttons, class_="together")
