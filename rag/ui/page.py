"""The chat page: the one module that knows Gradio."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from threading import Lock
from typing import Any

import gradio as gr
from fastapi import FastAPI, Request

from rag.access import NOBODY, User, current_user
from rag.conversations import Conversations
from rag.errors import ConversationError, RagError, UnknownConversation
from rag.resources import read_text
from rag.settings import Settings
from rag.types import Language, ReportMeta
from rag.ui.asking import Asking, messages_of, question_box
from rag.ui.assistant import Assistant
from rag.ui.choices import AUTOMATIC, NOTHING_CHOSEN, Choices, Fields, inventory, kind_names, known_choices, route_names
from rag.ui.conversation import Conversation
from rag.ui.downloads import downloads
from rag.ui.examples import example_questions
from rag.ui.keeping import Reader
from rag.ui.labels import reminder
from rag.ui.markup import escape, tag
from rag.ui.sidebar import Sidebar
from rag.ui.sources import hint_html, source_html
from rag.ui.texts import language_of, say
from rag.ui.theme import calm_theme
from rag.ui.tools import Tools
from rag.ui.visitors import RememberBrowser, UserOf, nobody, owner_of, request_of

_CONCURRENT_QUESTIONS = 4  # in all; the others wait in Gradio's queue
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# "multiple": Gradio's "once" drops a question without a word while it takes the answer before to be under way.
_ASKING: dict[str, Any] = {
    **_QUIET, "concurrency_id": "ask", "concurrency_limit": _CONCURRENT_QUESTIONS, "trigger_mode": "multiple"
}  # fmt: skip


def create_app(
    assistant: Assistant,
    settings: Settings,
    conversations: Conversations | None = None,
    user_of: UserOf = nobody,
) -> gr.Blocks:
    """Build the chat page over anything that answers; serve it with :func:`mount_page`.

    Args:
        assistant: Answers.
        settings: The settings.
        conversations: Where questions and answers are kept; None: until the page is gone.
        user_of: Tells who sent a request, empty where accounts are off.
    """
    return ChatPage(assistant, settings, conversations, user_of).blocks


def mount_page(
    application: FastAPI,
    assistant: Assistant,
    settings: Settings,
    conversations: Conversations | None = None,
    user_of: UserOf = nobody,
) -> FastAPI:
    """Serve the page at ``/`` of a web application, and an MCP server at ``/gradio_api/mcp``; returns the application.

    Raises:
        RuntimeError: Gradio could not set the MCP server up.
    """
    page = ChatPage(assistant, settings, conversations, user_of)
    application.add_middleware(RememberBrowser)
    application.include_router(downloads(page.reader))
    blocks = page.blocks
    gr.mount_gradio_app(
        application,
        blocks,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        theme=calm_theme(),
        css=read_text("rag.ui", "style.css"),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        mcp_server=True,
    )
    if not blocks.mcp_server:  # Gradio goes on without it and says nothing
        raise RuntimeError(f"The MCP server could not be set up: {blocks.mcp_error}")
    return application


def _elsewhere(language: Language) -> str:
    """Return links to the pages beside the chat, as one HTML text."""
    places = (("/reports", "elsewhere_reports"), ("/evaluation", "elsewhere_evaluation"))
    return " ".join(tag("a", escape(say(key, language)), href=f"{path}?lang={language}") for path, key in places)


class ChatPage:
    """Components of one page and what happens when they are used."""

    def __init__(
        self,
        assistant: Assistant,
        settings: Settings,
        conversations: Conversations | None = None,
        user_of: UserOf = nobody,
    ) -> None:
        self.assistant = assistant
        self.settings = settings
        self.conversations = conversations or Conversations.temporary()
        self._user_of = user_of
        self._examples: dict[tuple[Language, tuple[str, ...]], tuple[str, ...]] = {}
        self._examples_lock = Lock()  # several readers may open the page at once
        self.blocks: gr.Blocks = gr.Blocks(title=say("title", "zh"), analytics_enabled=False, fill_width=True)
        with self.blocks:
            self._lay_out()
            Tools(assistant).register()  # before the page's own events, which would take their names
            self._connect()
        self.blocks.queue(default_concurrency_limit=_CONCURRENT_QUESTIONS)

    def reader(self, request: Request) -> Reader:
        """Return who sent a request, with their conversations."""
        return Reader(owner_of(request, self._user_of(request)), self.assistant, self.conversations)

    def _reader(self, visit: gr.Request) -> Reader:
        return self.reader(request_of(visit))

    def _lay_out(self) -> None:
        self.conversation = gr.State(Conversation())
        self.sidebar = Sidebar(self._reader)
        with gr.Row(elem_id="top"):
            self.header = gr.HTML(self._header("zh", ()), js_on_load=None, scale=1)
            self.new = gr.HTML(_new_link("zh"), js_on_load=None, scale=0, min_width=96, elem_id="new")
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
        self.kinds = gr.Dropdown(kind_names("zh"), multiselect=True, elem_id="kinds", min_width=120)
        # Shown only where there is a chat model to do without.
        self.extractive = gr.Checkbox(
            label=say("extractive", "zh"), elem_id="extractive", min_width=120, visible=bool(self.settings.llm_model)
        )
        self.chosen: list[Any] = [self.offices, self.years, self.regions, self.route, self.kinds, self.extractive]

    def _source_panel(self) -> gr.HTML:
        def open_source(request: dict[str, Any], visit: gr.Request) -> str:
            return source_html(self.assistant, request, self._reader(visit).changed_citation)

        return gr.HTML(
            hint_html("zh"), elem_id="source", js_on_load=read_text("rag.ui", "page.js"), server_functions=[open_source]
        )

    def _lay_out_conversation(self) -> None:
        self.chat = gr.Chatbot(
            elem_id="chat", height="100%", show_label=False, buttons=[], latex_delimiters=[], layout="bubble",
            group_consecutive_messages=False, render_markdown=False, editable="user",
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
            self.scope, self.new, self.sidebar.search,
        ]  # fmt: skip
        arrived = self.blocks.load(
            self.arrive, None, [self.language, self.conversation, self.sidebar.list, *worded], **_QUIET
        )
        self._connect_language(worded)
        # Examples are tried out first, which may take a moment; the page can be used meanwhile.
        arrived.then(self.offer_examples, self.language, self.chat, **_QUIET)
        for field in self.chosen:
            field.change(self.remind, [self.language, *self.chosen], [self.scope_row, self.scope], **_QUIET)
        self.clear_filters.click(lambda: NOTHING_CHOSEN, None, self.chosen, **_QUIET)
        self._connect_questions()
        self._connect_conversations()

    def _connect_language(self, worded: list[Any]) -> None:
        reworded = self.language.input(self.reword, [self.language, self.conversation, *self.chosen], worded, **_QUIET)
        listed = [self.sidebar.search, self.conversation, self.language]
        reworded.then(self.list_conversations, listed, self.sidebar.list, **_QUIET)
        reworded.then(self.offer_examples, self.language, self.chat, **_QUIET)

    def _connect_questions(self) -> None:
        asked = [self.conversation, self.language, *self.chosen]
        shown = [self.question, self.chat, self.conversation, self.sidebar.list]
        asking = Asking(self._reader, self.sidebar)
        self.question.submit(asking.ask, [self.question, *asked], shown, **_ASKING)
        self.chat.example_select(asking.ask_example, asked, shown, **_ASKING)
        self.chat.retry(asking.retry, asked, shown, **_ASKING)
        self.chat.edit(asking.edit, asked, shown, **_ASKING)
        # Not by Gradio's cancelling, which would leave the answer where it is on the page and unfinished in the store.
        self.question.stop(asking.stop, None, None, queue=False, **_QUIET)

    def _connect_conversations(self) -> None:
        opened = [self.question, self.chat, self.conversation, self.sidebar.list, *self.chosen]
        self.sidebar.list.select(self.open, [self.language], opened, **_QUIET)
        listed = [self.sidebar.search, self.conversation, self.language]
        self.sidebar.search.change(
            self.list_conversations, listed, self.sidebar.list, trigger_mode="always_last", **_QUIET
        )

    def arrive(self, request: gr.Request) -> tuple[Any, ...]:
        """Word the page for a browser that has just opened it, and open the conversation that its address names."""
        language = language_of(request.headers.get("accept-language"))
        reader = self._reader(request)
        conversation = self._opened(reader, str(request_of(request).query_params.get("c", "")), language)
        chosen = self._choices_of(conversation)
        listed = self.sidebar.html(reader, conversation.id, "", language)
        return (
            language,
            conversation,
            listed,
            *self.wording(language, conversation, *chosen, user=current_user(request)),
        )

    def reword(
        self,
        visit: gr.Request,
        language: Language,
        conversation: Conversation,
        *chosen: Any,  # noqa: ANN401 - as Gradio gives them
    ) -> tuple[Any, ...]:
        """Word the page anew, what was said included; what is chosen stays."""
        return self.wording(language, conversation, *chosen, user=current_user(visit))

    def wording(
        self,
        language: Language,
        conversation: Conversation,
        *chosen: Any,  # noqa: ANN401 - as Gradio gives them
        user: User = NOBODY,
    ) -> tuple[Any, ...]:
        """Return every component that shows words, in one language, over the reports now in the store."""
        reports = self._reports()
        known = known_choices(reports)
        offices, years, regions, route, kinds, extractive = chosen
        return (
            self._header(language, reports, user),
            self._chat_wording(language, reports, conversation),
            gr.Textbox(
                placeholder=say("question_hint", language),
                label=say("question", language),
                submit_btn=say("send", language),
                interactive=bool(reports),
            ),
            _choice_of(known.offices, offices, say("office", language)),
            _choice_of(known.years, years, say("year", language)),
            _choice_of(known.regions, regions, say("region", language)),
            gr.Dropdown(choices=route_names(language), value=route, label=say("route", language)),
            gr.Dropdown(choices=kind_names(language), value=kinds, label=say("kind", language)),
            gr.Checkbox(value=extractive, label=say("extractive", language)),
            gr.Button(say("filters_clear", language)),
            hint_html(language),
            *self.remind(language, *chosen),
            _new_link(language),
            self.sidebar.wording(language),
        )

    def _choices_of(self, conversation: Conversation) -> Fields:
        """Return what the last question was restricted to, so that the next one of the conversation is, too."""
        if not conversation.exchanges:
            return NOTHING_CHOSEN
        return Choices(conversation.exchanges[-1].request.filters, conversation.exchanges[-1].request.route).values(
            known_choices(self._reports())
        )

    def _reports(self) -> tuple[ReportMeta, ...]:
        try:
            return tuple(self.assistant.reports())
        except RagError:
            return ()

    def _header(self, language: Language, reports: Sequence[ReportMeta], user: User = NOBODY) -> str:
        heading = tag("h1", escape(say("title", language))) + tag("p", escape(inventory(reports, language)))
        heading += tag("nav", _elsewhere(language), class_="elsewhere", aria_label=say("elsewhere", language))
        if user.is_account:
            leave = tag("a", escape(say("log_out", language)), href="/logout")
            heading += tag("p", f"{escape(user.name)} · {leave}", class_="account")
        return tag(
            "div",
            heading,
            data_language=language,
            data_lost=say("error_connection", language),
        )

    def _chat_wording(
        self, language: Language, reports: Sequence[ReportMeta], conversation: Conversation
    ) -> gr.Chatbot:
        words: dict[str, Any] = {"label": say("conversation", language), "value": messages_of(conversation, language)}
        if not reports:
            return gr.Chatbot(placeholder=self._empty_store(language), examples=[], **words)
        welcome = tag("h2", escape(say("placeholder_title", language)))
        welcome += tag("p", escape(say("placeholder_body", language)))
        return gr.Chatbot(placeholder=welcome, **words)

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
        words = reminder(choices.filters, choices.route, language, extractive=choices.extractive)
        return gr.Row(visible=bool(words)), tag("p", escape(words), role="status")

    def _opened(self, reader: Reader, conversation: str, language: Language) -> Conversation:
        """Return a kept conversation; an empty one, with a word to the reader, where it is not to be had."""
        if not conversation:
            return Conversation()
        try:
            return reader.open(conversation, language)
        except ConversationError as error:
            known = isinstance(error, UnknownConversation)
            gr.Warning(say("conversation_lost", language) if known else str(error), title=say("conversation", language))
            return Conversation()

    def open(self, language: Language, visit: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        """Show a kept conversation, or an empty one."""
        reader = self._reader(visit)
        return self._shown(reader, self._opened(reader, str(event._data.get("value") or ""), language), language)

    def _shown(self, reader: Reader, conversation: Conversation, language: Language) -> tuple[Any, ...]:
        listed = self.sidebar.html(reader, conversation.id, "", language)
        chosen = self._choices_of(conversation)
        return question_box(language), messages_of(conversation, language), conversation, listed, *chosen

    def list_conversations(self, query: str, conversation: Conversation, language: Language, visit: gr.Request) -> str:
        """Show the conversations that hold something."""
        return self.sidebar.html(self._reader(visit), conversation.id, query, language)


def _choice_of(known: Sequence[str | int], value: Any, label: str) -> gr.Dropdown:  # noqa: ANN401 - as Gradio gives it
    return gr.Dropdown([(str(each), each) for each in known], value=value, label=label, multiselect=True)


def _new_link(language: Language) -> str:
    """Return the link to an empty conversation; the list's script follows it without loading the page anew."""
    return tag("a", escape(say("conversation_new", language)), href="?", data_open="", class_="plain", role="button")
