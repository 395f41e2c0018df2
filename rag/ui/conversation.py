"""A conversation: what was asked and answered, as history for the next question and as HTML for the page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from rag.errors import GenerationError, RagError
from rag.types import Answer, Filters, Language, Turn
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


def converse(
    assistant: Assistant, conversation: Conversation, question: str, filters: Filters, language: Language
) -> Iterator[Conversation]:
    """Ask a question and yield the conversation as the answer grows.

    A failure becomes a message in the conversation, never an exception; it leaves no turn in the history.
    """
    asked = replace(conversation, messages=(*conversation.messages, Message("user", question_html(question))))
    yield _with_reply(asked, partial_html("", language))
    try:
        yield from _answered(assistant, asked, question, filters, language)
    except RagError as error:
        yield _with_reply(asked, error_html(error, language))
    except Exception as error:  # the page is the last boundary: the log gets the traceback, the reader a message
        _LOG.exception("A question failed: %.200r", question)
        yield _with_reply(asked, error_html(error, language))


def _answered(
    assistant: Assistant, asked: Conversation, question: str, filters: Filters, language: Language
) -> Iterator[Conversation]:
    text = ""
    for piece in assistant.stream(question, filters=filters, history=asked.turns):
        if isinstance(piece, Answer):
            turns = (*asked.turns, Turn(question, piece.answer))
            yield _with_reply(replace(asked, turns=turns), answer_html(piece, filters, language))
            return
        text += piece
        yield _with_reply(asked, partial_html(text, language))
    raise GenerationError("The answer broke off before it was complete; ask again.")


def _with_reply(conversation: Conversation, html: str) -> Conversation:
    return replace(conversation, messages=(*conversation.messages, Message("assistant", html)))
