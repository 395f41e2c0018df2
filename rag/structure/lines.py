"""From a file's blocks to lines with their part in the page, and from broken lines to whole paragraphs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.folding import fold
from rag.lexicon import load
from rag.loading.blocks import is_wide
from rag.structure.dates import is_date, without_dates
from rag.structure.numbering import Style, parse_numbering
from rag.types import Block, Document, ParagraphKind

_LEXICON = load("structure")
_DEBRIS = re.compile("|".join(f"(?:{pattern})" for pattern in _LEXICON["debris"]))
_CLOSING = re.compile("|".join(f"(?:{pattern})" for pattern in _LEXICON["closing"]))
_SALUTATION = re.compile(_LEXICON["salutation"])
_TITLE_WORDS: list[str] = _LEXICON["title"]["words"]
_TITLE_SUBJECTS: list[str] = _LEXICON["title"]["subjects"]
_TITLE_LONGEST: int = _LEXICON["title"]["longest"]
_OFFICE_ENDINGS = sorted({ending for endings in _LEXICON["office_endings"].values() for ending in endings}, key=len)
_SIGNATURE = re.compile(rf".{{0,24}}(?:{'|'.join([*_LEXICON['signature_words'], *_OFFICE_ENDINGS])})")
_DANGLING = re.compile(_LEXICON["dangling"])
_BARE_HEADING = re.compile("|".join(_LEXICON["bare_heading"]))
_CONTINUATION = re.compile(_LEXICON["continuation"])
_ENUMERATION = re.compile(_LEXICON["enumeration"])

_TERMINAL = "。!?;:.…"
_CLOSERS = "\"')]}》〉】〕"
_SENTENCE_INSIDE = re.compile(r"[。!?;](?!$)|(?<![0-9a-z .])\.(?![0-9a-z. ]|$)")
_CONTINUATION_MARK = re.compile(r"[,。;:!?)\]}》〉】〕、.…\"']")
_LONGEST_TOP_HEADING = 60
_LONGEST_HEADING = 50
_LONGEST_BARE_HEADING = 25
_LONGEST_DEBRIS = 100
_LONGEST_SIGNATURE = 70
_MOST_HEADER_LINES = 8
_TAIL = 300
_WRAPPED_WIDTHS = (18, 60)
_FEWEST_WRAPPED_LINES = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph in the making.

    Attributes:
        text: Its text; a line break in mid-sentence is joined.
        kind: ``title``, ``closing``, ``debris``, ``table_row`` or, still undecided, ``body``.
        level: Heading level that the format declares, if it calls the line a heading.
        declared: True if the format calls the line a heading.
        emphasized: True if the whole line is bold.
    """

    text: str
    kind: ParagraphKind
    level: int | None = None
    declared: bool = False
    emphasized: bool = False


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file's lines are set: the width they are wrapped at, if they are, and whether gaps part paragraphs."""

    width: float | None
    gaps_part: bool

    def is_full(self, text: str, slack: float = 0.1) -> bool:
        return self.width is not None and _width(text) >= (1 - slack) * self.width


def read_lines(document: Document) -> list[Line]:
    """Return the document's paragraphs in order, joined where a line broke in mid-sentence, each with its part."""
    blocks = document.blocks
    kinds = _kinds(blocks)
    layout = _layout([block for block, kind in zip(blocks, kinds, strict=True) if kind == "body"])
    lines: list[Line] = []
    previous: Block | None = None
    for block, kind in zip(blocks, kinds, strict=True):
        if previous is not None and kind == "body" and _continues(lines[-1].text, previous, block, layout):
            lines[-1] = replace(lines[-1], text=_join(lines[-1].text, block.text))
        else:
            declared = block.kind == "heading" and kind == "body"
            lines.append(Line(block.text, kind, block.level if declared else None, declared, block.emphasized))
        previous = block if kind == "body" else None
    return lines


