"""What the API returns, for its documentation; ``rag.serialising`` makes it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

VerdictName = Literal["yes", "no", "mixed", "not_mentioned", "needs_review"]
KindName = Literal["measures", "problems", "leadership", "plan", "other"]

CITATION: dict[str, Any] = {
    "marker": 1,
    "id": "3f9ac1d2b07e-p14-s0-e21",
    "report_id": "3f9ac1d2b07e",
    "office": "青石街道办事处",
    "region": "临江区",
    "year": 2023,
    "section": ["三、存在的不足"],
    "paragraph": 14,
    "start": 0,
    "end": 14,
    "quote": "街道不具备行政执法主体资格。",
    "source": "qingshi-2023.txt",
}
_ROW: dict[str, Any] = {
    "report_id": "3f9ac1d2b07e",
    "source": "qingshi-2023.txt",
    "office": "青石街道办事处",
    "region": "临江区",
    "year": 2023,
    "verdict": "yes",
}


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CitationReply(_Reply):
    """A verbatim quote and where it stands: `quote` is the paragraph's characters `start` to `end`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [CITATION]})

    marker: int = Field(description="n of the marker [n] in the answer; 0 outside an answer")
    id: str
    report_id: str
    office: str | None
    region: str | None
    year: int | None
    section: list[str] = Field(description="Headings, outermost first")
    paragraph: int = Field(description="Number of the paragraph in its report, from 1")
    start: int
    end: int
    quote: str
    source: str = Field(description="File name")


class ContextReply(_Reply):
    """A paragraph that retrieval found."""

    report_id: str
    paragraph: int
    text: str
    source: str
    score: float


class SurveyRowReply(_Reply):
    """One report's verdict; `citations` are markers."""

    report_id: str
    source: str
    office: str | None
    region: str | None
    year: int | None
    verdict: VerdictName
    citations: list[int]


class SurveyTable(_Reply):
    """Verdicts for every report in scope."""

    searched: int
    reports: int
    rows: list[SurveyRowReply]


class AnsweredFact(_Reply):
    """A figure brought forward; `citation` is a marker."""

    office: str | None
    year: int | None
    indicator: str
    value: float
    unit: str
    qualifier: str
    citation: int


class AnswerReply(_Reply):
    """An answer with its evidence."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "question": "哪些街道不具备行政执法权？",
                    "language": "zh",
                    "route": "survey",
                    "answer": "已检索 1/1 份报告：1 份明确没有“行政执法权”。[1]",
                    "refused": False,
                    "citations": [CITATION],
                    "contexts": [],
                    "survey": {"searched": 1, "reports": 1, "rows": [_ROW | {"citations": [1]}]},
                    "facts": [],
                    "engine": "extractive",
                    "notes": [],
                    "elapsed_ms": {"retrieve": 31, "answer": 12, "total": 43},
                }
            ]
        },
    )

    question: str
    language: Literal["zh", "en"]
    route: Literal["passage", "survey", "count", "compare", "refused"]
    answer: str = Field(description="Markdown with [n] markers")
    refused: bool = Field(description="True when the reports do not say")
    citations: list[CitationReply]
    contexts: list[ContextReply] = Field(description="What retrieval found, best first")
    survey: SurveyTable | None
    facts: list[AnsweredFact]
    engine: str = Field(description="`extractive`, or the chat model's name")
    notes: list[str]
    elapsed_ms: dict[str, int]


class SurveyVerdict(_Reply):
    """One report's verdict with its evidence."""

    report_id: str
    source: str
    office: str | None
    region: str | None
    year: int | None
    verdict: VerdictName
    citations: list[CitationReply]


