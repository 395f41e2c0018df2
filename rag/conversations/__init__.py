"""Conversations, kept apart from the catalog so that no ingest ever touches them."""

from __future__ import annotations

from rag.conversations.answers import answer_from_dict
from rag.conversations.checking import ChangedCitation, changed_citations
from rag.conversations.database import CONVERSATIONS_FILE, Database
from rag.conversations.owners import browser_owner, user_owner
from rag.conversations.records import StoredConversation, StoredTurn, Summary
from rag.conversations.store import Conversations

__all__ = [
    "CONVERSATIONS_FILE",
    "ChangedCitation",
    "Conversations",
    "Database",
    "StoredConversation",
    "StoredTurn",
    "Summary",
    "answer_from_dict",
    "browser_owner",
    "changed_citations",
    "user_owner",
]
