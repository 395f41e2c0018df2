"""The data that crosses module boundaries: frozen dataclasses, no behaviour beyond views of themselves.

Offsets are character offsets (Python ``str`` indices) into a paragraph's text, half-open.
Paragraph numbers and citation markers count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

BlockKind = Literal["text", "heading", "table_row", "list_item"]
ParagraphKind = Literal["title", "heading", "body", "table_row", "closing", "debris"]
Language = Literal["zh", "en"]


class SectionKind(StrEnum):
    """What a top-level section of a report is about."""

    MEASURES = "measures"
    PROBLEMS = "problems"
    LEADERSHIP = "leadership"
    PLAN = "plan"
    OTHER = "other"


class Route(StrEnum):
    """How a question was answered."""

    PASSAGE = "passage"
    SURVEY = "survey"
    COUNT = "count"
    COMPARE = "compare"
    REFUSED = "refused"


class Verdict(StrEnum):
    """What one report says about a predicate. Silence is never ``NO``."""

    YES = "yes"
    NO = "no"
    MIXED = "mixed"
    NOT_MENTIONED = "not_mentioned"
    NEEDS_REVIEW = "needs_review"


@dataclass(frozen=True, slots=True)
class Block:
    """One visible block of a file in reading order, as its format delimits it.

    Attributes:
        text: Visible text without surrounding white space; never empty.
        kind: What the format says it is; ``text`` when it says nothing.
        level: Heading level 1–6 that the format declares, else None.
        emphasized: True if the whole block is bold (a pseudo-heading, perhaps).
        page: Page number from 1 for paged formats, else None.
        gap_before: True if an empty line (or the format's paragraph border) stands before it.
    """

    text: str
    kind: BlockKind = "text"
    level: int | None = None
    emphasized: bool = False
    page: int | None = None
    gap_before: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """A loaded file: visible blocks, nothing interpreted yet.

    Attributes:
        source: The file's name as shown to users.
        format: ``txt``, ``md``, ``html``, ``docx`` or ``pdf``.
        blocks: Visible blocks in reading order.
        title: A title that the format itself declares (HTML ``<title>``, Word property), else None.
        notes: What loading changed or guessed, for the ingest summary.
    """

    source: str
    format: str
    blocks: tuple[Block, ...]
    title: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it.

    Attributes:
        index: Position among the report's sections, from 0.
        level: 1 (一、), 2 (（一）) or 3 (1.).
        heading: The heading as written, numbering included, Markdown marks and final full stop left out.
        parent: Index of the enclosing section, or None at level 1.
        kind: What the top-level section enclosing it is about.
    """

    index: int
    level: int
    heading: str
    parent: int | None
    kind: SectionKind


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph as a reader sees it.

    Every visible character of the file is in exactly one paragraph, headings and title included.

    Attributes:
        number: Position in the report, from 1; stable while the text is the same.
        text: The text as read; a line break in mid-sentence is joined.
        kind: ``body`` and ``table_row`` carry statements; ``heading`` is a heading on a line of its own;
            ``closing`` is signature and date; ``debris`` is left over from a web page.
        section: Index of the innermost section, or None before the first heading.
        path: Headings from the outermost to the innermost section.
        section_kind: Kind of the enclosing top-level section.
    """

    number: int
    text: str
    kind: ParagraphKind
    section: int | None
    path: tuple[str, ...]
    section_kind: SectionKind


@dataclass(frozen=True, slots=True)
class ReportMeta:
    """What is known of a report. None means unknown, never a guess.

    Attributes:
        id: 12 hexadecimal digits of the SHA-256 of the report's paragraphs.
        source: File name as shown to users.
        title: Title as written in the report.
        office: Canonical office name: ``X街道办事处``, ``X镇人民政府`` or ``X乡人民政府``.
        office_variants: Other forms it goes by, longest first.
        region: District, county or city named before the office, as written (``解放区``).
        year: The year the report is about.
        issued: Date of issue.
        notes: What a reader of the inventory should know (``office unknown``, …).
    """

    id: str
    source: str
    title: str | None = None
    office: str | None = None
    office_variants: tuple[str, ...] = ()
    region: str | None = None
    year: int | None = None
    issued: date | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A parsed report."""

    meta: ReportMeta
    sections: tuple[Section, ...]
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start:end`` of one paragraph."""

    paragraph: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is embedded: a section, or as much of it as fits the token budget.

    Attributes:
        id: ``{report_id}-c{ordinal}``.
        report_id: The report it is cut from.
        ordinal: Position in the report, from 0.
        spans: Where its text stands, in order.
        text: The text itself, as shown.
        embedding_text: Office, year and heading path followed by the text: what the model reads.
        path: Heading path of its section.
        section_kind: Kind of the enclosing top-level section.
        tokens: Length of ``text`` in tiktoken tokens.
    """

    id: str
    report_id: str
    ordinal: int
    spans: tuple[Span, ...]
    text: str
    embedding_text: str
    path: tuple[str, ...]
    section_kind: SectionKind
    tokens: int


@dataclass(frozen=True, slots=True)
class Filters:
    """What the user restricts a question to. Empty means no restriction.

    Attributes:
        offices: Office names in any form, short or long.
        regions: Region names.
        years: Report years.
        section_kinds: Kinds of top-level section.
        reports: Report ids.
    """

    offices: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    years: tuple[int, ...] = ()
    section_kinds: tuple[SectionKind, ...] = ()
    reports: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """True if anything is restricted."""
        return bool(self.offices or self.regions or self.years or self.section_kinds or self.reports)


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a search found, with its score (higher is better)."""

    chunk_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Context:
    """A paragraph that retrieval found."""

    report: ReportMeta
    paragraph: Paragraph
    score: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A verbatim quote and where it stands; ``quote`` is ``paragraph.text[start:end]``."""

    marker: int
    id: str
    report_id: str
    office: str | None
    region: str | None
    year: int | None
    section: tuple[str, ...]
    paragraph: int
    start: int
    end: int
    quote: str
    source: str


@dataclass(frozen=True, slots=True)
class SurveyRow:
    """One report's verdict; ``citations`` are markers."""

    report_id: str
    source: str
    office: str | None
    region: str | None
    year: int | None
    verdict: Verdict
    citations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Survey:
    """Verdicts for every report in scope.

    Attributes:
        searched: Number of reports examined.
        reports: Number of reports in scope.
        rows: One row a report.
    """

    searched: int
    reports: int
    rows: tuple[SurveyRow, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure with its unit, as stated in a report.

    Attributes:
        office: Canonical office, or None when unknown.
        year: The year the figure is for.
        indicator: What is counted, as worded in the report.
        value: The number, in ``unit``.
        unit: Unit as written (件, 人次, 万元, %).
        qualifier: ``exact``, ``over``, ``about``, ``at_least``, ``under`` or ``percent``.
        citation: Marker of the citation it stands in.
    """

    office: str | None
    year: int | None
    indicator: str
    value: float
    unit: str
    qualifier: str
    citation: int


@dataclass(frozen=True, slots=True)
class StatementCheck:
    """What became of the statements that a chat model made for an answer.

    Attributes:
        made: Statements that claim something.
        unverified: Those of them that no paragraph bears out; each is marked, left out, or lost with the whole reply.
    """

    made: int
    unverified: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as users and scripts get it; the JSON contract is in ``docs/answer.md``."""

    question: str
    language: Language
    route: Route
    answer: str
    refused: bool
    citations: tuple[Citation, ...] = ()
    contexts: tuple[Context, ...] = ()
    survey: Survey | None = None
    facts: tuple[Fact, ...] = ()
    engine: str = "extractive"
    statements: StatementCheck | None = None
    notes: tuple[str, ...] = ()
    elapsed_ms: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier turn of a conversation."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class CitedParagraph:
    """A citation opened: the paragraph in its place.

    Attributes:
        citation: The citation, marker 0.
        report: The report it stands in.
        paragraph: The paragraph that holds the quote.
        before: Up to two paragraphs before it, in order.
        after: Up to two paragraphs after it, in order.
    """

    citation: Citation
    report: ReportMeta
    paragraph: Paragraph
    before: tuple[Paragraph, ...]
    after: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class QuoteMatch:
    """A place where a quote stands; ``match`` is ``exact`` or ``variant`` (width, punctuation, script)."""

    citation: Citation
    match: Literal["exact", "variant"]


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file that could not be taken in, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What one ingest run did.

    Attributes:
        added: Sources newly taken in.
        replaced: Sources whose report changed.
        unchanged: Sources already in, untouched.
        duplicates: (source, source already in) with the same content, taken once.
        removed: Sources pruned.
        failures: Files that could not be taken in.
        notes: (source, note) pairs, e.g. ``office unknown``.
        chunks: Number of chunks written.
        embedded: Number of chunks embedded.
        seconds: Wall time.
        embedding_seconds: Wall time spent embedding.
    """

    added: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    duplicates: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    failures: tuple[FileFailure, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    chunks: int = 0
    embedded: int = 0
    seconds: float = 0.0
    embedding_seconds: float = 0.0
