"""Answers and citations as the JSON that scripts read; the contract stands in ``docs/answer.md``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from rag.catalog import InventoryRow
from rag.terminal import missing_years
from rag.types import Answer, Citation, CitedParagraph, Paragraph, QuoteMatch, Report, ReportMeta


def answer_to_dict(answer: Answer) -> dict[str, Any]:
    """Return an answer as the JSON contract has it."""
    return {
        "question": answer.question,
        "language": answer.language,
        "route": answer.route.value,
        "answer": answer.answer,
        "refused": answer.refused,
        "citations": [citation_to_dict(citation) for citation in answer.citations],
        "contexts": [
            {
                "report_id": context.report.id,
                "paragraph": context.paragraph.number,
                "text": context.paragraph.text,
                "source": context.report.source,
                "score": context.score,
            }
            for context in answer.contexts
        ],
        "survey": _plain(asdict(answer.survey)) if answer.survey else None,
        "facts": [_plain(asdict(fact)) for fact in answer.facts],
        "engine": answer.engine,
        **({"statements": asdict(answer.statements)} if answer.statements else {}),
        "notes": list(answer.notes),
        "elapsed_ms": dict(answer.elapsed_ms),
    }


def citation_to_dict(citation: Citation) -> dict[str, Any]:
    """Return a citation as JSON."""
    return dict(_plain(asdict(citation)))


def cited_paragraph_to_dict(cited: CitedParagraph) -> dict[str, Any]:
    """Return an opened citation as JSON."""
    return {
        "citation": citation_to_dict(cited.citation),
        "report": report_to_dict(cited.report),
        "headings": list(cited.paragraph.path),
        "paragraph": _paragraph(cited.paragraph),
        "before": [_paragraph(paragraph) for paragraph in cited.before],
        "after": [_paragraph(paragraph) for paragraph in cited.after],
    }


def quote_match_to_dict(match: QuoteMatch) -> dict[str, Any]:
    """Return a place where a quote stands as JSON."""
    return {"match": match.match, "citation": citation_to_dict(match.citation)}


def report_to_dict(meta: ReportMeta) -> dict[str, Any]:
    """Return a report's metadata as JSON."""
    return dict(_plain(asdict(meta)))


def whole_report_to_dict(report: Report) -> dict[str, Any]:
    """Return a report with its headings and paragraphs as JSON."""
    return {
        "report": report_to_dict(report.meta),
        "sections": [_plain(asdict(section)) for section in report.sections],
        "paragraphs": [
            _paragraph(paragraph) | {"section_kind": paragraph.section_kind.value} for paragraph in report.paragraphs
        ],
    }


def _paragraph(paragraph: Paragraph) -> dict[str, Any]:
    return {
        "number": paragraph.number,
        "text": paragraph.text,
        "kind": paragraph.kind,
        "section": list(paragraph.path),
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON values
    """Turn tuples, dates and enumerations into what JSON has."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return value


def inventory_to_dict(rows: Sequence[InventoryRow]) -> dict[str, Any]:
    """Return the inventory as JSON: reports, and the years missing between an office's first and last."""
    reports = [
        report_to_dict(row.meta)
        | {"path": row.path, "paragraphs": row.paragraphs, "chunks": row.chunks, "duplicates": list(row.duplicates)}
        for row in rows
    ]
    missing = [{"office": office, "year": year} for office, year in missing_years([row.meta for row in rows])]
    return {"reports": reports, "missing_years": missing}