class SurveyReply(_Reply):
    """A survey: every report in scope has a row."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "question": "哪些街道不具备行政执法权？",
                    "answer": "已检索 1/1 份报告：1 份明确没有“行政执法权”。[1]",
                    "refused": False,
                    "searched": 1,
                    "reports": 1,
                    "rows": [_ROW | {"citations": [CITATION]}],
                    "engine": "extractive",
                    "notes": [],
                }
            ]
        },
    )

    question: str
    answer: str
    refused: bool
    searched: int
    reports: int
    rows: list[SurveyVerdict]
    engine: str
    notes: list[str]


class ReportReply(_Reply):
    """What is known of a report; null is unknown, never a guess."""

    id: str = Field(examples=["3f9ac1d2b07e"])
    source: str = Field(examples=["qingshi-2023.txt"])
    title: str | None
    office: str | None = Field(examples=["青石街道办事处"])
    office_variants: list[str]
    region: str | None
    year: int | None = Field(examples=[2023])
    issued: str | None = Field(description="Date of issue", examples=["2024-01-10"])
    notes: list[str]


class InventoryReport(ReportReply):
    """A report as the inventory lists it."""

    paragraphs: int
    chunks: int
    duplicates: list[str] = Field(description="Other files with the same text")


class MissingYear(_Reply):
    """A year between an office's first and last report of which there is none."""

    office: str
    year: int


class InventoryReply(_Reply):
    """All reports."""

    reports: list[InventoryReport]
    missing_years: list[MissingYear]


class ParagraphReply(_Reply):
    """A paragraph; `section` are its headings, outermost first."""

    number: int
    text: str
    kind: Literal["title", "heading", "body", "table_row", "closing", "debris"]
    section: list[str]


class ReportParagraph(ParagraphReply):
    """A paragraph of a whole report."""

    section_kind: KindName


class SectionReply(_Reply):
    """A heading; `parent` is the index of the section that encloses it."""

    index: int
    level: int
    heading: str
    parent: int | None
    kind: KindName


class WholeReport(_Reply):
    """A report with its headings and every paragraph."""

    report: ReportReply
    sections: list[SectionReply]
    paragraphs: list[ReportParagraph]


class CitedReply(_Reply):
    """A citation opened: its paragraph, headings and neighbours."""

    citation: CitationReply
    report: ReportReply
    headings: list[str]
    paragraph: ParagraphReply
    before: list[ParagraphReply]
    after: list[ParagraphReply]


class MatchReply(_Reply):
    """A place where a quote stands; `variant` differs in width, punctuation or script only."""

    match: Literal["exact", "variant"]
    citation: CitationReply


class FindReply(_Reply):
    """The places where a quote stands, exact ones first."""

    quote: str
    matches: list[MatchReply]


class FactReply(_Reply):
    """A figure that a report states, with its citation."""

    office: str | None = Field(examples=["青石街道办事处"])
    region: str | None
    year: int | None = Field(description="The year that the figure is for", examples=[2023])
    indicator: str = Field(examples=["信访案件"])
    value: float = Field(examples=[26])
    high: float | None = Field(description="The upper end of a range")
    unit: str = Field(examples=["件"])
    qualifier: str = Field(examples=["exact"])
    planned: bool
    quote: str
    citation: str = Field(examples=[CITATION["id"]])
    source: str


class FactsReply(_Reply):
    """Figures; `total` counts those that `limit` and `offset` leave out, too."""

    total: int
    facts: list[FactReply]


class UploadReply(_Reply):
    """What became of one file: `detail` says why it failed, or which file held its text already."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "qingshi-2023.txt", "outcome": "in", "report": None, "detail": ""},
                {"name": "scan.pdf", "outcome": "failed", "report": None, "detail": "'scan.pdf' holds no text."},
            ]
        },
    )

    name: str
    outcome: Literal["in", "replaced", "duplicate", "failed"]
    report: ReportReply | None
    detail: str


class UploadsReply(_Reply):
    """What became of the files, in the order sent."""

    files: list[UploadReply]


class DeletedReply(_Reply):
    """A report taken out, with the files that held its text."""

    report_id: str = Field(examples=["3f9ac1d2b07e"])
    files: list[str] = Field(examples=[["qingshi-2023.txt"]])
