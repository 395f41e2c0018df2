"""Paragraphs as retrieval reads them: folded, and cut into sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from rag import lexicon
from rag.figures import Figure, parse_figures, states_figure
from rag.folding import fold
from rag.structure.sentences import statement_spans
from rag.tables import cell_figures, with_headers
from rag.types import Paragraph, ReportMeta

STATEMENTS = ("body", "table_row", "heading", "title")
"""Kinds of paragraph that can carry a statement."""


@dataclass(frozen=True)
class Sentence:
    """Characters ``start:end`` of a paragraph that make one statement.

    Attributes:
        passage: The paragraph.
        start: Offset of its first character.
        end: Offset after its last.
        known_to_state: Whether it states a figure, where that is known already.
    """

    passage: Passage
    start: int
    end: int
    known_to_state: bool | None = field(default=None, compare=False, repr=False)

    @property
    def text(self) -> str:
        """The sentence as written."""
        return self.passage.paragraph.text[self.start : self.end]

    @property
    def folded(self) -> str:
        """The sentence as matched."""
        return self.passage.folded[self.start : self.end]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Its figures; offsets count from its start."""
        return _figures(self.text, self.folded, self.passage.header)

    @property
    def states_figure(self) -> bool:
        """Whether it has a figure, found out sooner than its figures."""
        known = self.known_to_state
        return _states_figure(self.text, self.folded, self.passage.header) if known is None else known

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
        known_folded: Its text, folded, where that is known already.
        known_sentences: Of each sentence, where it begins, where it ends and whether it states a figure, where that is
            known already.
    """

    report: ReportMeta
    paragraph: Paragraph
    header: str = ""
    known_folded: str | None = field(default=None, compare=False, repr=False)
    known_sentences: tuple[tuple[int, int, bool], ...] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def folded(self) -> str:
        """The paragraph's text, folded; offsets are the same."""
        return fold(self.paragraph.text) if self.known_folded is None else self.known_folded

    @cached_property
    def heading(self) -> str:
        """Its heading path, folded; for a table row the table's first row too."""
        return folded_heading(self.paragraph.path, self.header)

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """Its sentences in order, without surrounding white space."""
        if self.known_sentences is not None:
            return tuple(Sentence(self, *known) for known in self.known_sentences)
        spans = statement_spans(self.paragraph.text, self.folded, whole=bool(self.header))
        return tuple(Sentence(self, start, end) for start, end in spans)


@lru_cache(maxsize=20_000)
def _figures(text: str, folded: str, header: str) -> tuple[Figure, ...]:
    return cell_figures(text, header) if header and text != header else parse_figures(text, folded)


@lru_cache(maxsize=20_000)
def _states_figure(text: str, folded: str, header: str) -> bool:
    return bool(_figures(text, folded, header)) if header else states_figure(text, folded)


def folded_heading(path: tuple[str, ...], header: str) -> str:
    """Return a heading path, folded; for a table row the table's first row too."""
    return fold(" ".join((*path, header)))


def passages_of(meta: ReportMeta, paragraphs: Iterable[Paragraph]) -> Iterator[Passage]:
    """Yield the paragraphs of a report that can carry a statement, table rows with their table's first row."""
    for paragraph, header in with_headers(paragraphs):
        if paragraph.kind in STATEMENTS:
            yield Passage(meta, paragraph, header)
