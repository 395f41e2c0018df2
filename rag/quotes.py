"""Where a quote stands: exactly, or but for width, punctuation, white space and simplified or traditional script."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from rag.folding import fold

_SAME = str.maketrans("著", "着")
"""Taiwan writes 圍繞著 where 围绕着 is written elsewhere; in a quote nothing hangs on which 著 it is."""

_TITLE_MARKS = "<>"  # as 《》 are written where no others are at hand


@dataclass(frozen=True, slots=True)
class SearchedQuote:
    """A quote prepared once for many paragraphs.

    Attributes:
        text: The quote as given, without surrounding white space.
        core: Its letters, digits and ideographs, folded.
    """

    text: str
    core: str


def prepare_quote(text: str) -> SearchedQuote:
    """Prepare a quote for searching."""
    return SearchedQuote(text.strip(), _core(text)[0])


def occurrences(quote: SearchedQuote, paragraph: str) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, end, exact) of every place where a quote stands in a paragraph, without overlaps."""
    if not quote.core:
        return
    position = paragraph.find(quote.text)
    exact_found = []
    while position >= 0:
        exact_found.append((position, position + len(quote.text)))
        yield position, position + len(quote.text), True
        position = paragraph.find(quote.text, position + len(quote.text))
    core, offsets = _core(paragraph)
    place = core.find(quote.core)
    while place >= 0:
        start, end = offsets[place], offsets[place + len(quote.core) - 1] + 1
        if not any(start < taken_end and taken_start < end for taken_start, taken_end in exact_found):
            yield start, end, False
        place = core.find(quote.core, place + len(quote.core))


def _core(text: str) -> tuple[str, list[int]]:
    """Return a text's letters and digits, folded, and the offset of each in it."""
    characters, offsets = [], []
    for offset, character in enumerate(fold(text).translate(_SAME)):
        if unicodedata.category(character)[0] in "LNS" and character not in _TITLE_MARKS:
            characters.append(character)
            offsets.append(offset)
    return "".join(characters), offsets
