"""What can be done with an answer: rate it, take it away as a file."""

from __future__ import annotations

from rag.exporting import FORMATS
from rag.feedback import Rating
from rag.types import Language
from rag.ui.markup import escape, tag
from rag.ui.texts import say


def foot_html(conversation: str, turn: str, rating: Rating | None, language: Language) -> str:
    """Return the row below an answer; nothing for an answer that is not kept."""
    if not turn:
        return ""
    ratings: tuple[Rating, ...] = ("up", "down")
    rate = "".join(_rate(turn, each, rating, language) for each in ratings)
    content = rate + export_links(f"{conversation}/{turn}", language)
    return tag("div", content, class_="foot", role="group", aria_label=say("foot", language))


def unkept_html(reason: str, language: Language) -> str:
    """Return what stands in place of that row below an answer that could not be kept."""
    content = tag("p", escape(say("conversation_unkept", language))) + tag("p", escape(reason), class_="detail")
    return tag("div", content, class_="failure", role="status")


def export_links(path: str, language: Language) -> str:
    """Return a link for every format that a conversation or an answer can be taken away in."""
    return "".join(
        tag(
            "a",
            escape(say(f"export_{suffix}", language)),
            href=f"export/{path}.{suffix}",
            download="",
            class_="plain",
            title=say("export", language, format=say(f"export_{suffix}", language)),
        )
        for suffix in FORMATS
    )


def _rate(turn: str, each: Rating, rating: Rating | None, language: Language) -> str:
    return tag(
        "button",
        escape(say(f"rate_{each}", language)),
        type="button",
        class_="plain",
        data_rate=each,
        data_turn=turn,
        aria_pressed="true" if each == rating else "false",
    )
