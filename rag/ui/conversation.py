"""A conversation: what was asked and answered, as history for the next question and as HTML for the page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from rag.errors import GenerationError, RagError
from rag.types import Answer, Filters, Language, Route, Turn
from rag.ui.answers import answer_html, error_html, partial_html, question_html
from rag.ui.assistant import Assistant

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as shown; ``html`` is escaped already."""

    role: Literal["user", "assistant"]
    html: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Answered turns, and every message shown, failures included."""

    turns: tuple[Turn, ...] = ()
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A question as asked: restricted to ``filters``, answered by ``route`` unless None, on a page in ``language``."""

    question: str
    filters: Filters
    language: Language
    route: Route | None = None


def converse(assistant: Assistant, conversation: Conversation, request: Request) -> Iterator[Conversation]:
    """Ask a question and yield the conversation as the answer grows.

    A failure becomes a message in the conversation, never an exception; it leaves no turn in the history.
    """
    asked = replace(conversation, messages=(*conversation.messages, Message("user", question_html(request.question))))
    yield _with_reply(asked, partial_html("", request.language))
    try:
        yield from _answered(assistant, asked, request)
    except RagError as error:
        yield _with_reply(asked, error_html(error, request.language))
    except Exception as error:  # the page is the last boundary: the log gets the traceback, the reader a message
        _LOG.exception("A question failed: %.200r", request.question)
        yield _with_reply(asked, error_html(error, request.language))


def _answered(assistant: Assistant, asked: Conversation, request: Request) -> Iterator[Conversation]:
    text = ""
    pieces = assistant.stream(request.question, filters=request.filters, history=asked.turns, route=request.route)
    for piece in pieces:
        if isinstance(piece, Answer):
            turns = (*asked.turns, Turn(request.question, piece.answer))
            shown = answer_html(piece, request.filters, request.language, request.route)
            yield _with_reply(replace(asked, turns=turns), shown)
            return
        text += piece
        yield _with_reply(asked, partial_html(text, request.language))
    raise GenerationError("The answer broke off before it was complete; ask again.")


def _with_reply(conversation: Conversation, html: str) -> Conversation:
    return replace(conversation, messages=(*conversation.messages, Message("assistant", html)))
