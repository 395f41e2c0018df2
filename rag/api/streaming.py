"""Server-sent events: an answer as it is written."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Generator, Iterable
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import iterate_in_threadpool

from rag.api.problems import Kind, describe, problem_of
from rag.errors import RagError
from rag.serialising import answer_to_dict
from rag.types import Answer

HEARTBEAT_SECONDS = 15
"""A comment so often, so that no proxy cuts a connection on which nothing is said yet."""

_FAILED = Kind(500, "The answer broke off", "Ask again; the server's log says what is wrong.")
_LOG = logging.getLogger(__name__)


def event_stream(events: Generator[ServerSentEvent]) -> EventSourceResponse:
    """Return events as a response with heartbeats; they are made in a thread of their own."""
    return EventSourceResponse(
        _closed_at_the_end(events),
        ping=HEARTBEAT_SECONDS,
        ping_message_factory=lambda: ServerSentEvent(comment="heartbeat"),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _closed_at_the_end(events: Generator[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
    """Yield the events; a reader who leaves ends what makes them, rather than the collector of garbage some time."""
    try:
        async for event in iterate_in_threadpool(events):
            yield event
    finally:
        events.close()


def answer_events(pieces: Iterable[str | Answer], which: str) -> Generator[ServerSentEvent]:
    """Yield ``token`` events and a final ``answer``, or an ``error`` event with a problem."""
    try:
        for piece in pieces:
            if isinstance(piece, Answer):
                yield _event("answer", answer_to_dict(piece))
            else:
                yield _event("token", {"text": piece})
    except RagError as error:
        yield _event("error", problem_of(error, which).model_dump())
    except Exception:  # the response has begun, so this is the last place that can tell the reader
        _LOG.exception("a streamed answer failed")
        yield _event("error", describe(_FAILED, which, "Something failed that should not.").model_dump())


def _event(name: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data, ensure_ascii=False), event=name)
