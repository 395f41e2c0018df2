"""The store of conversations: every question as soon as it is asked, its answer when there is one."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Select, and_, delete, exists, func, insert, or_, select, update

from rag.conversations.database import Database
from rag.conversations.owners import BROWSER
from rag.conversations.records import StoredConversation, StoredTurn, Summary
from rag.conversations.rows import LARGEST_ANSWER, LONGEST_QUESTION, folded, row_of, turn_of, written
from rag.conversations.schema import conversations, meta, turns
from rag.errors import ConversationError, UnknownConversation
from rag.folding import fold
from rag.types import Answer, Filters, Route

LONGEST_TITLE = 80
MOST_TURNS = 300
MOST_CONVERSATIONS = 2_000
"""Per owner. Nothing is dropped to make room: the next question is not kept, and the page says so."""
MOST_TERMS = 8
_LOOKED = "looked_for_lost_browsers"
BROWSER_DAYS = 400
"""How long browsers keep a cookie at most: what such a browser asked longer ago, nobody can reach any more."""
DOUBT_DAYS = 30
"""What seems that old is deleted only if it seemed so at an earlier start, so many days ago: clocks may be wrong."""


class Conversations:
    """Conversations, each its owner's alone; safe to share between threads and processes."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._forget_lost_browsers()

    @classmethod
    def open(cls, store: Path) -> Self:
        """Open the conversations of a store folder.

        Raises:
            ConversationError: they can't be kept there.
        """
        return cls(Database(store))

    @classmethod
    def temporary(cls) -> Self:
        """Open conversations that last until they are closed."""
        return cls(Database.temporary())

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def _forget_lost_browsers(self) -> None:
        """Delete what lost browsers asked, going by the clock of an earlier start.

        A clock that is wrong at a single start deletes nothing, however far off it is: it would have to be wrong at
        two starts that are ``DOUBT_DAYS`` apart by it, and at all those between them.
        """
        now = datetime.now(UTC)
        with self.database.writing() as connection:
            stored = connection.execute(select(meta.c.value).where(meta.c.key == _LOOKED)).scalar()
            looked = datetime.fromisoformat(stored) if stored else None
            if looked and now >= looked and now - looked < timedelta(days=DOUBT_DAYS):
                return
            if looked and now >= looked:
                long_ago = (looked - timedelta(days=BROWSER_DAYS)).isoformat()
                lost = and_(conversations.c.owner.startswith(BROWSER), conversations.c.changed < long_ago)
                connection.execute(delete(conversations).where(lost))
            connection.execute(delete(meta).where(meta.c.key == _LOOKED))
            connection.execute(insert(meta).values(key=_LOOKED, value=now.isoformat()))

    def begin(
        self,
        owner: str,
        conversation: str,
        question: str,
        filters: Filters = Filters(),  # noqa: B008 - frozen
        route: Route | None = None,
        replaces: str | None = None,
    ) -> StoredTurn:
        """Keep a question that is being answered.

        Args:
            owner: Who asks.
            conversation: The conversation's id; a new one is made where the owner has none of that id.
            question: As typed.
            filters: What it is restricted to.
            route: The way of answering that was asked for.
            replaces: The turn that goes once this one has an answer.

        Raises:
            ConversationError: a limit is reached, or the database cannot be written.
        """
        question, now = question[:LONGEST_QUESTION], _now()
        with self.database.writing() as connection:
            if not _has(connection, owner, conversation):
                conversation = _create(connection, owner, question, now)
            turn = StoredTurn(_identifier(), conversation, question, filters, route, now)
            connection.execute(insert(turns).values(row_of(turn, _next_position(connection, conversation), replaces)))
            _touch(connection, conversation, now)
        return turn

    def finish(self, owner: str, turn: str, answer: Answer) -> None:
        """Keep a turn's answer, and drop the turn that it replaces; a turn that was deleted meanwhile stays so."""
        values = {"answer": written(answer), "folded": folded(answer.question, answer.answer), "partial": ""}
        self._complete(owner, turn, values, drop_replaced=True)

    def stop(self, owner: str, turn: str, partial: str) -> None:
        """Keep how far an answer had come when it was stopped."""
        self._complete(owner, turn, {"partial": partial[:LARGEST_ANSWER]}, drop_replaced=False)

    def _complete(self, owner: str, turn: str, values: dict[str, Any], *, drop_replaced: bool) -> None:
        with self.database.writing() as connection:
            row = connection.execute(_owned_turn(owner, turn)).first()
            if row is None:
                return
            connection.execute(update(turns).where(turns.c.id == turn).values(values))
            if drop_replaced and row.replaces:
                old = and_(turns.c.id == row.replaces, turns.c.conversation == row.conversation)
                connection.execute(delete(turns).where(old))
            _touch(connection, row.conversation, _now())

    def get(self, owner: str, conversation: str) -> StoredConversation:
        """Return a conversation with its turns.

        Raises:
            UnknownConversation: the owner has none of that id.
        """
        with self.database.reading() as connection:
            found = connection.execute(select(conversations).where(_mine(owner, conversation))).first()
            if found is None:
                raise UnknownConversation(f"There is no conversation {conversation!r} of yours; it may be deleted.")
            chosen = select(turns).where(turns.c.conversation == conversation).order_by(turns.c.position)
            rows = connection.execute(chosen).all()
        return StoredConversation(found.id, found.title, found.created, found.changed, tuple(map(turn_of, rows)))

    def turn(self, owner: str, turn: str) -> StoredTurn:
        """Return one turn.

        Raises:
            UnknownConversation: the owner has none of that id.
        """
        with self.database.reading() as connection:
            row = connection.execute(_owned_turn(owner, turn)).first()
        if row is None:
            raise UnknownConversation(f"There is no answer {turn!r} of yours; it may be deleted.")
        return turn_of(row)

    def list(self, owner: str, query: str = "", limit: int = 200) -> Sequence[Summary]:
        """Return an owner's conversations, the one changed last first.

        Args:
            owner: Whose.
            query: Words that a title, question or answer must hold, each of them, whatever their width or script.
            limit: At most so many.
        """
        count = select(func.count()).where(turns.c.conversation == conversations.c.id).scalar_subquery()
        chosen = select(conversations, count.label("turns")).where(conversations.c.owner == owner)
        chosen = chosen.where(*(_holds(term) for term in fold(query).split()[:MOST_TERMS]))
        chosen = chosen.order_by(conversations.c.changed.desc()).limit(limit)
        with self.database.reading() as connection:
            rows = connection.execute(chosen).all()
        return [Summary(row.id, row.title, row.created, row.changed, row.turns) for row in rows]

    def rename(self, owner: str, conversation: str, title: str) -> None:
        """Give a conversation another title; an empty one changes nothing.

        Raises:
            UnknownConversation: the owner has none of that id.
        """
        title = _title(title)
        if not title:
            return
        with self.database.writing() as connection:
            values = {"title": title, "folded": fold(title)}
            done = connection.execute(update(conversations).where(_mine(owner, conversation)).values(values))
        if not done.rowcount:
            raise UnknownConversation(f"There is no conversation {conversation!r} of yours; it may be deleted.")

    def delete(self, owner: str, conversation: str) -> None:
        """Delete a conversation; one that is gone already is no error."""
        with self.database.writing() as connection:
            connection.execute(delete(conversations).where(_mine(owner, conversation)))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _identifier() -> str:
    return secrets.token_hex(8)


