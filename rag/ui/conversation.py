"""A conversation: what was asked and answered, as history for the next question and as messages for the page."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Literal

from rag.conversations import ChangedCitation
from rag.errors import GenerationError, RagError
from rag.feedback import Rating
from rag.types import Answer, Filters, Language, Route, Turn
from rag.ui.answers import answer_html, error_html, partial_html, stopped_html
from rag.ui.assistant import Assistant
from rag.ui.feet import foot_html, unkept_html
from rag.ui.interruption import until_stopped

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """A question as asked on a page in ``language``.

    Attributes:
        question: As typed.
        filters: What it is restricted to.
        language: The page's.
        route: How to answer; None: as the wording suggests.
        extractive: True to answer without the chat model.
    """

    question: str
    filters: Filters
    language: Language
    route: Route | None = None
    extractive: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and what became of it.

    Attributes:
        request: The question as asked.
        turn: Its id in the store of conversations, empty where it is not kept.
        answer: The finished answer.
        partial: What is written so far, or was when it was stopped.
        growing: True while the answer is being written.
        failure: Why there is no answer.
        changed: Citations whose report has changed since, by id.
        rating: What the reader made of the answer.
        unkept: Why it is not kept, empty where it is.
    """

    request: Request
    turn: str = ""
    answer: Answer | None = None
    partial: str = ""
    growing: bool = False
    failure: Exception | None = None
    changed: Mapping[str, ChangedCitation] = field(default_factory=dict)
    rating: Rating | None = None
    unkept: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as shown: a question as escaped text, which Gradio lets be edited, or an answer as HTML."""

    role: Literal["user", "assistant"]
    html: str


@dataclass(frozen=True, slots=True, eq=False)  # told apart by identity: Gradio hashes states, answers hold dictionaries
class Conversation:
    """What was asked and answered, oldest first.

    Attributes:
        id: Its id in the store of conversations, empty where it is not kept (yet).
        exchanges: Questions with their answers.
    """

    id: str = ""
    exchanges: tuple[Exchange, ...] = ()

    @property
    def history(self) -> tuple[Turn, ...]:
        """The answered questions, for the next one to refer to."""
        return tuple(Turn(each.request.question, each.answer.answer) for each in self.exchanges if each.answer)

    def messages(self, language: Language) -> tuple[Message, ...]:
        """Return every message, failures included, in the words of one language."""
        return tuple(
            message
            for each in self.exchanges
            for message in (
                Message("user", html.escape(each.request.question, quote=False)),
                Message("assistant", reply_html(self.id, each, language)),
            )
        )


def reply_html(conversation: str, exchange: Exchange, language: Language) -> str:
    """Return what stands below a question."""
    if exchange.answer:
        request = exchange.request
        shown = answer_html(exchange.answer, request.filters, language, request.route, exchange.changed, exchange.turn)
        if exchange.unkept:
            return shown + unkept_html(exchange.unkept, language)
        return shown + foot_html(conversation, exchange.turn, exchange.rating, language)
    if exchange.failure:
        return error_html(exchange.failure, language)
    return partial_html(exchange.partial, language) if exchange.growing else stopped_html(exchange.partial, language)


def converse(
    assistant: Assistant,
    conversation: Conversation,
    request: Request,
    turn: str = "",
    stopping: Event | None = None,
) -> Iterator[Conversation]:
    """Ask a question and yield the conversation as the answer grows.

    A failure becomes a message in the conversation, never an exception; it leaves no turn in the history.

    Args:
        assistant: Answers.
        conversation: What was said before.
        request: The question.
        turn: Its id in the store of conversations.
        stopping: Set when the reader wants no more; what is written then stays, unfinished.
    """
    stopping = stopping or Event()
    asked = Exchange(request, turn, growing=True)
    yield _with(conversation, asked)
    try:
        for exchange in _answered(assistant, conversation, asked, stopping):
            yield _with(conversation, exchange)
    except RagError as error:
        yield _with(conversation, replace(asked, growing=False, failure=error))
    except Exception as error:  # the page is the last boundary: the log gets the traceback, the reader a message
        _LOG.exception("A question failed: %.200r", request.question)
        yield _with(conversation, replace(asked, growing=False, failure=error))


def _answered(assistant: Assistant, conversation: Conversation, asked: Exchange, stopping: Event) -> Iterator[Exchange]:
    request = asked.request
    history = conversation.history

    def pieces() -> Iterator[str | Answer]:
        return assistant.stream(
            request.question,
            filters=request.filters,
            history=history,
            route=request.route,
            extractive=request.extractive,
        )

    text = ""
    for piece in until_stopped(pieces, stopping):
        if isinstance(piece, Answer):
            yield replace(asked, growing=False, answer=piece, partial="")
            return
        text += piece
        yield replace(asked, partial=text)
    if not stopping.is_set():
        raise GenerationError("The answer broke off before it was complete; ask again.")
    yield replace(asked, growing=False, partial=text)


def _with(conversation: Conversation, exchange: Exchange) -> Conversation:
    return replace(conversation, exchanges=(*conversation.exchanges, exchange))
