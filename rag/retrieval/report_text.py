"""A report's statements as one folded string, so that a question about all reports looks closely at few of them."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from operator import itemgetter

from rag.catalog import ParagraphRow, to_paragraph, to_path
from rag.folding import fold
from rag.retrieval.passages import STATEMENTS, Passage, folded_heading
from rag.tables import with_headers
from rag.types import ParagraphKind, ReportMeta

BREAK = "\0"
"""Stands between statements; no word that is looked for holds one."""

StatementRow = tuple[int, str, ParagraphKind, int | None, str, str, str]
"""The columns of ``ParagraphRow``, and for a table row the table's first row, else an empty text."""


class ReportText:
    """A report's statements; each becomes a passage when it is first wanted.

    Args:
        meta: The report.
        rows: Its paragraphs as stored, in order.
    """

    __slots__ = ("__dict__", "_made", "_rows", "folded", "meta")

    def __init__(self, meta: ReportMeta, rows: Iterable[ParagraphRow]) -> None:
        self.meta = meta
        # Plain tuples of plain values: the garbage collector leaves those alone, however many there are.
        self._rows: list[StatementRow] = [
            (*row, header) for row, header in with_headers(rows) if row.kind in STATEMENTS
        ]
        self._made: dict[int, Passage] = {}
        self.folded = fold(BREAK.join([text for _, text, *_ in self._rows]))

    def prepare(self) -> None:
        """Work out what every question needs."""
        _ = self._starts, self.headings

    def prepare_sentences(self) -> None:
        """Work out what a question needs of the statements that meet it."""
        _ = self._sentences

    def __len__(self) -> int:
        """Return the number of statements."""
        return len(self._rows)

    @property
    def passages(self) -> tuple[Passage, ...]:
        """All statements, in order."""
        return tuple(map(self.passage, range(len(self))))

    def matching(self, words: Iterable[str], patterns: Sequence[re.Pattern[str]] = ()) -> list[Passage]:
        """Return the statements that hold a word, and all those that match a pattern, in order.

        A pattern sees the statements joined, so it must not ask for a beginning or an end, and a statement may be
        among those returned by a match that goes on into the next.
        """
        places = self.places_of(words)
        places.update(place for pattern in patterns for place in self._places_reached(pattern))
        return [self.passage(place) for place in sorted(places)]

    def places_of(self, words: Iterable[str]) -> set[int]:
        """Return the places, counted from 0, of the statements that hold one of the words."""
        places = set()
        for word in words:
            found = self.folded.find(word)
            while found >= 0:
                place = bisect_right(self._starts, found) - 1
                places.add(place)
                found = self.folded.find(word, self._starts[place + 1])
        return places

    def places_matching(self, pattern: re.Pattern[str]) -> list[int]:
        """Return the places of the statements that match a pattern, which must not ask for a beginning or an end."""
        return [place for place in self._places_reached(pattern) if pattern.search(self._statement(place))]

    def _places_reached(self, pattern: re.Pattern[str]) -> Iterator[int]:
        start = 0
        while start < len(self.folded) and (match := pattern.search(self.folded, start)):
            place = bisect_right(self._starts, match.start()) - 1
            yield place
            start = self._starts[place + 1]

    @cached_property
    def _starts(self) -> list[int]:
        """Where each statement begins, and where another would after the last."""
        lengths = (len(text) + len(BREAK) for _, text, *_ in self._rows)
        return list(accumulate(lengths, initial=0))

    @cached_property
    def headings(self) -> dict[str, list[int]]:
        """The places of the statements under each folded heading."""
        found: dict[str, list[int]] = {}
        for place, (*_, path, _section_kind, header) in enumerate(self._rows):
            found.setdefault(_heading(path, header), []).append(place)
        return found

    def place_numbered(self, number: int) -> int | None:
        """Return the place of the statement that is a paragraph of the report by its number; None if that is none."""
        place = bisect_left(self._rows, number, key=itemgetter(0))
        return place if place < len(self) and self._rows[place][0] == number else None

    def row(self, place: int) -> StatementRow:
        """Return the statement at a place as stored."""
        return self._rows[place]

    def passage(self, place: int) -> Passage:
        """Return the statement at a place."""
        if place not in self._made:
            self._made[place] = self._passage(place, self._known_sentences(place) if self._has_sentences else None)
        return self._made[place]

    def _passage(self, place: int, known_sentences: tuple[tuple[int, int, bool], ...] | None) -> Passage:
        number, text, kind, section, path, section_kind, header = self._rows[place]
        paragraph = to_paragraph(ParagraphRow(number, text, kind, section, path, section_kind))
        return Passage(self.meta, paragraph, header, self._statement(place), known_sentences)

    @property
    def _has_sentences(self) -> bool:
        return "_sentences" in self.__dict__

    @cached_property
    def _sentences(self) -> tuple[array[int], array[int], array[int]]:
        """Of each sentence, where it begins and ends in the joined text, and whether it states a figure."""
        begins, ends, stating = array("I"), array("I"), array("b")
        for place, at in enumerate(self._starts[:-1]):
            for sentence in self._passage(place, None).sentences:
                begins.append(at + sentence.start)
                ends.append(at + sentence.end)
                stating.append(sentence.states_figure)
        return begins, ends, stating

    def _known_sentences(self, place: int) -> tuple[tuple[int, int, bool], ...]:
        begins, ends, stating = self._sentences
        at = self._starts[place]
        first, last = bisect_left(begins, at), bisect_left(begins, self._starts[place + 1])
        return tuple((begins[i] - at, ends[i] - at, bool(stating[i])) for i in range(first, last))

    def _statement(self, place: int) -> str:
        return self.folded[self._starts[place] : self._starts[place + 1] - len(BREAK)]


@lru_cache(maxsize=50_000)
def _heading(path: str, header: str) -> str:
    """Return a folded heading from a path as stored; most reports of a corpus share theirs."""
    return folded_heading(to_path(path), header)
