"""The Chat Completions and Models endpoints as OpenAI's clients know them, answered from the reports."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Generator
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sse_starlette import ServerSentEvent
from starlette.exceptions import HTTPException

from rag.api.chat_requests import SOURCES, ChatRequest
from rag.api.dependencies import Library
from rag.api.problems import Problem, ProblemResponse, problem_of, validation_problem
from rag.api.streaming import event_stream
from rag.chunking import count_tokens
from rag.errors import RagError
from rag.pipeline import Rag
from rag.serialising import citation_to_dict
from rag.types import Answer, Citation, Route

MODEL = "rag"
"""The model that takes the route that a question's wording suggests; ``rag-survey`` and so on take theirs."""
MODELS: dict[str, Route | None] = {
    MODEL: None,
    **{f"{MODEL}-{route.value}": route for route in Route if route is not Route.REFUSED},
}
_STARTED = int(time.time())
_LOG = logging.getLogger(__name__)

router = APIRouter(tags=["OpenAI-compatible"])


class _Refusal(Exception):
    """A request that cannot be taken, as OpenAI's clients are told."""

    def __init__(self, status: int, message: str, parameter: str, code: str) -> None:
        super().__init__(message)
        self.status, self.parameter, self.code = status, parameter, code


@router.get("/models")
def models() -> dict[str, Any]:
    """List the models: `rag`, and one for every route that can be asked for."""
    return {"object": "list", "data": [_model(name) for name in MODELS]}


@router.get("/models/{name}")
def model(name: str) -> dict[str, Any]:
    """Describe a model."""
    _route(name)
    return _model(name)


@router.post("/chat/completions")
def complete(request: ChatRequest, rag: Library) -> Response:
    """Answer the last message from the reports; the earlier ones are its history."""
    route = _route(request.model)
    question = request.question()
    if not question:
        raise _Refusal(400, "The last message has to be a user's, with text.", "messages", "invalid_value")
    if request.stream:
        return event_stream(_chunks(rag, request, question, route))
    answer = _ask(rag, request, question, route)
    message = {
        "role": "assistant",
        "content": with_sources(answer),
        "refusal": None,
        "citations": [citation_to_dict(citation) for citation in answer.citations],
    }
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return JSONResponse(
        _head(request, "chat.completion") | {"choices": [choice], "usage": _usage(request, answer)} | _extra(answer)
    )


def with_sources(answer: Answer) -> str:
    """Return an answer's text with a list of its sources below."""
    if not answer.citations:
        return answer.answer
    listed = "\n".join(f"- [{citation.marker}] {_source(citation)}" for citation in answer.citations)
    return answer.answer.rstrip() + SOURCES.removesuffix("- [1] ") + listed


def _source(citation: Citation) -> str:
    place = " ".join(str(known) for known in (citation.office or citation.source, citation.year) if known)
    return f"{' > '.join((place, *citation.section))}: “{citation.quote}” ({citation.id})"


def _ask(rag: Rag, request: ChatRequest, question: str, route: Route | None) -> Answer:
    return rag.ask(question, filters=request.filters.filters(), history=request.turns(), route=route)


def _chunks(rag: Rag, request: ChatRequest, question: str, route: Route | None) -> Generator[ServerSentEvent]:
    """Yield the answer as chunks.

    A chat model's raw words are not passed on: a client cannot take back what verification then drops. Heartbeats
    bridge the wait.
    """
    head = _head(request, "chat.completion.chunk")
    yield _data(head | _delta({"role": "assistant", "content": ""}))
    try:
        answer = _ask(rag, request, question, route)
    except RagError as error:
        yield _data(_error(problem_of(error, "messages")))
        return
    except Exception:  # the response has begun, so this is the last place that can tell the client
        _LOG.exception("a streamed answer failed")
        yield _data({"error": {"message": "Something failed that should not.", "type": "server_error", "code": None}})
        return
    for line in with_sources(answer).splitlines(keepends=True):
        yield _data(head | _delta({"content": line}))
    citations = [citation_to_dict(citation) for citation in answer.citations]
    yield _data(head | _delta({"citations": citations}, "stop") | _extra(answer))
    if request.stream_options and request.stream_options.include_usage:
        yield _data(head | {"choices": [], "usage": _usage(request, answer)})
    yield ServerSentEvent("[DONE]")


def _head(request: ChatRequest, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": request.model,
    }


def _delta(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}]}


def _data(content: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(content, ensure_ascii=False))


def _extra(answer: Answer) -> dict[str, Any]:
    told = {"route": answer.route.value, "engine": answer.engine, "refused": answer.refused}
    return {"rag": told | {"notes": list(answer.notes)}}


def _usage(request: ChatRequest, answer: Answer) -> dict[str, int]:
    asked = sum(count_tokens(message.text()) for message in request.messages)
    said = count_tokens(with_sources(answer))
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _STARTED, "owned_by": "rag"}


def _route(name: str) -> Route | None:
    if name not in MODELS:
        raise _Refusal(404, f"There is no model {name!r}. GET /v1/models lists them.", "model", "model_not_found")
    return MODELS[name]


def add_error_handlers(application: FastAPI) -> None:
    """Tell every error in the form that OpenAI's clients read."""

    async def rag_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RagError)
        problem = problem_of(error, "messages")
        return ProblemResponse(_error(problem), problem.status, media_type="application/json")

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        problem = validation_problem(request, error)
        return ProblemResponse(_error(problem), problem.status, media_type="application/json")

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, _Refusal)
        told = {"message": str(error), "type": "invalid_request_error", "param": error.parameter, "code": error.code}
        return ProblemResponse({"error": told}, error.status, media_type="application/json")

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        told = {"message": str(error.detail), "type": "invalid_request_error", "param": None, "code": None}
        return ProblemResponse({"error": told}, error.status_code, error.headers, media_type="application/json")

    application.add_exception_handler(RagError, rag_error)
    application.add_exception_handler(RequestValidationError, invalid)
    application.add_exception_handler(_Refusal, refused)
    application.add_exception_handler(HTTPException, http)


def _error(problem: Problem) -> dict[str, Any]:
    kind = "invalid_request_error" if problem.status < 500 else "server_error"
    return {"error": {"message": problem.detail, "type": kind, "param": problem.which, "code": None}}
