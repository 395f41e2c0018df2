"""Answers read back from the JSON that ``rag.serialising`` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rag.types import (
    Answer,
    Citation,
    Context,
    Fact,
    Filters,
    Paragraph,
    ReportMeta,
    Route,
    SectionKind,
    StatementCheck,
    Survey,
    SurveyRow,
    Verdict,
)


def answer_from_dict(data: Mapping[str, Any]) -> Answer:
    """Return the answer that ``answer_to_dict`` wrote.

    The JSON names no more of a context than its report, paragraph and text; the rest of it is left unknown.
    """
    return Answer(
        question=data["question"],
        language=data["language"],
        route=Route(data["route"]),
        answer=data["answer"],
        refused=data["refused"],
        citations=tuple(_citation(item) for item in data["citations"]),
        contexts=tuple(_context(item) for item in data["contexts"]),
        survey=_survey(data["survey"]) if data["survey"] else None,
        facts=tuple(Fact(**item) for item in data["facts"]),
        engine=data["engine"],
        notes=tuple(data["notes"]),
        elapsed_ms=dict(data["elapsed_ms"]),
        statements=StatementCheck(**data["statements"]) if data.get("statements") else None,
    )


def filters_to_dict(filters: Filters) -> dict[str, Any]:
    """Return filters as JSON, without those that restrict nothing."""
    return {name: list(values) for name, values in asdict(filters).items() if values}


def filters_from_dict(data: Mapping[str, Any]) -> Filters:
    """Return the filters that ``filters_to_dict`` wrote."""
    return Filters(
        offices=tuple(data.get("offices", ())),
        regions=tuple(data.get("regions", ())),
        years=tuple(data.get("years", ())),
        section_kinds=tuple(SectionKind(kind) for kind in data.get("section_kinds", ())),
        reports=tuple(data.get("reports", ())),
    )


def _citation(item: Mapping[str, Any]) -> Citation:
    return Citation(**{**item, "section": tuple(item["section"])})


def _context(item: Mapping[str, Any]) -> Context:
    paragraph = Paragraph(item["paragraph"], item["text"], "body", None, (), SectionKind.OTHER)
    return Context(ReportMeta(item["report_id"], item["source"]), paragraph, item["score"])


def _survey(data: Mapping[str, Any]) -> Survey:
    rows = (
        SurveyRow(**{**row, "verdict": Verdict(row["verdict"]), "citations": tuple(row["citations"])})
        for row in data["rows"]
    )
    return Survey(data["searched"], data["reports"], tuple(rows))
