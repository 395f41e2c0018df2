"""What an exported file says, whatever its format: blocks, and footnotes numbered through the whole file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from rag.conversations import ChangedCitation
from rag.exporting.wording import report_words, scope_words, verdict_word, word, year_word
from rag.prose import Block, Line, Piece, parse
from rag.types import Answer, Citation, Filters, Language, Survey

Style = Literal["title", "question", "small", "label", "text"]


@dataclass(frozen=True, slots=True)
class ExportedTurn:
    """A question with its answer, None where there is none.

    Attributes:
        question: As asked.
        answer: The answer.
        filters: What the question was restricted to.
        asked: When, in UTC (ISO 8601); empty: not told.
        changed: Citations whose report has changed since, by id.
    """

    question: str
    answer: Answer | None
    filters: Filters = Filters()
    asked: str = ""
    changed: Mapping[str, ChangedCitation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """A paragraph's address: ``place`` as shown (``/reports/{id}#p14``), ``address`` with the server before it."""

    place: str
    address: str


@dataclass(frozen=True, slots=True)
class Footnote:
    """A citation at the foot of the page: text and links, in order.

    Attributes:
        number: Counts from 1 in the order in which footnotes are first referred to.
        parts: Office, year, headings, paragraph, quote; a link; if the report has changed, that and where to look now.
    """

    number: int
    parts: tuple[str | Link, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """A block with what it is in the file; markers in it are footnote numbers."""

    style: Style
    block: Block


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content."""

    title: str
    language: Language
    elements: tuple[Element, ...]
    footnotes: tuple[Footnote, ...]


def compose(title: str, turns: Sequence[ExportedTurn], base: str) -> Document:
    """Return the document that holds some turns.

    Args:
        title: Stands at its head.
        turns: Oldest first; the question of a single one is left out where it is the title.
        base: Address of the server, such as ``http://127.0.0.1:7860``, that links lead to.
    """
    language: Language = next((turn.answer.language for turn in turns if turn.answer), "zh")
    footnotes: list[Footnote] = []
    elements = [_plain("title", title)]
    for turn in turns:
        if turn.question.strip() != title.strip() or len(turns) > 1:
            elements.append(_plain("question", turn.question))
        elements += _Turn(turn, language, base.rstrip("/"), footnotes).elements()
    return Document(title, language, tuple(elements), tuple(footnotes))


def _plain(style: Style, text: str) -> Element:
    return Element(style, Block("paragraph", (Piece(" ".join(text.split())),)))


class _Turn:
    """One turn on its way into the document; its footnotes join those of the turns before."""

    def __init__(self, turn: ExportedTurn, language: Language, base: str, footnotes: list[Footnote]) -> None:
        self._turn = turn
        self._language = language
        self._base = base
        self._footnotes = footnotes
        self._numbers: dict[int, int] = {}
        self._cited = {citation.marker: citation for citation in turn.answer.citations} if turn.answer else {}

    def elements(self) -> Iterator[Element]:
        answer = self._turn.answer
        if answer is None:
            yield _plain("small", word(self._language, "unanswered"))
            return
        for block in parse(answer.answer):
            if block:
                yield Element("text", self._numbered(block))
        if answer.survey and answer.survey.rows:
            yield _plain("label", self._survey_words(answer.survey))
            yield Element("text", self._survey(answer.survey))
        if unused := [marker for marker in self._cited if marker not in self._numbers]:
            line = (Piece(word(self._language, "more_sources")), *self._references(unused))
            yield Element("text", Block("paragraph", line))
        if answer.notes:
            yield _plain("label", word(self._language, "notes"))
            yield from (Element("text", Block("bullet", (Piece(" ".join(note.split())),))) for note in answer.notes)
        yield _plain("small", self._details(answer))

    def _details(self, answer: Answer) -> str:
        named = word(self._language, "extractive") if answer.engine == "extractive" else answer.engine
        parts = [word(self._language, "engine", engine=named)]
        if self._turn.filters:
            parts.append(word(self._language, "scope", scope=scope_words(self._turn.filters, self._language)))
        if self._turn.asked:
            parts.append(word(self._language, "asked", time=self._turn.asked[:16].replace("T", " ")))
        return " · ".join(parts)

    def _survey_words(self, survey: Survey) -> str:
        return word(self._language, "survey", reports=survey.reports, searched=survey.searched)

    def _survey(self, survey: Survey) -> Block:
        head = tuple((Piece(word(self._language, key)),) for key in ("office", "region", "year", "verdict", "sources"))
        body = (
            (
                (Piece(row.office or word(self._language, "office_unknown", source=row.source)),),
                (Piece(row.region or ""),),
                (Piece(year_word(row.year, self._language)),),
                (Piece(verdict_word(self._language, row.verdict)),),
                self._references(row.citations),
            )
            for row in survey.rows
        )
        return Block("table", rows=(head, *body))

    def _references(self, markers: Sequence[int]) -> Line:
        return tuple(self._reference(Piece(f"[{marker}]", marker=marker)) for marker in markers)

    def _numbered(self, block: Block) -> Block:
        """Return a block whose markers are footnote numbers; a marker of no citation is text."""
        line = tuple(map(self._reference, block.line))
        rows = tuple(tuple(tuple(map(self._reference, cell)) for cell in row) for row in block.rows)
        return replace(block, line=line, rows=rows)

    def _reference(self, piece: Piece) -> Piece:
        if piece.marker is None or piece.marker not in self._cited:
            return replace(piece, marker=None)
        if piece.marker not in self._numbers:
            number = len(self._footnotes) + 1
            self._numbers[piece.marker] = number
            self._footnotes.append(self._footnote(number, self._cited[piece.marker]))
        return replace(piece, marker=self._numbers[piece.marker])

    def _footnote(self, number: int, citation: Citation) -> Footnote:
        said = (
            report_words(citation.office, citation.year, citation.source, self._language),
            " › ".join((*citation.section, word(self._language, "paragraph", number=citation.paragraph))),
            word(self._language, "quote", quote=" ".join(citation.quote.split())),
        )
        return Footnote(number, (" · ".join(said), self._link(citation), *self._changes(citation)))

    def _changes(self, citation: Citation) -> Iterator[str | Link]:
        changed = self._turn.changed.get(citation.id)
        if changed is None:
            return
        yield word(self._language, "changed")
        if changed.now:
            yield word(self._language, "now")
            yield self._link(changed.now)

    def _link(self, citation: Citation) -> Link:
        place = f"/reports/{citation.report_id}#p{citation.paragraph}"
        return Link(place, self._base + place)
