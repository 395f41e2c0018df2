"""The list of conversations, each with what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

from rag.conversations import Summary
from rag.types import Language
from rag.ui.feet import export_links
from rag.ui.markup import escape, tag
from rag.ui.texts import say

_DIALOG_WORDS = (
    "rename", "delete", "delete_body", "cancel", "save", "title_label", "feedback_up", "feedback_down", "reason_label",
    "right_answer_label", "thanks", "error_connection", "conversations",
)  # fmt: skip


def list_html(conversations: Sequence[Summary], opened: str, language: Language, *, searched: bool = False) -> str:
    """Return the list; the page's script takes from it which one is open, and the words of its dialogs.

    Args:
        conversations: In the order in which they are shown.
        opened: Id of the one that is open, empty where there is none.
        language: The interface's language.
        searched: True if only those that hold something are listed.
    """
    items = "".join(_item(each, each.id == opened, language) for each in conversations)
    empty = say("conversations_not_found" if searched else "conversations_empty", language)
    content = tag("ul", items) if items else tag("p", escape(empty), class_="hint", role="status")
    words = {f"data_say_{key}": say(key, language) for key in _DIALOG_WORDS}
    return tag("nav", content, data_opened=opened, aria_label=say("conversations", language), **words)


def _item(each: Summary, opened: bool, language: Language) -> str:
    link = tag(
        "a",
        tag("span", escape(each.title), class_="name") + tag("span", escape(_told(each, language)), class_="told"),
        href=f"?c={each.id}",
        data_open=each.id,
        aria_current="true" if opened else None,
    )
    return tag("li", link + _actions(each, language))


def _told(each: Summary, language: Language) -> str:
    return say("conversation_told", language, day=each.changed[:10], turns=each.turns)


def _actions(each: Summary, language: Language) -> str:
    label = say("conversation_actions", language, title=each.title)
    buttons = "".join(
        tag(
            "button",
            escape(say(action, language)),
            type="button",
            class_="plain",
            data_conversation=each.id,
            data_title=each.title,
            data_do=action,
        )
        for action in ("rename", "delete")
    )
    summary = tag("summary", "⋯", aria_label=label, title=label)
    return tag(
        "details", summary + tag("div", buttons + export_links(each.id, language), class_="actions"), class_="more"
    )
