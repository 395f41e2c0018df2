"""One reader's conversations: asked, kept, opened again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event

from rag.conversations import ChangedCitation, Conversations, StoredConversation, StoredTurn, Summary, changed_citations
from rag.errors import ConversationError, RagError
from rag.exporting import Document, ExportedTurn, compose
from rag.feedback import FeedbackBook, Rating
from rag.types import Language
from rag.ui.assistant import Assistant
from rag.ui.conversation import Conversation, Exchange, Request, converse

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at the page, with what they asked before.

    Attributes:
        owner: Whose conversations they see.
        assistant: Answers.
        conversations: The store of conversations.
    """

    owner: str
    assistant: Assistant
    conversations: Conversations

    def ask(
        self, conversation: Conversation, request: Request, stopping: Event, *, again: bool = False
    ) -> Iterator[Conversation]:
        """Ask a question and yield the conversation as the answer grows; everything is kept as it comes.

        Args:
            conversation: What was said before.
            request: The question.
            stopping: Set when the reader wants no more.
            again: Asked in place of the last question, which stays until there is an answer.
        """
        conversation = self._rated(conversation)
        before = conversation.exchanges[-1:] if again else ()
        earlier = replace(conversation, exchanges=conversation.exchanges[:-1]) if again else conversation
        earlier, turn, unkept = self._begin(earlier, request, before)
        state = earlier
        try:
            for state in converse(self.assistant, earlier, request, turn, stopping):
                if state.exchanges[-1].growing:
                    yield state
            state = self._finish(state, unkept)
            yield state if state.exchanges[-1].answer else _beside(before, state)
        except GeneratorExit:  # the page was left
            self._stop(state)
            raise

    def _begin(
        self, conversation: Conversation, request: Request, before: Sequence[Exchange]
    ) -> tuple[Conversation, str, str]:
        """Keep a question; where that can't be done, it is answered all the same and the reader told."""
        replaces = before[0].turn if before else None
        try:
            turn = self.conversations.begin(
                self.owner, conversation.id, request.question, request.filters, request.route, replaces
            )
        except ConversationError as error:
            _LOG.warning("A question is not kept: %s", error)
            return conversation, "", str(error)
        return replace(conversation, id=turn.conversation), turn.id, ""

    def _finish(self, conversation: Conversation, unkept: str) -> Conversation:
        """Keep what became of the last question; ``unkept`` says why the question is not kept, if it isn't."""
        *before, last = conversation.exchanges
        if last.answer is None:
            self._stop(conversation)
            return conversation
        if last.turn:
            try:
                self.conversations.finish(self.owner, last.turn, last.answer)
            except ConversationError as error:
                _LOG.warning("An answer is not kept: %s", error)
                unkept, last = str(error), replace(last, turn="")
        # The page needs no contexts; a session may last long and hold many answers.
        shown = replace(last.answer, contexts=()) if last.answer else None
        return replace(conversation, exchanges=(*before, replace(last, answer=shown, unkept=unkept)))

    def _stop(self, conversation: Conversation) -> None:
        """Keep how far the last answer came."""
        last = conversation.exchanges[-1] if conversation.exchanges else None
        if last and last.turn and last.answer is None and last.partial:
            try:
                self.conversations.stop(self.owner, last.turn, last.partial)
            except ConversationError as error:
                _LOG.warning("A stopped answer is not kept: %s", error)

    def open(self, conversation: str, language: Language) -> Conversation:
        """Return a conversation as it was kept, its citations checked against the reports as they are now.

        Raises:
            UnknownConversation: there is none of that id that is the reader's.
        """
        stored = self.conversations.get(self.owner, conversation)
        changed = self.changed(stored.turns)
        ratings = FeedbackBook(self.conversations).ratings(self.owner, [turn.id for turn in stored.turns])
        exchanges = (_exchange(turn, changed, ratings.get(turn.id), language) for turn in stored.turns)
        return Conversation(stored.id, tuple(exchanges))

    def changed(self, turns: Sequence[StoredTurn]) -> dict[str, ChangedCitation]:
        """Return the citations of some turns whose report has changed; none where the store can't be read."""
        cited = [citation for turn in turns if turn.answer for citation in turn.answer.citations]
        try:
            return changed_citations(cited, self.assistant)
        except RagError as error:
            _LOG.warning("Citations are not checked: %s", error)
            return {}

    def changed_citation(self, turn: str, citation: str) -> ChangedCitation | None:
        """Return what a citation of a kept answer was, its report having changed; None where there is none such."""
        try:
            stored = self.conversations.turn(self.owner, turn)
        except ConversationError:
            return None
        return self.changed((stored,)).get(citation)

    def _rated(self, conversation: Conversation) -> Conversation:
        """Return a conversation with the ratings as they are now; the page keeps them without asking it."""
        try:
            ids = [each.turn for each in conversation.exchanges]
            ratings = FeedbackBook(self.conversations).ratings(self.owner, ids)
        except ConversationError:
            return conversation
        exchanges = tuple(replace(each, rating=ratings.get(each.turn)) for each in conversation.exchanges)
        return replace(conversation, exchanges=exchanges)

    def list(self, query: str) -> Sequence[Summary]:
        """Return the reader's conversations, the one changed last first; none where they can't be read."""
        try:
            return self.conversations.list(self.owner, query)
        except ConversationError as error:
            _LOG.warning("Conversations are not listed: %s", error)
            return ()

    def rate(self, turn: str, rating: str, reason: str, right_answer: str) -> None:
        """Keep what the reader makes of an answer, or forget it where ``rating`` is neither up nor down.

        Raises:
            ConversationError: it is not the reader's answer, or can't be kept.
        """
        book = FeedbackBook(self.conversations)
        if rating not in ("up", "down"):
            book.withdraw(self.owner, turn)
            return
        given: Rating = "up" if rating == "up" else "down"
        book.give(self.owner, turn, given, self.assistant.identity(), reason=reason, right_answer=right_answer)

    def document(self, conversation: str, turn: str | None, base: str) -> Document:
        """Return a conversation, or one answer of it, as a file says it.

        Raises:
            UnknownConversation: it is not the reader's.
        """
        stored = self.conversations.get(self.owner, conversation)
        if turn is None:
            return self._composed(stored.title, stored, base)
        answered = self.conversations.turn(self.owner, turn)
        return self._composed(answered.question, replace(stored, turns=(answered,)), base)

    def _composed(self, title: str, stored: StoredConversation, base: str) -> Document:
        changed = self.changed(stored.turns)
        turns = [ExportedTurn(turn.question, turn.answer, turn.filters, turn.asked, changed) for turn in stored.turns]
        return compose(title, turns, base)


def _exchange(
    turn: StoredTurn, changed: dict[str, ChangedCitation], rating: Rating | None, language: Language
) -> Exchange:
    answer = replace(turn.answer, contexts=()) if turn.answer else None
    request = Request(turn.question, turn.filters, language, turn.route)
    return Exchange(request, turn.id, answer, turn.partial, changed=changed, rating=rating)


def _beside(before: Sequence[Exchange], conversation: Conversation) -> Conversation:
    """Return a conversation in which the answer that was to be replaced stands again, there being no new one."""
    return replace(conversation, exchanges=(*conversation.exchanges[:-1], *before, conversation.exchanges[-1]))
