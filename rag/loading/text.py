"""Plain text and Markdown files to blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.loading.blocks import Run, join_pieces, line_blocks, split_lines, table_row, visible
from rag.types import Block

_HEADING = re.compile(r"(#{1,6})[ \t\u3000\u00a0]+(\S.*)")
_CLOSING_MARKS = re.compile(r"[ \t]+#+$")
_BOLD_LINE = re.compile(r"(\*\*|__)(?!\s)((?:(?!\1).)+)(?<!\s)\1")
_BOLD_LEFT_OVER = re.compile(r"\*\*(?!\s)((?:(?!\*\*).)+)(?<!\s)\*\*")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_MATTER_LINE = re.compile(r"\A(?:[\w-]+[ \t]*:.*|[ \t]+\S.*|-[ \t].*|#.*|)\Z")
_FRONT_MATTER_TITLE = re.compile(r"^title[ \t]*:[ \t]*[\"']?(.*?)[\"']?[ \t]*$", re.MULTILINE)
_TAG = re.compile(r"<(?:!--.*?-->|/?[A-Za-z][^<>]*>)", re.DOTALL)
_LINE_BREAK_TAG = re.compile(r"<br\b[^<>]*>", re.IGNORECASE)
_LONGEST_UNDERLINED_HEADING = 60


@dataclass(frozen=True, slots=True)
class MarkdownText:
    """What a Markdown file shows."""

    blocks: tuple[Block, ...]
    title: str | None
    notes: tuple[str, ...]


def text_blocks(text: str) -> tuple[Block, ...]:
    """Return a block for each line that shows something; a Markdown heading is taken as one."""
    blocks: list[Block] = []
    for page in text.split("\x0c"):
        gap = True
        for line in split_lines(page):
            content = visible(line)
            if content:
                blocks.append(_line_block(content, gap))
            gap = not content
    return tuple(blocks)


def markdown_blocks(text: str) -> MarkdownText:
    """Return what a reader of the rendered Markdown sees, a block a line."""
    text = "\n".join(split_lines(text))
    title: str | None = None
    notes: tuple[str, ...] = ()
    front = _FRONT_MATTER.match(text)
    if front and all(map(_FRONT_MATTER_LINE.match, front[1].split("\n"))):
        named = _FRONT_MATTER_TITLE.search(front[1])
        title = visible(named[1]) or None if named else None
        notes = ("front matter left out",)
        text = text[front.end() :]
    # Indented code is off: Chinese paragraphs are indented, and code is not what reports hold.
    parser = MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"]).disable("code")
    return MarkdownText(tuple(_walk(parser.parse(text))), title, notes)


def _line_block(content: str, gap_before: bool) -> Block:
    heading = _HEADING.fullmatch(content)
    if heading:
        shown = visible(_strip_bold(_CLOSING_MARKS.sub("", heading[2])))
        if shown:
            return Block(shown, kind="heading", level=len(heading[1]), gap_before=gap_before)
    bold = _BOLD_LINE.fullmatch(content)
    if bold and visible(bold[2]):
        return Block(visible(bold[2]), emphasized=True, gap_before=gap_before)
    return Block(content, gap_before=gap_before)


def _strip_bold(text: str) -> str:
    return _BOLD_LEFT_OVER.sub(r"\1", text)


def _walk(tokens: Sequence[Token]) -> Iterator[Block]:
    """Yield blocks in order; list markers wait for the first text of their item."""
    number: str | None = None
    lists = 0
    row: list[str] | None = None
    first_row = True
    for index, token in enumerate(tokens):
        match token.type:
            case "list_item_open":
                number = f"{token.info}{token.markup} " if token.info else ""
                lists += 1
            case "list_item_close":
                lists -= 1
                number = None
            case "table_open":
                first_row = True
            case "tr_open":
                row = []
            case "tr_close":
                block = table_row(row or [], gap_before=first_row)
                row, first_row = None, False
                if block:
                    yield block
            case "inline" if row is not None:
                row.append(join_pieces("".join(run.text for run in _runs(token)).split("\n")))
            case "inline":
                blocks = _inline_blocks(token, tokens[index - 1], number, lists > 0)
                number = None if blocks else number
                yield from blocks
            case "fence" | "code_block":
                yield from line_blocks([Run(token.content)])
            case "html_block":
                yield from line_blocks([Run(_without_tags(token.content))])


def _inline_blocks(token: Token, opening: Token, number: str | None, in_list: bool) -> list[Block]:
    runs = _runs(token)
    if opening.type == "heading_open" and not _is_rule_under_text(token, opening):
        joined = join_pieces("".join(run.text for run in runs).split("\n"))
        return line_blocks([Run(joined)], kind="heading", level=int(opening.tag[1]))
    blocks = line_blocks(runs, kind="list_item" if number is not None else "text", prefix=number or "")
    if in_list:
        return [replace(block, gap_before=False) if opening.hidden else block for block in blocks]
    return blocks


def _is_rule_under_text(token: Token, opening: Token) -> bool:
    """A rule drawn right under a paragraph is meant as a rule, though Markdown makes the paragraph a heading."""
    return opening.markup in ("-", "=") and ("\n" in token.content or len(token.content) > _LONGEST_UNDERLINED_HEADING)


def _runs(token: Token) -> list[Run]:
    runs: list[Run] = []
    bold = 0
    for child in token.children or []:
        match child.type:
            case "strong_open":
                bold += 1
            case "strong_close":
                bold -= 1
            case "softbreak" | "hardbreak":
                runs.append(Run("\n", bold > 0))
            case "html_inline":
                runs.append(Run("\n" if _LINE_BREAK_TAG.match(child.content) else "", bold > 0))
            case "image":
                runs.append(Run(child.content, bold > 0))
            case _:
                runs.append(Run(child.content, bold > 0))
    return _mend_bold(runs)


def _mend_bold(runs: list[Run]) -> list[Run]:
    """Read as bold the ``**`` that CommonMark leaves standing between punctuation and Chinese script."""
    mended: list[Run] = []
    for run in runs:
        position = 0
        for match in _BOLD_LEFT_OVER.finditer(run.text):
            mended += [Run(run.text[position : match.start()], run.bold), Run(match[1], True)]
            position = match.end()
        mended.append(Run(run.text[position:], run.bold))
    return mended


def _without_tags(markup: str) -> str:
    from rag.loading.html import fragment_text

    return fragment_text(_LINE_BREAK_TAG.sub("\n", markup)) if _TAG.search(markup) else markup