def _title(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1] + "…"


def _mine(owner: str, conversation: str) -> Any:  # noqa: ANN401 - an SQL expression
    return and_(conversations.c.id == conversation, conversations.c.owner == owner)


def _owned_turn(owner: str, turn: str) -> Select[Any]:
    joined = turns.join(conversations, turns.c.conversation == conversations.c.id)
    return select(turns).select_from(joined).where(turns.c.id == turn, conversations.c.owner == owner)


def _has(connection: Connection, owner: str, conversation: str) -> bool:
    return connection.execute(select(conversations.c.id).where(_mine(owner, conversation))).first() is not None


def _create(connection: Connection, owner: str, question: str, now: str) -> str:
    count = connection.execute(select(func.count()).where(conversations.c.owner == owner)).scalar_one()
    if count >= MOST_CONVERSATIONS:
        raise ConversationError(f"{count} conversations are kept, which is the most; delete some to keep new ones.")
    title, identifier = _title(question), _identifier()
    row = {"id": identifier, "owner": owner, "title": title, "folded": fold(title), "created": now, "changed": now}
    connection.execute(insert(conversations).values(row))
    return identifier


def _next_position(connection: Connection, conversation: str) -> int:
    mine = turns.c.conversation == conversation
    count, last = connection.execute(select(func.count(), func.max(turns.c.position)).where(mine)).one()
    if count >= MOST_TURNS:
        raise ConversationError(f"This conversation has {count} questions, which is the most; begin a new one.")
    return int(last or 0) + 1


def _touch(connection: Connection, conversation: str, now: str) -> None:
    """Let a conversation be its owner's last changed one, even if the clock has been put back."""
    owner = select(conversations.c.owner).where(conversations.c.id == conversation).scalar_subquery()
    others = and_(conversations.c.owner == owner, conversations.c.id != conversation)
    latest = connection.execute(select(func.max(conversations.c.changed)).where(others)).scalar()
    if latest and latest >= now:
        now = (datetime.fromisoformat(latest) + timedelta(microseconds=1)).isoformat(timespec="microseconds")
    connection.execute(update(conversations).where(conversations.c.id == conversation).values(changed=now))


def _holds(term: str) -> Any:  # noqa: ANN401 - an SQL expression
    said = exists().where(turns.c.conversation == conversations.c.id, func.instr(turns.c.folded, term) > 0)
    return or_(func.instr(conversations.c.folded, term) > 0, said)
