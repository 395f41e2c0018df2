"""Web pages to blocks: the main text is located first, then its elements are walked one by one.

Extraction libraries find the main text well but now and then drop a short paragraph, a heading or a table in it.
So trafilatura says only which paragraphs are main text; the element that holds them is walked here in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree, html

from rag.errors import DamagedFile
from rag.loading.blocks import Run, is_wide, join_pieces, line_blocks, table_row, visible
from rag.loading.html_main import BLOCK_LEVEL, HEADINGS, is_furniture, is_left_out, main_element
from rag.types import Block, BlockKind

_BOLD_TAGS = frozenset({"b", "strong", "th"})
_BOLD_STYLE = re.compile(r"font-weight\s*:\s*(bold|bolder|[6-9]00)|font\s*:[^;]*\bbold\b", re.IGNORECASE)
_PLAIN_STYLE = re.compile(r"font-weight\s*:\s*(normal|lighter|[1-5]00)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}\s*[-年/.]\s*\d{1,2}")
_SPACES = re.compile(r"[ \t\r\n\f]+")
_SOURCE_BREAK = "\x1f"  # stands for white space with a line break in it until its neighbours are known
_TITLE_PARTS = re.compile(r"[_|>»]|[-–—]{1,2}")
_META_CHARSET = re.compile(rb"<meta\b[^>]*?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_XML_CHARSET = re.compile(rb"\A\s*<\?xml\b[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_PROLOGUE = re.compile(r"\A\s*(?:<\?xml\b[^>]*\?>\s*)?(?:<!DOCTYPE\b[^>\[]*(?:\[[^\]]*\]\s*)?>)?", re.IGNORECASE)
_TITLE_META = ("ArticleTitle", "og:title", "title")
_DEEPEST = 300


@dataclass(frozen=True, slots=True)
class WebPage:
    """What a web page shows as its main text."""

    blocks: tuple[Block, ...]
    title: str | None
    notes: tuple[str, ...]


def declared_encoding(data: bytes) -> str | None:
    """Return the encoding that the page names in its first kilobytes, right or wrong."""
    found = _XML_CHARSET.search(data[:4096]) or _META_CHARSET.search(data[:4096])
    return found[1].decode("ascii") if found else None


def page_blocks(text: str, source: str) -> WebPage:
    """Return the main text of a page.

    Args:
        text: The page's markup.
        source: The file's name, for the error.

    Returns:
        Its blocks, title and notes.

    Raises:
        DamagedFile: the page cannot be parsed, or nests deeper than any real page.
    """
    text = _PROLOGUE.sub("", text)
    root = _parse(text, source)
    title = _title(root)
    main = main_element(root, text)
    blocks = _blocks_of_main(root, main, title)
    notes = () if "</html" in text[-2000:].lower() else ("no </html> at the end: the page may be cut off",)
    return WebPage(tuple(blocks), title, notes if "<html" in text[:5000].lower() else ())


def fragment_text(markup: str) -> str:
    """Return what a fragment of HTML shows, a line a block."""
    if not markup.strip():
        return ""
    root = html.fragment_fromstring(markup, create_parent="div", parser=html.HTMLParser(huge_tree=False))
    return "\n".join(block.text for block in _Walker().walk(root))


def _parse(text: str, source: str) -> html.HtmlElement:
    # Bytes, for lxml refuses str with an encoding declaration; the parser expands no entities beyond HTML's own.
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(text.encode("utf-8", errors="replace"), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise DamagedFile(f"{source!r} holds no web page that can be parsed. Save the page again.") from error
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > _DEEPEST:
            raise DamagedFile(
                f"{source!r} nests over {_DEEPEST} elements deep: no real page does. Save the page again."
            )
    return root


def _title(root: html.HtmlElement) -> str | None:
    named = {
        (meta.get("name") or meta.get("property") or "").lower(): visible(meta.get("content") or "")
        for meta in root.iter("meta")
    }
    for name in _TITLE_META:
        if named.get(name.lower()):
            return named[name.lower()]
    for element in root.iter("title"):
        title = visible(_SPACES.sub(" ", element.text_content()))
        if title:
            return title
    return None


def _blocks_of_main(root: html.HtmlElement, main: html.HtmlElement, title: str | None) -> list[Block]:
    """Walk the main element; what stands before it is kept if it is the page's title or bears a date."""
    blocks = list(_Walker().walk(main))
    body = next(root.iter("body"), root)
    if main is body:
        return blocks
    before: list[Block] = []
    for block in _Walker(stop=main).walk(body):
        if _is_page_title(block, title):
            before = [block]
        elif before and (block.kind == "heading" or _DATE.search(block.text)):
            before.append(block)
    if before and blocks and "".join(before[0].text.split()) == "".join(blocks[0].text.split()):
        blocks = blocks[1:]  # the main text repeats the page's title
    return before + blocks


def _is_page_title(block: Block, title: str | None) -> bool:
    """Tell whether the block is the page's title, which ``<title>`` often gives along with the site's name."""
    if block.level == 1:
        return True
    longest = max(_TITLE_PARTS.split("".join((title or "").split())), key=len)
    text = "".join(block.text.split())
    return len(text) >= 6 and text in longest and 2 * len(text) >= len(longest)


