"""Between table rows and the shared types."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from rag.catalog.records import Matrix, ParagraphRow
from rag.facts import StatedFact
from rag.types import Chunk, Paragraph, Report, ReportMeta, Section, SectionKind, Span

FACT_COLUMNS = (
    *("year", "indicator", "value", "high", "unit", "qualifier"),
    *("planned", "paragraph", "start", "end", "text"),
)
_KINDS = {kind.value: kind for kind in SectionKind}


def to_meta(row: Any) -> ReportMeta:  # noqa: ANN401 - a database row
    """Build a report's metadata from its row."""
    return ReportMeta(
        id=row.id,
        source=row.source,
        title=row.title,
        office=row.office,
        office_variants=tuple(row.office_variants),
        region=row.region,
        year=row.year,
        issued=row.issued,
        notes=tuple(row.notes),
    )


def to_section(row: Any) -> Section:  # noqa: ANN401
    """Build a section from (index, level, heading, parent, kind)."""
    index, level, heading, parent, kind = row
    return Section(index, level, heading, parent, _KINDS[kind])


def to_paragraph(row: ParagraphRow) -> Paragraph:
    """Build a paragraph from (number, text, kind, section, path, section_kind)."""
    number, text, kind, section, path, section_kind = row
    return Paragraph(number, text, kind, section, to_path(path), _KINDS[section_kind])


def to_chunk(row: Any) -> Chunk:  # noqa: ANN401
    """Build a chunk from its columns, in the order of ``Chunk``'s fields."""
    chunk_id, report_id, ordinal, spans, text, embedding_text, path, section_kind, tokens = row
    return Chunk(
        id=chunk_id,
        report_id=report_id,
        ordinal=ordinal,
        spans=tuple(Span(*span) for span in json.loads(spans)),
        text=text,
        embedding_text=embedding_text,
        path=to_path(path),
        section_kind=_KINDS[section_kind],
        tokens=tokens,
    )


def section_rows(report: Report) -> list[dict[str, Any]]:
    """Return the rows of a report's sections."""
    return [
        {
            "report_id": report.meta.id,
            "index": section.index,
            "level": section.level,
            "heading": section.heading,
            "parent": section.parent,
            "kind": section.kind.value,
        }
        for section in report.sections
    ]


def paragraph_rows(report: Report) -> list[dict[str, Any]]:
    """Return the rows of a report's paragraphs."""
    return [
        {
            "report_id": report.meta.id,
            "number": paragraph.number,
            "text": paragraph.text,
            "kind": paragraph.kind,
            "section": paragraph.section,
            "path": _json(paragraph.path),
            "section_kind": paragraph.section_kind.value,
        }
        for paragraph in report.paragraphs
    ]


def text_hash(text: str) -> int:
    """Return 64 bits that tell texts apart well enough to look them up by; equality is for the text itself to say."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def chunk_rows(chunks: Iterable[Chunk], first: int) -> list[dict[str, Any]]:
    """Return the rows of chunks, numbered from ``first`` on."""
    return [
        {
            "row": row,
            "id": chunk.id,
            "report_id": chunk.report_id,
            "ordinal": chunk.ordinal,
            "spans": json.dumps([[span.paragraph, span.start, span.end] for span in chunk.spans]),
            "text": chunk.text,
            "embedding_text": chunk.embedding_text,
            "path": _json(chunk.path),
            "section_kind": chunk.section_kind.value,
            "tokens": chunk.tokens,
            "text_hash": text_hash(chunk.embedding_text),
        }
        for row, chunk in enumerate(chunks, first)
    ]


def fact_rows(facts: Iterable[StatedFact]) -> list[dict[str, Any]]:
    """Return the rows of a report's facts; what the report's own row says is left out."""
    return [
        {"ordinal": ordinal, **{name: getattr(fact, name) for name in ("report_id", *FACT_COLUMNS)}}
        for ordinal, fact in enumerate(facts)
    ]


def to_fact(row: Any) -> StatedFact:  # noqa: ANN401
    """Build a fact from (report_id, office, region) and its own columns, in their order."""
    report_id, office, region, *own = row
    return StatedFact(report_id=report_id, office=office, region=region, **dict(zip(FACT_COLUMNS, own, strict=True)))


def to_bytes(vector: Matrix) -> bytes:
    """Return a vector as little-endian float32."""
    return vector.astype("<f4", copy=False).tobytes()


def to_matrix(vectors: bytes | bytearray, count: int, dimension: int) -> Matrix:
    """Return stored vectors, one after another, as a (count, dimension) matrix."""
    return np.frombuffer(vectors, dtype="<f4").reshape(count, dimension)


def _json(path: tuple[str, ...]) -> str:
    return json.dumps(path, ensure_ascii=False)


@lru_cache(maxsize=65_536)
def to_path(text: str) -> tuple[str, ...]:
    """Paragraphs of a section share their path, so it is parsed once."""
    return tuple(json.loads(text))
