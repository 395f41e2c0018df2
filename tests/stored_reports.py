"""Reports made up for tests of the catalog and the indexes, ready to be stored."""

from __future__ import annotations

import hashlib

from rag.catalog import FileRecord, StoredReport
from rag.embedding import HashEmbedder
from rag.types import Chunk, Paragraph, Report, ReportMeta, Section, SectionKind, Span

EMBEDDER = HashEmbedder(64)
HEADINGS = {
    SectionKind.MEASURES: "一、主要做法",
    SectionKind.PROBLEMS: "二、存在的不足",
    SectionKind.PLAN: "三、下一步打算",
}


def stored_report(
    source: str,
    *statements: str,
    office: str | None = "青禾街道办事处",
    variants: tuple[str, ...] = (),
    region: str | None = "河东区",
    year: int | None = 2023,
) -> StoredReport:
    """Return a report of one statement a section, each a chunk of its own."""
    kinds = list(HEADINGS)[: len(statements)]
    paragraphs, chunks, sections = [], [], []
    texts = [text for kind, statement in zip(kinds, statements, strict=True) for text in (HEADINGS[kind], statement)]
    report_id = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
    for index, (kind, statement) in enumerate(zip(kinds, statements, strict=True)):
        path, number = (HEADINGS[kind],), 2 * index + 1
        sections.append(Section(index, 1, HEADINGS[kind], None, kind))
        paragraphs.append(Paragraph(number, HEADINGS[kind], "heading", index, path, kind))
        paragraphs.append(Paragraph(number + 1, statement, "body", index, path, kind))
        chunks.append(
            Chunk(
                id=f"{report_id}-c{index}",
                report_id=report_id,
                ordinal=index,
                spans=(Span(number + 1, 0, len(statement)),),
                text=statement,
                embedding_text=f"{office} {year} {HEADINGS[kind]}\n{statement}",
                path=path,
                section_kind=kind,
                tokens=len(statement),
            )
        )
    meta = ReportMeta(report_id, source, "工作报告", office, variants, region, year)
    return StoredReport(
        file=FileRecord(f"/reports/{source}", report_id, source, hashlib.sha256(source.encode()).hexdigest(), "1"),
        format="txt",
        report=Report(meta, tuple(sections), tuple(paragraphs)),
        chunks=tuple(chunks),
        matrix=EMBEDDER.embed_passages([chunk.embedding_text for chunk in chunks]),
    )
