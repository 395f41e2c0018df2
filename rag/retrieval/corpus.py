"""The text of the reports as retrieval reads it: folded paragraphs cut into sentences, kept while nothing changes."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from rag import lexicon
from rag.catalog import Catalog
from rag.folding import fold
from rag.questions import Concept
from rag.structure.sentences import split_sentences
from rag.tables import with_headers
from rag.types import Paragraph, ReportMeta

KEPT_REPORTS = 10_000
"""Reports whose text stays in memory, 27 kB each and up to 46 kB with their sentences."""
READ_AT_ONCE = 500
"""Reports read together; so many beyond those kept are in memory at a time."""
RARITY_SAMPLE = 20_000
"""Paragraphs over which a concept's rarity is estimated."""
STATEMENTS = ("body", "table_row", "heading", "title")


@dataclass(frozen=True)
class Sentence:
    """Characters ``start:end`` of a paragraph that make one statement."""

    passage: Passage
    start: int
    end: int

    @property
    def text(self) -> str:
        """The sentence as written."""
        return self.passage.paragraph.text[self.start : self.end]

    @property
    def folded(self) -> str:
        """The sentence as matched."""
        return self.passage.folded[self.start : self.end]

    def names_year(self, year: int) -> tuple[int, int] | None:
        """Return where it names a year, by its number or, the year before the report's, as 上年 or 去年; else None.

        A cell names the year of its column, before its first character.
        """
        place = self.folded.find(str(year))
        if place >= 0:
            return place, place + 4
        if str(year) in self.passage.header:
            return 0, 0
        if self.passage.report.year != year + 1:
            return None
        match = lexicon.cue("asked", "year_before").search(self.folded)
        return match.span() if match else None


@dataclass(frozen=True)
class Passage:
    """A paragraph with its report, folded for matching.

    Attributes:
        report: The report.
        paragraph: The paragraph.
        header: For a table row, the table's first row; else empty.
    """

    report: ReportMeta
    paragraph: Paragraph
    header: str = ""

    @cached_property
    def folded(self) -> str:
        """The paragraph's text, folded; offsets are the same."""
        return fold(self.paragraph.text)

    @cached_property
    def heading(self) -> str:
        """Its heading path, folded; for a table row the table's first row too."""
        return fold(" ".join((*self.paragraph.path, self.header)))

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """Its sentences in order, without surrounding white space."""
        found = []
        whole = [(0, len(self.paragraph.text))]
        for start, end in whole if self.header else split_sentences(self.paragraph.text):
            text = self.paragraph.text[start:end]
            start += len(text) - len(text.lstrip())
            end -= len(text) - len(text.rstrip())
            if start < end:
                found.append(Sentence(self, start, end))
        return tuple(found)


def passages_of(meta: ReportMeta, paragraphs: Iterable[Paragraph]) -> Iterator[Passage]:
    """Yield the paragraphs of a report that can carry a statement, table rows with their table's first row."""
    for paragraph, header in with_headers(paragraphs):
        if paragraph.kind in STATEMENTS:
            yield Passage(meta, paragraph, header)


class Corpus:
    """Passages of reports, read from the catalog on demand and kept in memory up to a bound. Thread-safe."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._passages: dict[str, tuple[Passage, ...]] = {}
        self._rarities: dict[tuple[str, ...], float | None] = {}
        self._counter = -1
        self._lock = threading.Lock()

    def passages(self, metas: Sequence[ReportMeta]) -> Iterator[tuple[Passage, ...]]:
        """Yield the passages of each report that can carry a statement, in the order given.

        They are read as they are asked for, so that memory stays bounded however many reports there are.
        """
        for start in range(0, len(metas), READ_AT_ONCE):
            with self._lock:
                self._forget_if_changed()
                found = self._found(metas[start : start + READ_AT_ONCE])
            yield from found

    def _found(self, metas: Sequence[ReportMeta]) -> list[tuple[Passage, ...]]:
        """Return reports' passages, kept while there is room.

        What came first stays: a survey goes through all reports in the same order, so putting the latest in place of
        the oldest would throw out each just before it is wanted again.
        """
        read = self._read(meta for meta in metas if meta.id not in self._passages)
        found = [self._passages.get(meta.id) or read.get(meta.id, ()) for meta in metas]
        self._passages.update(islice(read.items(), max(0, KEPT_REPORTS - len(self._passages))))
        return found

    def rarity(self, concept: Concept) -> float | None:
        """Return the inverse document frequency of a concept over the paragraphs, at least 0.2; None if in none."""
        with self._lock:
            self._forget_if_changed()
            if concept.words not in self._rarities:
                sample = self._sample()
                mentioning = sum(concept.mentioned(passage.folded) for passage in sample)
                rarity = max(0.2, math.log((len(sample) + 1) / (mentioning + 0.5)))
                self._rarities[concept.words] = rarity if mentioning else None
            return self._rarities[concept.words]

    def _sample(self) -> list[Passage]:
        """Return the paragraphs of the catalog's first reports, whichever were asked for before."""
        metas = list(self._catalog.metas().values())
        sample: list[Passage] = []
        for start in range(0, len(metas), READ_AT_ONCE):
            for passages in self._found(metas[start : start + READ_AT_ONCE]):
                sample.extend(passages)
                if len(sample) >= RARITY_SAMPLE:
                    return sample
        return sample

    def _read(self, metas: Iterable[ReportMeta]) -> dict[str, tuple[Passage, ...]]:
        by_id = {meta.id: meta for meta in metas}
        if not by_id:
            return {}
        return {
            report_id: tuple(passages_of(by_id[report_id], paragraphs))
            for report_id, paragraphs in self._catalog.paragraphs(by_id).items()
        }

    def _forget_if_changed(self) -> None:
        counter = self._catalog.change_counter()
        if counter != self._counter:
            self._passages.clear()
            self._rarities.clear()
            self._counter = counter
