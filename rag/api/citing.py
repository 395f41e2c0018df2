"""Citations opened, quotes found, figures listed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from rag.api.dependencies import Library
from rag.api.problems import documented
from rag.api.replies import CITATION, CitedReply, FactsReply, FindReply
from rag.api.requests import Name, Text, Year
from rag.fact_listing import fact_to_dict, facts_to_csv
from rag.serialising import cited_paragraph_to_dict, quote_match_to_dict
from rag.types import Filters

CSV = "text/csv"
_ID_FORM: dict[str, Any] = {  # checked by the library
    "pattern": r"^[0-9a-f]{12}-p[1-9][0-9]{0,8}-s(0|[1-9][0-9]{0,8})-e[1-9][0-9]{0,8}$"
}

router = APIRouter(tags=["evidence"])


@router.get("/cite/{citation_id}", response_model=CitedReply, responses=documented(400, 404))
def cite(
    citation_id: Annotated[
        str,
        Path(max_length=200, description="From an answer", examples=[CITATION["id"]], json_schema_extra=_ID_FORM),
    ],
    rag: Library,
) -> Response:
    """Open a citation: its quote, its paragraph in the report, the headings over it and its neighbours."""
    return JSONResponse(cited_paragraph_to_dict(rag.cite(citation_id)))


@router.get("/find", response_model=FindReply, responses=documented(400))
def find(
    quote: Annotated[Text, Query(description="Words of a report", examples=["不具备行政执法权"])], rag: Library
) -> Response:
    """Find where a quote stands, exactly or but for width, punctuation and simplified or traditional script."""
    return JSONResponse({"quote": quote, "matches": [quote_match_to_dict(match) for match in rag.find(quote)]})


@router.get(
    "/facts",
    response_model=FactsReply,
    responses=documented(400, success={"content": {CSV: {"schema": {"type": "string"}}}}),
)
def facts(
    request: Request,
    rag: Library,
    office: Annotated[list[Name], Query(description="Office, short or long; repeatable")] = [],  # noqa: B006 - FastAPI copies it
    region: Annotated[list[Name], Query(description="Region; repeatable")] = [],  # noqa: B006
    year: Annotated[list[Year], Query(description="The year that the figures are for; repeatable")] = [],  # noqa: B006
    indicator: Annotated[str, Query(max_length=200, description="What is counted, in these or other words")] = "",
    format: Annotated[Literal["json", "csv"] | None, Query(description="Instead of the header Accept")] = None,
    limit: Annotated[int, Query(ge=1, le=100_000, description="Figures returned at most")] = 1000,
    offset: Annotated[int, Query(ge=0, le=10_000_000, description="Figures passed over")] = 0,
) -> Response:
    """List the figures that the reports state, each with unit, year and citation, as JSON or CSV."""
    found = rag.facts(Filters(offices=tuple(office), regions=tuple(region), years=tuple(year)), indicator)
    chosen = found[offset : offset + limit]
    if format == "csv" or (format is None and CSV in request.headers.get("accept", "")):
        return Response(facts_to_csv(chosen) + "\n", media_type=f"{CSV}; charset=utf-8")
    return JSONResponse({"total": len(found), "facts": [fact_to_dict(fact) for fact in chosen]})
