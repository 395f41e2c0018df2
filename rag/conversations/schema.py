"""Tables of what readers wrote: their conversations and their feedback."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, Text

SCHEMA_VERSION = 1
"""Raised whenever a table changes; a database from a newer program is refused."""

metadata = MetaData()

meta = Table("meta", metadata, Column("key", String(40), primary_key=True), Column("value", Text, nullable=False))

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner", Text, nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("folded", Text, nullable=False),
    Column("created", String(40), nullable=False),
    Column("changed", String(40), nullable=False, index=True),
)
"""``folded`` is what a search looks through: the title without width, script and letter case."""

turns = Table(
    "turns",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("conversation", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("replaces", String(32)),
    Column("question", Text, nullable=False),
    Column("filters", Text, nullable=False),
    Column("route", String(16)),
    Column("asked", String(40), nullable=False),
    Column("answer", Text),
    Column("partial", Text, nullable=False),
    Column("folded", Text, nullable=False),
)
"""``filters`` and ``answer`` are JSON; ``replaces`` is the turn that goes once this one has an answer."""

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("turn", String(32), nullable=False, unique=True),
    Column("owner", Text, nullable=False, index=True),
    Column("rating", String(8), nullable=False),
    Column("reason", Text, nullable=False),
    Column("right_answer", Text, nullable=False),
    Column("given", String(40), nullable=False, index=True),
    Column("history", Text, nullable=False),
    Column("filters", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("identity", Text, nullable=False),
)
"""Holds its answer itself, so that it outlives the conversation; ``turn`` refers to no row on purpose."""