@dataclass
class _Walker:
    """Walks elements in order without recursion and gathers runs into blocks.

    Attributes:
        stop: Element at which to end, its content left out.
    """

    stop: html.HtmlElement | None = None
    _runs: list[Run] = field(default_factory=list)
    _bold: list[bool] = field(default_factory=lambda: [False])
    _kinds: list[tuple[BlockKind, int | None]] = field(default_factory=lambda: [("text", None)])
    _numbers: list[int | None] = field(default_factory=list)
    _prefix: str = ""

    def walk(self, root: html.HtmlElement) -> Iterator[Block]:
        """Yield the blocks below an element."""
        walker = etree.iterwalk(root, events=("start", "end"))
        skipped: html.HtmlElement | None = None
        for event, element in walker:
            if element is self.stop:
                break
            if event == "end":
                if element is skipped:
                    skipped = None
                else:
                    yield from self._leave(element)
                self._add(element.tail if element is not root else None)
            elif element is not root and (is_left_out(element) or is_furniture(element)):
                if element.tag in BLOCK_LEVEL:
                    yield from self._flush()
                walker.skip_subtree()
                skipped = element
            elif element.tag == "tr" and _is_data_row(element):
                yield from self._flush()
                yield from _row(element)
                walker.skip_subtree()
                skipped = element
            else:
                yield from self._enter(element)
        yield from self._flush()

    def _enter(self, element: html.HtmlElement) -> Iterator[Block]:
        tag = element.tag
        if tag in BLOCK_LEVEL:
            yield from self._flush()
        style = element.get("style") or ""
        bold = self._bold[-1] or tag in _BOLD_TAGS or bool(_BOLD_STYLE.search(style))
        self._bold.append(bold and not _PLAIN_STYLE.search(style))
        self._kinds.append(self._kind(tag))
        if tag in ("ol", "ul"):
            self._numbers.append(_first_number(element))
        elif tag == "li":
            self._prefix = self._next_number(element)
        elif tag == "br":
            self._runs.append(Run("\n", bold))
        self._add(element.text, preformatted=tag == "pre")

    def _leave(self, element: html.HtmlElement) -> Iterator[Block]:
        if element.tag in BLOCK_LEVEL:
            yield from self._flush()
        if element.tag in ("ol", "ul") and self._numbers:
            self._numbers.pop()
        self._bold.pop()
        self._kinds.pop()

    def _kind(self, tag: str) -> tuple[BlockKind, int | None]:
        if tag in HEADINGS:
            return "heading", HEADINGS[tag]
        if tag == "li":
            return "list_item", None
        return self._kinds[-1]

    def _next_number(self, item: html.HtmlElement) -> str:
        if not self._numbers or self._numbers[-1] is None:
            return ""
        value = item.get("value") or ""
        number = int(value) if value.isdigit() else self._numbers[-1]
        self._numbers[-1] = number + 1
        return f"{number}. "

    def _add(self, text: str | None, *, preformatted: bool = False) -> None:
        if text:
            shown = text if preformatted else _SPACES.sub(_space, text)
            self._runs.append(Run(shown, self._bold[-1]))

    def _flush(self) -> Iterator[Block]:
        kind, level = self._kinds[-1]
        runs = _tight(self._runs)
        if kind == "heading":
            runs = [Run(join_pieces("".join(run.text for run in runs).split("\n")))]
        blocks = line_blocks(runs, kind=kind, level=level, prefix=self._prefix)
        self._runs = []
        if blocks:
            self._prefix = ""
        yield from blocks


def _space(match: re.Match[str]) -> str:
    return _SOURCE_BREAK if "\n" in match[0] or "\r" in match[0] else " "


def _first_number(element: html.HtmlElement) -> int | None:
    """Return the number of a list's first item, or None where none is shown."""
    kind = (element.get("type") or "1").strip()
    if element.tag != "ol" or kind != "1" or re.search(r"list-style[^;]*none", element.get("style") or ""):
        return None
    start = element.get("start") or "1"
    return int(start) if start.isdigit() and len(start) < 10 else 1


def _tight(runs: list[Run]) -> list[Run]:
    """Settle the line breaks of the page's source: nothing next to Chinese script, else one space."""
    text = "".join(run.text for run in runs)
    tight: list[Run] = []
    start = 0
    for run in runs:
        kept = [_settled(text, start + index) for index in range(len(run.text))]
        tight.append(Run("".join(kept), run.bold))
        start += len(run.text)
    return tight


def _settled(text: str, index: int) -> str:
    character = text[index]
    if character not in (" ", _SOURCE_BREAK):
        return character
    before, after = text[max(index - 1, 0) : index], text[index + 1 : index + 2]
    if before in (" ", _SOURCE_BREAK, "\n"):
        return ""
    tight = character == _SOURCE_BREAK and before and after and is_wide(before) and is_wide(after)
    return "" if tight else " "


def _is_data_row(row: html.HtmlElement) -> bool:
    """Tell a row of data from one that only lays out the page."""
    cells = [cell for cell in row if cell.tag in ("td", "th")]
    if len(cells) < 2 or next(row.iter("table", *HEADINGS), None) is not None:
        return False
    return sum(1 for _ in row.iter("p", "div")) <= 3 * len(cells)


def _row(row: html.HtmlElement) -> Iterator[Block]:
    cells = [join_pieces(block.text for block in _Walker().walk(cell)) for cell in row if cell.tag in ("td", "th")]
    table = next(row.iterancestors("table"), None)
    first = table is None or next(table.iter("tr"), None) is row
    block = table_row(cells, gap_before=first)
    if block:
        yield block
