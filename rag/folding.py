"""Fold text for matching: width, traditional characters and letter case, never changing its length."""

from __future__ import annotations

import unicodedata
from functools import cache

from opencc import OpenCC

PUNCTUATION = str.maketrans("“”„‟‘’「」『』﹁﹂〝〞", '""""\'\'""""""""')
"""Quotation marks of all sorts, as plain ones."""


@cache
def _to_simplified() -> OpenCC:
    return OpenCC("t2s")


class _FoldTable(dict[int, str]):
    """Fills itself one character at a time, so each is worked out once."""

    def __missing__(self, codepoint: int) -> str:
        character = chr(codepoint)
        folded = unicodedata.normalize("NFKC", character)
        if len(folded) != 1:
            folded = character
        folded = folded.lower()
        if "㐀" <= folded <= "鿿":
            folded = _to_simplified().convert(folded)
        folded = folded.translate(PUNCTUATION)
        self[codepoint] = folded if len(folded) == 1 else character
        return self[codepoint]


_TABLE = _FoldTable()


def fold(text: str) -> str:
    """Return ``text`` half-width, simplified, lower case, with plain quotation marks.

    The result has the same length, so offsets into it are offsets into ``text``.
    """
    return text.translate(_TABLE)
