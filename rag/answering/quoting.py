"""How much of a sentence to quote, and its citation."""

from __future__ import annotations

import re

from rag.citations import Marker
from rag.retrieval.passages import Sentence
from rag.types import Citation

LONGEST_QUOTE = 160
CLAUSE_BREAK = re.compile(r"[,，。;；:：!！?？]")


def quote_span(
    sentence: Sentence, around: tuple[int, int] | None = None, longest: int = LONGEST_QUOTE
) -> tuple[int, int]:
    """Return the characters of the paragraph to quote: the sentence, or whole clauses of it around a place.

    Args:
        sentence: The sentence.
        around: Offsets within the sentence that the quote must hold, or None.
        longest: A sentence of more characters is shortened to whole clauses.
    """
    text = sentence.text
    if len(text) <= longest or around is None:
        return sentence.start, sentence.end
    borders = sorted({0, *(match.end() for match in CLAUSE_BREAK.finditer(text)), len(text)})
    left = max(border for border in borders if border <= around[0])
    right = min(border for border in borders if border >= around[1])
    while True:
        before = max((border for border in borders if border < left), default=None)
        after = min((border for border in borders if border > right), default=None)
        if after is not None and after - left <= longest:
            right = after
        elif before is not None and right - before <= longest:
            left = before
        else:
            return sentence.start + left, sentence.start + right


def cite_sentence(
    sentence: Sentence, marker: Marker, around: tuple[int, int] | None = None, longest: int = LONGEST_QUOTE
) -> Citation:
    """Return the citation of a sentence, shortened to whole clauses where it is long; arguments as `quote_span`."""
    start, end = quote_span(sentence, around, longest)
    return marker.cite(sentence.passage.report, sentence.passage.paragraph, start, end)
