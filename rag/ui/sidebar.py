"""The side list of conversations, and what its script asks of the server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from rag.errors import ConversationError
from rag.resources import read_text
from rag.types import Language
from rag.ui.keeping import Reader
from rag.ui.listing import list_html
from rag.ui.texts import say

_LOG = logging.getLogger(__name__)

ReaderOf = Callable[[gr.Request], Reader]


class Sidebar:
    """Components of the side list; ``reader_of`` tells whose list it is."""

    def __init__(self, reader_of: ReaderOf) -> None:
        self._reader_of = reader_of
        with gr.Sidebar(open=False, width=300, elem_id="conversations"):
            self.search = gr.Textbox(elem_id="search", lines=1, max_lines=1, show_label=False, container=False)
            self.list = gr.HTML(
                "",
                elem_id="conversation-list",
                js_on_load=read_text("rag.ui", "conversations.js"),
                server_functions=self._server_functions(),
            )

    def _server_functions(self) -> list[Callable[..., str]]:
        """Return what the script may call; Gradio knows them by their names."""

        def rename(asked: dict[str, Any], visit: gr.Request) -> str:
            reader = self._reader_of(visit)
            return self._changed(asked, reader, lambda: reader.conversations.rename(reader.owner, *_named(asked)))

        def remove(asked: dict[str, Any], visit: gr.Request) -> str:
            reader = self._reader_of(visit)
            return self._changed(asked, reader, lambda: reader.conversations.delete(reader.owner, _named(asked)[0]))

        def rate(asked: dict[str, Any], visit: gr.Request) -> str:
            """Keep a rating; return why that is not possible, or nothing."""
            turn, rating, reason, right = (str(asked.get(key) or "") for key in ("turn", "rating", "reason", "right"))
            try:
                self._reader_of(visit).rate(turn, rating, reason, right)
            except ConversationError as error:
                return str(error)
            return ""

        return [rename, remove, rate]

    def _changed(self, asked: Mapping[str, Any], reader: Reader, change: Callable[[], None]) -> str:
        """Change something; return the list as it is then, whether or not that was possible."""
        try:
            change()
        except ConversationError as error:
            _LOG.warning("A conversation is not changed: %s", error)
        language: Language = "en" if asked.get("language") == "en" else "zh"
        return self.html(reader, str(asked.get("opened") or ""), str(asked.get("query") or ""), language)

    def html(self, reader: Reader, opened: str, query: str, language: Language) -> str:
        """Return the list, or those of it that hold something."""
        return list_html(reader.list(query), opened, language, searched=bool(query.strip()))

    def wording(self, language: Language) -> gr.Textbox:
        """Return the search box in the words of a language."""
        words = say("conversations_search", language)
        return gr.Textbox(label=words, placeholder=words)


def _named(asked: Mapping[str, Any]) -> tuple[str, str]:
    return str(asked.get("conversation") or ""), str(asked.get("title") or "")
