"""Tables of the catalog. What a reader of a report sees is stored as such; everything else is derived from it."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 2
"""Raised whenever a table changes; an older store is brought up on opening, one from a newer program refused."""

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", String(40), primary_key=True),
    Column("value", JSON, nullable=False),
)
"""Schema version, catalog id, change counter, and what the vectors were built with."""

reports = Table(
    "reports",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("source", Text, nullable=False),
    Column("path", Text, nullable=False, index=True),
    Column("format", String(16), nullable=False),
    Column("title", Text),
    Column("office", Text),
    Column("office_variants", JSON, nullable=False),
    Column("region", Text),
    Column("year", Integer),
    Column("issued", Date),
    Column("notes", JSON, nullable=False),
    Column("added_at", String(32), nullable=False),
    Column("changed", Integer, nullable=False, index=True),
)
"""``path`` is the file it was read from; ``changed`` the change counter of the commit that wrote it."""

files = Table(
    "files",
    metadata,
    Column("path", Text, primary_key=True),
    Column(
        "report_id",
        ForeignKey("reports.id", deferrable=True, initially="DEFERRED"),
        nullable=False,
        index=True,
    ),
    Column("source", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("reader", String(40), nullable=False),
    Column("overrides", JSON),
)
"""Every file taken in: a report's own, and those with the same content. ``reader`` names the version that read it."""

sections = Table(
    "sections",
    metadata,
    Column("report_id", ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("level", Integer, nullable=False),
    Column("heading", Text, nullable=False),
    Column("parent", Integer),
    Column("kind", String(16), nullable=False),
)

paragraphs = Table(
    "paragraphs",
    metadata,
    Column("report_id", ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("section", Integer),
    Column("path", Text, nullable=False),
    Column("section_kind", String(16), nullable=False),
)

chunks = Table(
    "chunks",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("id", String(48), nullable=False, unique=True),
    Column("report_id", ForeignKey("reports.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("ordinal", Integer, nullable=False),
    Column("spans", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("embedding_text", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("section_kind", String(16), nullable=False),
    Column("tokens", Integer, nullable=False),
)

vectors = Table(
    "vectors",
    metadata,
    Column("row", ForeignKey("chunks.row", ondelete="CASCADE"), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)
"""Unit vectors, little-endian float32; apart from the chunks, so that reading text does not drag them along."""

facts = Table(
    "facts",
    metadata,
    Column("report_id", ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("year", Integer),
    Column("indicator", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("high", Float),
    Column("unit", String(16), nullable=False),
    Column("qualifier", String(16), nullable=False),
    Column("planned", Boolean, nullable=False),
    Column("paragraph", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("text", Text, nullable=False),
)
"""Figures that the paragraphs state; office and region are the report's."""

removals = Table(
    "removals",
    metadata,
    Column("changed", Integer, nullable=False, index=True),
    Column("chunk_id", String(48), nullable=False),
)
"""Chunks taken out, so that an index can follow without reading everything again."""