def is_heading_line(text: str) -> bool:
    """Tell whether a numbered line reads as a heading: short, whole, and no sentence in it."""
    numbering = parse_numbering(text)
    if numbering is None:
        return False
    longest = _LONGEST_TOP_HEADING if numbering.style <= Style.CHINESE else _LONGEST_HEADING
    return len(text) <= longest and not _SENTENCE_INSIDE.search(fold(text[numbering.end :])) and not _is_broken(text)


def is_bare_heading(text: str) -> bool:
    """Tell whether a line without a number, on its own, names a part of a report (``存在问题``)."""
    return len(text) <= _LONGEST_BARE_HEADING and bool(_BARE_HEADING.fullmatch(fold(text)))


def ends_sentence(text: str) -> bool:
    """Tell whether the text ends in a full stop, a colon or the like, closing marks aside."""
    stripped = fold(text[-_TAIL:]).rstrip(_CLOSERS + " ")
    return bool(stripped) and stripped[-1] in _TERMINAL


def is_salutation(text: str) -> bool:
    """Tell whether the line addresses the readers (市委、市政府：)."""
    return bool(_SALUTATION.fullmatch(fold(text)))


def is_signature(text: str) -> bool:
    """Tell whether the line holds only the names of bodies, perhaps with a date."""
    if len(text) > _LONGEST_SIGNATURE or is_salutation(text):
        return False
    tokens = without_dates(text).strip(" ()").split()
    return bool(tokens) and all(_SIGNATURE.fullmatch(token) and not re.search("[,。;:]", token) for token in tokens)


def _kinds(blocks: Sequence[Block]) -> list[ParagraphKind]:
    kinds: list[ParagraphKind] = [_kind_alone(block) for block in blocks]
    _mark_header(blocks, kinds)
    _mark_signatures(blocks, kinds)
    return kinds


def _kind_alone(block: Block) -> ParagraphKind:
    """Return what a block is by its own text."""
    if block.kind == "table_row":
        return "table_row"
    folded = fold(block.text).strip()
    if not any(character.isalnum() for character in folded) and not _CONTINUATION_MARK.match(folded):
        return "debris"
    if folded.startswith("|") and folded.endswith("|"):
        return "table_row"
    if len(folded) <= _LONGEST_DEBRIS and block.kind == "text" and _DEBRIS.fullmatch(folded):
        return "body" if "。" in folded or parse_numbering(block.text) else "debris"
    if is_date(folded) or _CLOSING.fullmatch(folded):
        return "closing"
    return "body"


def _mark_header(blocks: Sequence[Block], kinds: list[ParagraphKind]) -> None:
    """Mark the title's lines, and what stands above them and under them before the text begins."""
    header: list[int] = []
    for index, block in enumerate(blocks):
        if kinds[index] in ("debris", "closing"):
            continue
        if kinds[index] != "body" or not _may_be_title(block.text) or len(header) == _MOST_HEADER_LINES:
            break
        header.append(index)
    last = _last_title_line(blocks, header)
    for index in header:
        if index <= last:
            kinds[index] = "title" if _speaks_of_title(blocks[index]) else "debris"
        elif last >= 0 and blocks[index].text.startswith(("—", "--")):
            kinds[index] = "title"
        elif is_signature(blocks[index].text) and index == last + 1 and last >= 0:
            kinds[index] = "closing"
        else:
            break


def _last_title_line(blocks: Sequence[Block], header: Sequence[int]) -> int:
    """Return the index of the last line that belongs to the title, or -1."""
    named = [index for index in header if any(word in fold(blocks[index].text) for word in _TITLE_WORDS)]
    if named:
        return named[-1]
    about = [index for index in header if any(word in fold(blocks[index].text) for word in _TITLE_SUBJECTS)]
    if about:
        return about[-1]
    declared = [index for index in header if blocks[index].kind == "heading" and blocks[index].level == 1]
    others = sum(1 for block in blocks if block.kind == "heading" and block.level == 1)
    return declared[0] if declared and others == 1 else -1


def _may_be_title(text: str) -> bool:
    folded = re.sub("《[^》]*》", "", fold(text)).rstrip()
    return (
        len(folded) <= _TITLE_LONGEST
        and not re.search("[,。;!?]", folded)
        and folded[-1:] not in (":", "、")
        and parse_numbering(text) is None
        and not is_bare_heading(text)
    )


