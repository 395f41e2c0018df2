"""Turns as rows of the database, and back."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from rag.conversations.answers import answer_from_dict, filters_from_dict, filters_to_dict
from rag.conversations.records import StoredTurn
from rag.errors import ConversationError
from rag.folding import fold
from rag.serialising import answer_to_dict
from rag.types import Answer, Route

LONGEST_QUESTION = 20_000
LARGEST_ANSWER = 4_000_000
"""Characters of an answer's JSON; over it the contexts, which no page shows, are left out."""


def folded(question: str, answer: str) -> str:
    """Return what a search of a turn looks through."""
    return fold(f"{question[:LONGEST_QUESTION]}\n{answer}")


def written(answer: Answer) -> str:
    """Return an answer as kept.

    Raises:
        ConversationError: it is too large.
    """
    data = answer_to_dict(answer)
    text = json.dumps(data, ensure_ascii=False)
    if len(text) > LARGEST_ANSWER:
        text = json.dumps(data | {"contexts": []}, ensure_ascii=False)
    if len(text) > LARGEST_ANSWER:
        raise ConversationError(f"The answer takes {len(text)} characters, over {LARGEST_ANSWER}; it is not kept.")
    return text


def row_of(turn: StoredTurn, position: int, replaces: str | None) -> dict[str, Any]:
    """Return a new turn as a row."""
    return {
        "id": turn.id,
        "conversation": turn.conversation,
        "position": position,
        "replaces": replaces,
        "question": turn.question,
        "filters": json.dumps(filters_to_dict(turn.filters), ensure_ascii=False),
        "route": turn.route.value if turn.route else None,
        "asked": turn.asked,
        "partial": "",
        "folded": folded(turn.question, ""),
    }


def turn_of(row: Row[Any]) -> StoredTurn:
    """Return the turn that a row holds."""
    return StoredTurn(
        id=row.id,
        conversation=row.conversation,
        question=row.question,
        filters=filters_from_dict(json.loads(row.filters)),
        route=Route(row.route) if row.route else None,
        asked=row.asked,
        answer=answer_from_dict(json.loads(row.answer)) if row.answer else None,
        partial=row.partial,
    )
