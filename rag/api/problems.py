"""Errors as RFC 9457 problem details: what happened, to which part of the request, and what to do next."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from rag.errors import (
    CitationError,
    FileTooLarge,
    LoadError,
    MalformedCitation,
    MetadataError,
    QuestionError,
    RagError,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
    UnsupportedFormat,
)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 10
_LOG = logging.getLogger(__name__)


class FieldProblem(BaseModel):
    """One unusable part of a request."""

    where: str = Field(description="Where in the request", examples=["body.years.0"])
    problem: str = Field(examples=["Input should be a valid integer"])


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:rag:problem:not-found",
                    "title": "Not in the store",
                    "status": 404,
                    "detail": "No report '3f9ac1d2b07e'. `python -m rag reports` lists the reports.",
                    "what": "Not in the store",
                    "which": "/api/v1/reports/3f9ac1d2b07e",
                    "next": "List the reports with GET /api/v1/reports, or find a quote with GET /api/v1/find.",
                    "errors": [],
                }
            ]
        }
    )

    type: str = Field(description="Kind of problem, as a URN")
    title: str
    status: int
    detail: str
    what: str = Field(description="What happened")
    which: str = Field(description="The part of the request that it happened to")
    next: str = Field(description="What to do")
    errors: list[FieldProblem] = Field(default=[], description="Each unusable field")


class Kind(NamedTuple):
    """A kind of problem: status, title, advice."""

    status: int
    title: str
    advice: str


_UNUSABLE = Kind(422, "Unusable request", "Correct what `errors` names; /api/v1/docs describes every field.")
_KINDS: tuple[tuple[type[RagError], Kind], ...] = (
    (
        MalformedCitation,
        Kind(400, "Not a citation id", "Take an id from an answer's citations, or find a quote with GET /api/v1/find."),
    ),
    (
        CitationError,
        Kind(
            404,
            "Not in the store",
            "List the reports with GET /api/v1/reports, or find a quote with GET /api/v1/find.",
        ),
    ),
    (QuestionError, Kind(422, "Not a question that can be answered", "Shorten the question, or ask another.")),
    (FileTooLarge, Kind(413, "File too large", "Send a smaller file.")),
    (UnsupportedFormat, Kind(415, "Format not supported", "Send .txt, .md, .html, .docx or .pdf.")),
    (LoadError, Kind(422, "File cannot be read", "Mend the file as `detail` says, then send it again.")),
    (MetadataError, Kind(422, "Metadata cannot be read", "Mend the table as `detail` says, then send it again.")),
    (
        StoreFull,
        Kind(507, "The server's disk is full", "Ask whoever runs the server to free some space, then send it again."),
    ),
    (
        StoreReadOnly,
        Kind(503, "The reports can be read, not changed", "Ask whoever runs the server to let it write its store."),
    ),
    (StoreLocked, Kind(409, "The store is being written", "Wait for the other program to finish, then try again.")),
)
"""The one place where errors get their status; the first class that fits counts."""
_UNAVAILABLE = Kind(503, "The service cannot answer now", "Try again later; the server's log says what is wrong.")
_STATUS_ADVICE = {
    400: "Correct the request; /api/v1/docs describes it.",
    404: "See /api/v1/docs for the addresses there are.",
    405: "Use a method that the header Allow names.",
    413: "Send less at a time.",
    415: "Set the header Content-Type to what /api/v1/docs names for this address.",
    429: "Wait as long as the header Retry-After says.",
}


def kind_of(error: RagError) -> Kind:
    """Return what kind of problem an error is; faults of the server itself are 503."""
    return next((kind for error_class, kind in _KINDS if isinstance(error, error_class)), _UNAVAILABLE)


def problem_of(error: RagError, which: str) -> Problem:
    """Describe an error; the text of a server's own fault goes to its log, since it may name its folders."""
    kind = kind_of(error)
    if kind.status < 500 and not isinstance(error, StoreLocked):
        return describe(kind, which, str(error))
    _LOG.warning("%s: %s", type(error).__name__, error)
    return describe(kind, which, kind.title + ".")


def describe(kind: Kind, which: str, detail: str, errors: Sequence[FieldProblem] = ()) -> Problem:
    """Put a problem together."""
    name = HTTPStatus(kind.status).phrase.lower().replace(" ", "-")
    return Problem(
        type=f"urn:rag:problem:{name}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        what=kind.title,
        which=which,
        next=kind.advice,
        errors=list(errors),
    )


class ProblemResponse(JSONResponse):
    """A problem as a response; half a surrogate pair, which may come in with a request, goes out as its escape."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - JSON values
        """Return the bytes."""
        return json.dumps(content, ensure_ascii=False).encode(errors="backslashreplace")


def respond(problem: Problem, headers: dict[str, str] | None = None, **extra: Any) -> ProblemResponse:  # noqa: ANN401
    """Return a problem as a response, with further members if any."""
    sent = dict(headers or {})
    if problem.status in (409, 429, 503):
        sent.setdefault("Retry-After", str(RETRY_SECONDS))
    return ProblemResponse(problem.model_dump() | extra, problem.status, sent)


def documented(*statuses: int, success: dict[str, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI descriptions of problems with these statuses, and of what success adds to the usual."""
    schema = {"$ref": "#/components/schemas/Problem"}
    described: dict[int | str, dict[str, Any]] = {200: success} if success else {}
    for status in (*statuses, 413, 415, 422, 429, 503):
        described[status] = {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
    return described


def add_problem_handlers(application: FastAPI) -> None:
    """Turn every error of an application into a problem."""

    async def rag_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RagError)
        return respond(problem_of(error, request.url.path))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return respond(validation_problem(request, error))

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        advice = _STATUS_ADVICE.get(error.status_code, _UNUSABLE.advice)
        kind = Kind(error.status_code, HTTPStatus(error.status_code).phrase, advice)
        return respond(describe(kind, request.url.path, str(error.detail)), dict(error.headers or {}))

    async def unexpected(request: Request, error: Exception) -> Response:
        kind = Kind(500, "Internal error", _UNAVAILABLE.advice)
        return respond(describe(kind, request.url.path, "Something failed that should not."))

    application.add_exception_handler(RagError, rag_error)
    application.add_exception_handler(RequestValidationError, invalid)
    application.add_exception_handler(HTTPException, refused)
    application.add_exception_handler(Exception, unexpected)


def validation_problem(request: Request, error: RequestValidationError) -> Problem:
    """Describe a request that does not fit its model: wrong type of body, broken JSON, or unusable fields."""
    found = [FieldProblem(where=".".join(map(str, item["loc"])), problem=item["msg"]) for item in error.errors()]
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    wanted = _wanted_type(request)
    if request.method == "POST" and not _is_a(sent, wanted):
        kind = Kind(415, "Content type not supported", f"Set the header Content-Type to {wanted}.")
        return describe(kind, "header.content-type", f"The body is {sent or 'of no type'!r}.", found)
    if any(item["type"] == "json_invalid" for item in error.errors()):
        kind = Kind(400, "Not JSON", "Send a JSON object in UTF-8.")
        return describe(kind, "body", found[0].problem, found)
    detail = "; ".join(f"{item.where}: {item.problem}" for item in found)
    return describe(_UNUSABLE, ", ".join(item.where for item in found), detail, found)


def _wanted_type(request: Request) -> str:
    return "multipart/form-data" if request.url.path.endswith("/reports") else "application/json"


def _is_a(sent: str, wanted: str) -> bool:
    return sent == wanted or (wanted == "application/json" and sent.endswith("+json"))