def _speaks_of_title(block: Block) -> bool:
    folded = fold(block.text)
    words = [*_TITLE_WORDS, *_TITLE_SUBJECTS, *_OFFICE_ENDINGS, "年"]
    return block.kind == "heading" or is_signature(block.text) or any(word in folded for word in words)


def _mark_signatures(blocks: Sequence[Block], kinds: list[ParagraphKind]) -> None:
    """Mark signature lines: those at the end, and those right before a date."""
    at_end = True
    for index in range(len(blocks) - 1, -1, -1):
        before_date = index + 1 < len(blocks) and kinds[index + 1] == "closing"
        if kinds[index] == "body" and (at_end or before_date) and blocks[index].kind != "heading":
            if is_signature(blocks[index].text):
                kinds[index] = "closing"
        at_end = at_end and kinds[index] in ("closing", "debris")


def _layout(blocks: Sequence[Block]) -> _Layout:
    """Find out whether the lines are wrapped at a fixed width."""
    widths = sorted(_width(block.text) for block in blocks if block.kind == "text")
    gaps_part = any(not block.gap_before for block in blocks) and any(block.gap_before for block in blocks[1:])
    if len(widths) < _FEWEST_WRAPPED_LINES:
        return _Layout(None, gaps_part)
    widest = widths[int(0.95 * (len(widths) - 1))]
    full = sum(1 for width in widths if width >= 0.9 * widest)
    wrapped = _WRAPPED_WIDTHS[0] <= widest <= _WRAPPED_WIDTHS[1] and full >= 0.5 * len(widths)
    return _Layout(widest if wrapped else None, gaps_part)


def _continues(text: str, previous: Block, block: Block, layout: _Layout) -> bool:
    """Tell whether ``block`` goes on with the sentence that ``text``, ending in ``previous``, broke off."""
    if block.kind != "text" or previous.kind == "heading" or _begins_unit(block):
        return False
    full = layout.is_full(previous.text)
    if full and layout.gaps_part and not block.gap_before:
        return True
    if ends_sentence(previous.text):
        # A paragraph seldom ends just where its last line does, so a line full to the edge goes on.
        goes_on = layout.is_full(previous.text, slack=0.04) and not block.gap_before
        return goes_on and not fold(previous.text).endswith(":") and not _ENUMERATION.match(fold(block.text))
    if _is_broken(text) or (layout.is_full(previous.text, slack=0.3) and _CONTINUATION.match(fold(block.text))):
        return True
    if (
        (previous.emphasized and not block.emphasized)
        or is_salutation(block.text)
        or _ENUMERATION.match(fold(block.text))
    ):
        return False
    return full or not (is_heading_line(text) or is_bare_line(text))


def _begins_unit(block: Block) -> bool:
    if block.emphasized and len(block.text) <= _LONGEST_HEADING and not ends_sentence(block.text):
        return True
    return parse_numbering(block.text) is not None or is_bare_heading(block.text)


def is_bare_line(text: str) -> bool:
    """A short line without any mark is a heading or a label of its own, not half a sentence."""
    return len(text) <= _LONGEST_BARE_HEADING and not re.search("[,。;:、!?]", fold(text))


def _is_broken(text: str) -> bool:
    """Tell whether the text stops where no sentence and no heading can."""
    text = text[-_TAIL:]
    folded = fold(text).rstrip()
    return (
        folded.endswith((",", "、", "(", "《", "〈", "【", "〔", "-"))
        or bool(_DANGLING.search(folded))
        or folded.count("(") > folded.count(")")
        or folded.count("《") > folded.count("》")
        or text.count("“") > text.count("”")
    )


def _join(text: str, continuation: str) -> str:
    tight = is_wide(text[-1]) or is_wide(continuation[0]) or (text[-1].isdigit() and continuation[0].isdigit())
    return text + ("" if tight else " ") + continuation


def _width(text: str) -> float:
    """Return how wide a line is set, in Chinese characters."""
    return sum(1.0 if is_wide(character) else 0.5 for character in text)
