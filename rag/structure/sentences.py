"""Sentences of a paragraph, as character offsets that cover it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator

from rag.folding import fold
from rag.lexicon import load

_OPENING = "《〈（(【〔[「『“‘"
_CLOSING = "》〉）)】〕]」』”’"
_PAIRS = dict(zip(_CLOSING, _OPENING, strict=True))
_FULL = "。！？；…\n"
_HALF = ";!?"
_AFTER_END = "。！？；…;!?"
_MARK = re.compile(f'[{re.escape(_OPENING + _CLOSING)}"]')
_END = re.compile(f"[{re.escape(_FULL + _HALF)}.]")
_ENUMERATION = re.compile(load("structure")["enumeration"])
_FIRST_ITEM = re.compile("一|其一|第一")
_BEFORE_FIRST_ITEM = "：:"
_BEFORE_ITEM = "：:，,；;。"


def split_sentences(text: str, folded: str | None = None) -> list[tuple[int, int]]:
    """Cut ``text`` into sentences; the spans are contiguous and cover it.

    A sentence ends at 。！？； or their half-width forms, and before 一是, 二是, … of an enumeration; closing quotation
    marks and brackets, and white space, stay with the sentence before them. There is no cut inside quotation marks,
    brackets, title marks or a number.

    Args:
        text: The paragraph.
        folded: The same, folded, where that is known already.
    """
    protected = protected_spans(text)
    starts = [start for start, _ in protected]

    def is_free(position: int) -> bool:
        """Tell whether a cut before ``position`` falls in none of the protected spans."""
        index = bisect_right(starts, position - 1) - 1
        return index < 0 or position >= protected[index][1]

    items = _items(text, fold(text) if folded is None else folded)
    cuts = {cut for cut in _ends(text) if is_free(cut)} | {cut for cut in items if is_free(cut)}
    borders = [0, *sorted(cut for cut in cuts if 0 < cut < len(text)), len(text)]
    return [(start, end) for start, end in zip(borders, borders[1:], strict=False) if end > start]


def statement_spans(text: str, folded: str | None = None, *, whole: bool = False) -> Iterator[tuple[int, int]]:
    """Yield where the statements of a paragraph stand, without surrounding white space.

    Args:
        text: The paragraph.
        folded: The same, folded, where that is known already.
        whole: It is one statement, as a table row is.
    """
    for start, end in [(0, len(text))] if whole else split_sentences(text, folded):
        sentence = text[start:end]
        start += len(sentence) - len(sentence.lstrip())
        end -= len(sentence) - len(sentence.rstrip())
        if start < end:
            yield start, end


def begins_item(sentence: str) -> bool:
    """Tell whether the sentence begins an item of an enumeration: 一是, 二要, 其三."""
    return bool(_ENUMERATION.match(fold(sentence)))


def protected_spans(text: str) -> list[tuple[int, int]]:
    """Return the outermost bracketed spans, disjoint and in order; a bracket without its partner protects nothing."""
    open_brackets: list[tuple[str, int]] = []
    waiting = Counter[str]()
    spans: list[tuple[int, int]] = []
    straight: int | None = None
    for match in _MARK.finditer(text):
        character, index = match[0], match.start()
        if character in _OPENING:
            open_brackets.append((character, index))
            waiting[character] += 1
        elif waiting[_PAIRS.get(character, "")]:
            mark, start = "", index
            while mark != _PAIRS[character]:
                mark, start = open_brackets.pop()
                waiting[mark] -= 1
            spans.append((start, index + 1))
        elif character == '"':
            if straight is not None:
                spans.append((straight, index + 1))
            straight = None if straight is not None else index
    return _merged(spans)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _ends(text: str) -> list[int]:
    """Return the positions right after each sentence end, closing marks and white space included."""
    ends: list[int] = []
    for match in _END.finditer(text):
        character, index = match[0], match.start()
        if character not in _FULL and not _is_half_width_end(text, index):
            continue
        after = index + 1
        while after < len(text) and (text[after] in _CLOSING or text[after] in _AFTER_END or text[after] == '"'):
            after += 1
        closed_a_quotation = text[after - 1] in '”』」’"'
        while after < len(text) and text[after].isspace():
            after += 1
        if closed_a_quotation and after < len(text) and fold(text[after]) in ",、:的地等":
            continue
        ends.append(after)
    return ends


def _is_half_width_end(text: str, index: int) -> bool:
    """Tell whether a half-width mark ends a sentence, rather than standing in a number, a word or an address."""
    character, after = text[index], text[index + 1 : index + 2]
    if character in _HALF:
        return not (after.isascii() and after.isalnum())
    if character != "." or index == 0:
        return False
    before = text[index - 1]
    return not before.isascii() and not before.isdigit() and not (after.isascii() and after.isalnum()) and after != "."


def _items(text: str, folded: str) -> list[int]:
    """Return where 二是, 三是, … begin after a comma or colon, and 一是 after a colon."""
    positions: list[int] = []
    begun = False
    for match in _ENUMERATION.finditer(folded):
        first = bool(_FIRST_ITEM.match(match[0])) and not match[0].startswith("一十")
        before = text[: match.start()].rstrip()[-1:]
        if before and before in (_BEFORE_FIRST_ITEM if first else _BEFORE_ITEM) and (first or begun):
            positions.append(match.start())
        begun = begun or first
    return positions
