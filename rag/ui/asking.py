"""What happens when a question is sent, retried, edited or stopped, as Gradio calls it."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import gradio as gr

from rag.access import asked
from rag.errors import RateLimited
from rag.types import Language
from rag.ui.choices import Choices
from rag.ui.conversation import Conversation, Request
from rag.ui.keeping import Reader
from rag.ui.sidebar import Sidebar
from rag.ui.texts import say

Shown = tuple[Any, ...]
"""The question box, the messages, the conversation, the list of conversations."""


class Asking:
    """Events of one page; ``chosen`` is what is set beside the question."""

    def __init__(self, reader_of: Callable[[gr.Request], Reader], sidebar: Sidebar) -> None:
        self._reader_of = reader_of
        self._sidebar = sidebar
        self._stopping: dict[str, Event] = {}  # by session; a page has one answer under way

    def ask(
        self,
        visit: gr.Request,
        question: str,
        conversation: Conversation,
        language: Language,
        *chosen: Any,  # noqa: ANN401 - as Gradio gives them
    ) -> Iterator[Shown]:
        """Answer a typed question, message by message."""
        yield from self._answer(visit, question, conversation, language, Choices.read(*chosen))

    def ask_example(
        self,
        visit: gr.Request,
        selected: gr.SelectData,
        conversation: Conversation,
        language: Language,
        *chosen: Any,  # noqa: ANN401
    ) -> Iterator[Shown]:
        """Answer the example question that was clicked."""
        yield from self._answer(visit, selected.value["text"], conversation, language, Choices.read(*chosen))

    def retry(
        self,
        visit: gr.Request,
        conversation: Conversation,
        language: Language,
        *chosen: Any,  # noqa: ANN401
    ) -> Iterator[Shown]:
        """Answer the last question anew, with what is chosen now."""
        if conversation.exchanges:
            question = conversation.exchanges[-1].request.question
            yield from self._answer(visit, question, conversation, language, Choices.read(*chosen), again=True)

    def edit(
        self,
        visit: gr.Request,
        edited: gr.EditData,
        conversation: Conversation,
        language: Language,
        *chosen: Any,  # noqa: ANN401
    ) -> Iterator[Shown]:
        """Answer the last question in its new words; an earlier one is asked at the end, so that no answer is lost."""
        index = edited.index if isinstance(edited.index, int) else edited.index[0]
        again = index // 2 == len(conversation.exchanges) - 1  # each exchange is a question and a reply
        question = html.unescape(str(edited.value))  # messages hold questions as escaped text
        yield from self._answer(visit, question, conversation, language, Choices.read(*chosen), again=again)

    def _answer(
        self,
        visit: gr.Request,
        question: str,
        conversation: Conversation,
        language: Language,
        choices: Choices,
        *,
        again: bool = False,
    ) -> Iterator[Shown]:
        if not question.strip():
            gr.Warning(say("error_empty", language), title=say("question", language), duration=4)
            yield gr.Textbox(value=""), messages_of(conversation, language), conversation, gr.skip()
            return
        if self._is_answering(visit):
            gr.Warning(say("error_answering", language), title=say("question", language))
            yield gr.Textbox(value=question), gr.skip(), gr.skip(), gr.skip()
            return
        try:
            asked(visit, question)
        except RateLimited as error:
            gr.Warning(say("error_limited", language, seconds=error.seconds), title=say("question", language))
            yield gr.Textbox(value=question), messages_of(conversation, language), conversation, gr.skip()
            return
        reader = self._reader_of(visit)
        request = Request(question, choices.filters, language, choices.route, choices.extractive)
        box: Any = question_box(language, asking=True)
        listed: Any = None
        with self._stoppable(visit) as stopping:
            for state in reader.ask(conversation, request, stopping, again=again):
                growing = state.exchanges[-1].growing
                if not growing:
                    self._end(visit, stopping)  # the page may ask on as soon as it has the whole answer
                if listed is None or not growing:
                    listed = self._sidebar.html(reader, state.id, "", language)
                yield box if growing else question_box(language), messages_of(state, language), state, listed
                box = listed = gr.skip()

    @contextmanager
    def _stoppable(self, visit: gr.Request) -> Iterator[Event]:
        """Hold what stops the answer that a page is being given."""
        stopping = Event()
        self._stopping[visit.session_hash or ""] = stopping
        try:
            yield stopping
        finally:
            self._end(visit, stopping)

    def _is_answering(self, visit: gr.Request) -> bool:
        return (visit.session_hash or "") in self._stopping

    def _end(self, visit: gr.Request, stopping: Event) -> None:
        if self._stopping.get(visit.session_hash or "") is stopping:
            del self._stopping[visit.session_hash or ""]

    def stop(self, visit: gr.Request) -> None:
        """Leave the answer under way as far as it has come; the event that gives it then ends by itself."""
        if stopping := self._stopping.get(visit.session_hash or ""):
            stopping.set()


def question_box(language: Language, *, asking: bool = False) -> gr.Textbox:
    """Return the question box with the button that there is use for; only a question that is sent is taken out."""
    if asking:
        return gr.Textbox(value="", submit_btn=False, stop_btn=say("stop", language))
    return gr.Textbox(submit_btn=say("send", language), stop_btn=False)


def messages_of(conversation: Conversation, language: Language) -> list[dict[str, Any]]:
    """Return the messages for ``gr.Chatbot``: answers as components, in which our escaped HTML keeps its attributes."""
    return [
        {"role": message.role, "content": message.html if message.role == "user" else _component(message.html)}
        for message in conversation.messages(language)
    ]


def _component(content: str) -> gr.HTML:
    return gr.HTML(content, js_on_load=None, padding=False)
