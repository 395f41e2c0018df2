"""A report's statements as one folded string, so that a question about all reports looks closely at few of them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate

from rag.catalog import ParagraphRow, to_paragraph
from rag.folding import fold
from rag.retrieval.passages import STATEMENTS, Passage
from rag.tables import with_headers
from rag.types import ReportMeta

_BREAK = "\0"
"""Stands between statements; no word that is looked for holds one."""


class ReportText:
    """A report's statements; each becomes a passage when it is first wanted.

    Args:
        meta: The report.
        rows: Its paragraphs as stored, in order.
    """

    __slots__ = ("__dict__", "_made", "_rows", "folded", "meta")

    def __init__(self, meta: ReportMeta, rows: Iterable[ParagraphRow]) -> None:
        self.meta = meta
        self._rows = [(row, header) for row, header in with_headers(rows) if row.kind in STATEMENTS]
        self._made: dict[int, Passage] = {}
        self.folded = fold(_BREAK.join([row.text for row, _ in self._rows]))

    def __len__(self) -> int:
        """Return the number of statements."""
        return len(self._rows)

    @property
    def passages(self) -> tuple[Passage, ...]:
        """All statements, in order."""
        return tuple(map(self._passage, range(len(self))))

    def mentioning(self, words: Iterable[str]) -> int:
        """Return the number of statements that hold one of the words."""
        return len({place for word in words for place in self._places_of(word)})

    def matching(self, words: Iterable[str], patterns: Sequence[re.Pattern[str]] = ()) -> list[Passage]:
        """Return the statements that hold a word, and all those that match a pattern, in order.

        A pattern sees the statements joined, so it must not ask for a beginning or an end, and a statement may be
        among those returned by a match that goes on into the next.
        """
        places = {place for word in words for place in self._places_of(word)}
        places.update(place for pattern in patterns for place in self._places_matching(pattern))
        return [self._passage(place) for place in sorted(places)]

    def _places_of(self, word: str) -> Iterator[int]:
        found = self.folded.find(word)
        while found >= 0:
            place = bisect_right(self._starts, found) - 1
            yield place
            found = self.folded.find(word, self._starts[place + 1])

    def _places_matching(self, pattern: re.Pattern[str]) -> Iterator[int]:
        start = 0
        while start < len(self.folded) and (match := pattern.search(self.folded, start)):
            place = bisect_right(self._starts, match.start()) - 1
            yield place
            start = self._starts[place + 1]

    @cached_property
    def _starts(self) -> list[int]:
        """Where each statement begins, and where another would after the last."""
        lengths = (len(row.text) + len(_BREAK) for row, _ in self._rows)
        return list(accumulate(lengths, initial=0))

    def _passage(self, place: int) -> Passage:
        if place not in self._made:
            row, header = self._rows[place]
            self._made[place] = Passage(self.meta, to_paragraph(row), header)
        return self._made[place]
