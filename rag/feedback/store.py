"""The book of feedback, in the database of the conversations."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, and_, delete, insert, select

from rag.conversations import Conversations, answer_from_dict
from rag.conversations.answers import filters_from_dict, filters_to_dict
from rag.conversations.schema import feedback
from rag.errors import ConversationError
from rag.feedback.records import Feedback, Rating
from rag.serialising import answer_to_dict
from rag.types import Turn

LONGEST_TEXT = 4_000
HISTORY = 6
"""Turns kept before the one that feedback is on."""


class FeedbackBook:
    """Feedback on answers, one a turn; it outlives the conversation it was given in."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._database = conversations.database

    def give(
        self,
        owner: str,
        turn: str,
        rating: Rating,
        identity: Mapping[str, Any],
        *,
        reason: str = "",
        right_answer: str = "",
    ) -> None:
        """Keep what a reader makes of an answer, in place of what they made of it before.

        Args:
            owner: Whose conversation it is.
            turn: The turn.
            rating: Whether the answer was of use.
            identity: What gave the answer, as ``Rag.identity`` has it.
            reason: Why.
            right_answer: What the answer should have said.

        Raises:
            UnknownConversation: the owner has no such turn.
            ConversationError: the turn has no answer, or the database cannot be written.
        """
        stored = self._conversations.turn(owner, turn)
        if stored.answer is None:
            raise ConversationError("There is no answer to give feedback on; ask again first.")
        before = _before(self._conversations.get(owner, stored.conversation).turns, turn)
        row = {
            "id": secrets.token_hex(8),
            "turn": turn,
            "owner": owner,
            "rating": rating,
            "reason": reason.strip()[:LONGEST_TEXT],
            "right_answer": right_answer.strip()[:LONGEST_TEXT],
            "given": datetime.now(UTC).isoformat(timespec="microseconds"),
            "history": _json([asdict(item) for item in before]),
            "filters": _json(filters_to_dict(stored.filters)),
            "answer": _json(answer_to_dict(stored.answer) | {"contexts": []}),
            "identity": _json({**identity, "engine": stored.answer.engine}),
        }
        with self._database.writing() as connection:
            connection.execute(delete(feedback).where(_mine(owner, turn)))
            connection.execute(insert(feedback).values(row))

    def withdraw(self, owner: str, turn: str) -> None:
        """Forget what a reader made of an answer."""
        with self._database.writing() as connection:
            connection.execute(delete(feedback).where(_mine(owner, turn)))

    def ratings(self, owner: str, turns: Sequence[str]) -> dict[str, Rating]:
        """Return an owner's ratings by turn."""
        chosen = select(feedback.c.turn, feedback.c.rating).where(feedback.c.owner == owner, feedback.c.turn.in_(turns))
        with self._database.reading() as connection:
            return {row.turn: row.rating for row in connection.execute(chosen)}

    def all(self, rating: Rating | None = None) -> Sequence[Feedback]:
        """Return everybody's feedback, oldest first, or that of one rating."""
        chosen = select(feedback).order_by(feedback.c.given)
        if rating:
            chosen = chosen.where(feedback.c.rating == rating)
        with self._database.reading() as connection:
            return [_feedback(row) for row in connection.execute(chosen)]


def _before(turns: Sequence[Any], turn: str) -> list[Turn]:
    answered = []
    for item in turns:
        if item.id == turn:
            break
        if item.answer:
            answered.append(Turn(item.question, item.answer.answer))
    return answered[-HISTORY:]


def _mine(owner: str, turn: str) -> Any:  # noqa: ANN401 - an SQL expression
    return and_(feedback.c.turn == turn, feedback.c.owner == owner)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _feedback(row: Row[Any]) -> Feedback:
    return Feedback(
        id=row.id,
        turn=row.turn,
        owner=row.owner,
        rating=row.rating,
        reason=row.reason,
        right_answer=row.right_answer,
        given=row.given,
        answer=answer_from_dict(json.loads(row.answer)),
        filters=filters_from_dict(json.loads(row.filters)),
        history=tuple(Turn(**item) for item in json.loads(row.history)),
        identity=json.loads(row.identity),
    )
