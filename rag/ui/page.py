"""The chat page: the one module that knows Gradio."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from importlib.resources import files
from threading import Lock
from typing import Any

import gradio as gr
from fastapi import FastAPI

from rag.access import NOBODY, User, asked, current_user
from rag.errors import RagError, RateLimited
from rag.settings import Settings
from rag.types import Language, ReportMeta
from rag.ui.assistant import Assistant
from rag.ui.choices import AUTOMATIC, NOTHING_CHOSEN, Choices, inventory, known_choices, route_names
from rag.ui.conversation import Conversation, Request, converse
from rag.ui.examples import example_questions
from rag.ui.labels import reminder
from rag.ui.markup import escape, tag
from rag.ui.sources import hint_html, source_html
from rag.ui.texts import language_of, say
from rag.ui.theme import calm_theme
from rag.ui.tools import Tools

_CONCURRENT_QUESTIONS = 4  # per page; the others wait in Gradio's queue
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def create_app(assistant: Assistant, settings: Settings) -> gr.Blocks:
    """Build the chat page over anything that answers; serve it with :func:`mount_page`."""
    return ChatPage(assistant, settings).blocks


def mount_page(application: FastAPI, assistant: Assistant, settings: Settings) -> FastAPI:
    """Serve the page at ``/`` of a web application, and an MCP server at ``/gradio_api/mcp``; returns the application.

    Raises:
        RuntimeError: Gradio could not set the MCP server up.
    """
    blocks = create_app(assistant, settings)
    gr.mount_gradio_app(
        application,
        blocks,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        theme=calm_theme(),
        css=_resource("style.css"),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        mcp_server=True,
    )
    if not blocks.mcp_server:  # Gradio goes on without it and says nothing
        raise RuntimeError(f"The MCP server could not be set up: {blocks.mcp_error}")
    return application


def _resource(name: str) -> str:
    return (files("rag.ui") / name).read_text(encoding="utf-8")


class ChatPage:
    """Components of one page and what happens when they are used."""

    def __init__(self, assistant: Assistant, settings: Settings) -> None:
        self.assistant = assistant
        self.settings = settings
        self._examples: dict[tuple[Language, tuple[str, ...]], tuple[str, ...]] = {}
        self._examples_lock = Lock()  # several readers may open the page at once
        self.blocks: gr.Blocks = gr.Blocks(title=say("title", "zh"), analytics_enabled=False, fill_width=True)
        with self.blocks:
            self._lay_out()
            Tools(assistant).register()  # before the page's own events, which would take their names
            self._connect()
        self.blocks.queue(default_concurrency_limit=_CONCURRENT_QUESTIONS)

    def _lay_out(self) -> None:
        self.conversation = gr.State(Conversation())
        with gr.Row(elem_id="top"):
            self.header = gr.HTML(self._header("zh", ()), js_on_load=None, scale=1)
            self.language = gr.Radio(
                [("中文", "zh"), ("English", "en")], value="zh", show_label=False, container=False,
                label=f"{say('language', 'zh')} / {say('language', 'en')}",
                scale=0, min_width=170, elem_id="language",
            )  # fmt: skip
        with gr.Row(elem_id="main", equal_height=False):
            with gr.Column(scale=3, min_width=320, elem_id="talk"):
                self._lay_out_conversation()
            with gr.Column(scale=2, min_width=320, elem_id="side"):
                with gr.Row(elem_id="filters"):
                    self._lay_out_choices()
                self.source = self._source_panel()

    def _lay_out_choices(self) -> None:
        self.offices, self.years, self.regions = (
            gr.Dropdown(multiselect=True, elem_id=name, min_width=120) for name in ("offices", "years", "regions")
        )
        self.route = gr.Dropdown(route_names("zh"), value=AUTOMATIC, elem_id="route", min_width=120)
        self.chosen = [self.offices, self.years, self.regions, self.route]

    def _source_panel(self) -> gr.HTML:
        def open_source(request: dict[str, Any]) -> str:
            return source_html(self.assistant, request)

        return gr.HTML(
            hint_html("zh"), elem_id="source", js_on_load=_resource("page.js"), server_functions=[open_source]
        )

    def _lay_out_conversation(self) -> None:
        self.chat = gr.Chatbot(
            elem_id="chat", height="100%", show_label=False, buttons=[], latex_delimiters=[], layout="bubble",
            group_consecutive_messages=False,
            autoscroll=False,
        )  # fmt: skip
        with gr.Row(elem_id="scope", visible=False) as self.scope_row:
            self.scope = gr.HTML("", js_on_load=None, scale=1)
            self.clear_filters = gr.Button(size="sm", scale=0, min_width=96)
        self.question = gr.Textbox(
            elem_id="question", lines=1, max_lines=6, submit_btn=say("send", "zh"), show_label=False
        )

    def _connect(self) -> None:
        worded = [
            self.header, self.chat, self.question, *self.chosen, self.clear_filters, self.source, self.scope_row,
            self.scope,
        ]  # fmt: skip
        arrived = self.blocks.load(self.arrive, None, [self.language, *worded], **_QUIET)
        reworded = self.language.input(self.wording, [self.language, *self.chosen], worded, **_QUIET)
        for event in (arrived, reworded):
            # Examples are tried out first, which may take a moment; the page can be used meanwhile.
            event.then(self.offer_examples, self.language, self.chat, **_QUIET)
        for field in self.chosen:
            field.change(self.remind, [self.language, *self.chosen], [self.scope_row, self.scope], **_QUIET)
        self.clear_filters.click(lambda: NOTHING_CHOSEN, None, self.chosen, **_QUIET)
        asked = [self.conversation, self.language, *self.chosen]
        shown = [self.question, self.chat, self.conversation]
        self.question.submit(self.ask, [self.question, *asked], shown, **_QUIET)
        self.chat.example_select(self.ask_example, asked, shown, **_QUIET)
        self.chat.clear(Conversation, None, self.conversation, queue=False, **_QUIET)

    def arrive(self, request: gr.Request) -> tuple[Any, ...]:
        """Word the page for a browser that has just opened it."""
        language = language_of(request.headers.get("accept-language"))
        return language, *self.wording(language, request, *NOTHING_CHOSEN)

    def wording(
        self,
        language: Language,
        request: gr.Request | None,
        *chosen: Any,  # noqa: ANN401 - as Gradio gives them
    ) -> tuple[Any, ...]:
        """Return every component that shows words, in one language, over the reports now in the store."""
        reports = self._reports()
        known = known_choices(reports)
        return (
            self._header(language, reports, current_user(request)),
            self._chat_wording(language, reports),
            gr.Textbox(
                placeholder=say("question_hint", language),
                label=say("question", language),
                submit_btn=say("send", language),
                interactive=bool(reports),
            ),
            gr.Dropdown(choices=[(name, name) for name in known.offices], label=say("office", language)),
            gr.Dropdown(choices=[(str(year), year) for year in known.years], label=say("year", language)),
            gr.Dropdown(choices=[(name, name) for name in known.regions], label=say("region", language)),
            gr.Dropdown(choices=route_names(language), label=say("route", language)),
            gr.Button(say("filters_clear", language)),
            hint_html(language),
            *self.remind(language, *chosen),
        )

    def _reports(self) -> tuple[ReportMeta, ...]:
        try:
            return tuple(self.assistant.reports())
        except RagError:
            return ()

    def _header(self, language: Language, reports: Sequence[ReportMeta], user: User = NOBODY) -> str:
        heading = tag("h1", escape(say("title", language))) + tag("p", escape(inventory(reports, language)))
        if user.is_account:
            leave = tag("a", escape(say("log_out", language)), href="/logout")
            heading += tag("p", f"{escape(user.name)} · {leave}", class_="account")
        return tag(
            "div",
            heading,
            data_language=language,
            data_lost=say("error_connection", language),
        )

    def _chat_wording(self, language: Language, reports: Sequence[ReportMeta]) -> gr.Chatbot:
        label = say("conversation", language)
        if not reports:
            return gr.Chatbot(label=label, placeholder=self._empty_store(language), examples=[])
        welcome = tag("h2", escape(say("placeholder_title", language)))
        welcome += tag("p", escape(say("placeholder_body", language)))
        return gr.Chatbot(label=label, placeholder=welcome)

    def offer_examples(self, language: Language) -> gr.Chatbot:
        """Show questions that the reports now in the store answer."""
        examples: list[Any] = [{"text": question} for question in self._example_questions(language, self._reports())]
        return gr.Chatbot(examples=examples)

    def _empty_store(self, language: Language) -> str:
        command = f"python ingest.py PATH --store {shlex.quote(str(self.settings.store))}"
        explanation = tag("p", escape(say("empty_body", language))) + tag("pre", tag("code", escape(command)))
        return tag("h2", escape(say("empty_title", language))) + explanation

    def _example_questions(self, language: Language, reports: Sequence[ReportMeta]) -> tuple[str, ...]:
        key = (language, tuple(report.id for report in reports))
        with self._examples_lock:
            if key not in self._examples:
                self._examples = {known: made for known, made in self._examples.items() if known[1] == key[1]}
                self._examples[key] = example_questions(self.assistant, reports, language)
            return self._examples[key]

    def remind(self, language: Language, *chosen: Any) -> tuple[Any, Any]:  # noqa: ANN401 - as Gradio gives them
        """Show what is set for the next questions, or hide the reminder."""
        choices = Choices.read(*chosen)
        words = reminder(choices.filters, choices.route, language)
        return gr.Row(visible=bool(words)), tag("p", escape(words), role="status")

    def ask(
        self,
        question: str,
        conversation: Conversation,
        language: Language,
        request: gr.Request,
        *chosen: Any,  # noqa: ANN401 - as Gradio gives them
    ) -> Iterator[tuple[Any, Any, Conversation]]:
        """Answer a typed question, message by message."""
        if not question.strip():
            gr.Warning(say("error_empty", language), title=say("question", language), duration=4)
            yield "", gr.skip(), conversation
            return
        try:
            asked(request, question)
        except RateLimited as error:
            gr.Warning(say("error_limited", language, seconds=error.seconds), title=say("question", language))
            yield question, gr.skip(), conversation
            return
        choices = Choices.read(*chosen)
        put = Request(question, choices.filters, language, choices.route)
        for state in converse(self.assistant, conversation, put):
            yield "", _messages(state), state

    def ask_example(
        self,
        conversation: Conversation,
        language: Language,
        request: gr.Request,
        offices: list[str],
        years: list[int],
        regions: list[str],
        route: str,
        selected: gr.SelectData,
    ) -> Iterator[tuple[Any, Any, Conversation]]:
        """Answer the example question that was clicked."""
        yield from self.ask(selected.value["text"], conversation, language, request, offices, years, regions, route)


def _messages(conversation: Conversation) -> list[dict[str, Any]]:
    """Return the messages for ``gr.Chatbot``: HTML components, in which our escaped HTML keeps its attributes."""
    return [
        {"role": message.role, "content": gr.HTML(message.html, js_on_load=None, padding=False)}
        for message in conversation.messages
    ]
