"""Questions: answers, whole or streamed, and surveys."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from rag.api.dependencies import Library
from rag.api.problems import documented
from rag.api.replies import AnswerReply, SurveyReply
from rag.api.requests import AskRequest, SurveyRequest
from rag.api.streaming import answer_events, event_stream
from rag.pipeline import Rag
from rag.serialising import answer_to_dict
from rag.types import Answer, Route

_STREAM = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "properties": {"event": {"enum": ["token", "answer", "error"]}, "data": {"type": "string"}},
            "required": ["event", "data"],
        },
        "example": 'event: token\ndata: {"text": "已检索 36/36 份报告"}\n\nevent: answer\ndata: {"question": "…"}\n\n',
    }
}
_EVENTS = (
    "`token` events `{text}` while the answer is written, then one `answer` event with the whole answer, which is its "
    "verified form and replaces the tokens; or an `error` event with a problem. Lines that begin with a colon are "
    "heartbeats."
)

router = APIRouter(tags=["questions"])


@router.post(
    "/ask",
    response_model=AnswerReply,
    responses=documented(
        400,
        success={"description": f"The answer. With `Accept: text/event-stream`: {_EVENTS}", "content": _STREAM},
    ),
)
def ask(question: AskRequest, request: Request, rag: Library) -> Response:
    """Answer a question from the reports, with verbatim citations, or say that they do not say."""
    if "text/event-stream" in request.headers.get("accept", ""):
        return stream(question, request, rag)
    answer = rag.ask(
        question.question,
        filters=question.filters(),
        history=question.turns(),
        route=question.chosen_route(),
        extractive=question.extractive,
    )
    return JSONResponse(answer_to_dict(answer))


@router.post(
    "/ask/stream",
    response_class=Response,
    responses=documented(400, success={"description": _EVENTS, "content": _STREAM}),
)
def stream(question: AskRequest, request: Request, rag: Library) -> Response:
    """Answer a question piece by piece, as server-sent events."""
    pieces = rag.stream(
        question.question,
        filters=question.filters(),
        history=question.turns(),
        route=question.chosen_route(),
        extractive=question.extractive,
    )
    return event_stream(answer_events(pieces, request.url.path))


@router.post("/survey", response_model=SurveyReply, responses=documented(400))
def survey(question: SurveyRequest, rag: Library) -> Response:
    """Put a question to every report in scope; each gets a verdict with its evidence."""
    return JSONResponse(_survey(rag, question))


def _survey(rag: Rag, question: SurveyRequest) -> dict[str, Any]:
    answer = rag.ask(question.question, filters=question.filters(), route=Route.SURVEY)
    told = answer_to_dict(answer)
    return {
        **{name: told[name] for name in ("question", "answer", "refused")},
        "searched": answer.survey.searched if answer.survey else 0,
        "reports": answer.survey.reports if answer.survey else 0,
        "rows": _rows(answer, told),
        **{name: told[name] for name in ("engine", "notes")},
    }


def _rows(answer: Answer, told: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the survey's rows with their citations in place of the markers."""
    if answer.survey is None:
        return []
    by_marker = {citation["marker"]: citation for citation in told["citations"]}
    return [row | {"citations": [by_marker[marker] for marker in row["citations"]]} for row in told["survey"]["rows"]]
