"""Tables of the catalog. What a reader of a report sees is stored as such; everything else is derived from it."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
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

SCHEMA_VERSION = 3
"""Raised whenever a table changes, with a step in ``migrations``; a store from a newer program is refused."""

metadata = MetaData()


def _text(length: int | None = None) -> String:
    """Text that sorts by code point on every engine; PostgreSQL would hold it to its length, SQLite does not."""
    kind = String(length) if length else Text()
    return kind.with_variant(Text(collation="C"), "postgresql")


meta = Table(
    "meta",
    metadata,
    Column("key", _text(40), primary_key=True),
    Column("value", JSON, nullable=False),
)
"""Schema version, catalog id, change counter, and what the vectors were built with."""

reports = Table(
    "reports",
    metadata,
    Column("id", _text(32), primary_key=True),
    Column("source", _text(), nullable=False),
    Column("path", _text(), nullable=False, index=True),
    Column("format", _text(16), nullable=False),
    Column("title", _text()),
    Column("office", _text()),
    Column("office_variants", JSON, nullable=False),
    Column("region", _text()),
    Column("year", Integer),
    Column("issued", Date),
    Column("notes", JSON, nullable=False),
    Column("added_at", _text(32), nullable=False),
    Column("changed", Integer, nullable=False, index=True),
)
"""``path`` is the file it was read from; ``changed`` the change counter of the commit that wrote it."""

files = Table(
    "files",
    metadata,
    Column("path", _text(), primary_key=True),
    Column(
        "report_id",
        ForeignKey("reports.id", deferrable=True, initially="DEFERRED"),
        nullable=False,
        index=True,
    ),
    Column("source", _text(), nullable=False),
    Column("hash", _text(64), nullable=False),
    Column("reader", _text(40), nullable=False),
    Column("overrides", JSON),
)
"""Every file taken in: a report's own, and those with the same content. ``reader`` names the version that read it."""

sections = Table(
    "sections",
    metadata,
    Column("report_id", ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("level", Integer, nullable=False),
    Column("heading", _text(), nullable=False),
    Column("parent", Integer),
    Column("kind", _text(16), nullable=False),
)

paragraphs = Table(
    "paragraphs",
    metadata,
    Column("report_id", ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("text", _text(), nullable=False),
    Column("kind", _text(16), nullable=False),
    Column("section", Integer),
    Column("path", _text(), nullable=False),
    Column("section_kind", _text(16), nullable=False),
)

chunks = Table(
    "chunks",
    metadata,
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("id", _text(48), nullable=False, unique=True),
    Column("report_id", ForeignKey("reports.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("ordinal", Integer, nullable=False),
    Column("spans", _text(), nullable=False),
    Column("text", _text(), nullable=False),
    Column("embedding_text", _text(), nullable=False),
    Column("path", _text(), nullable=False),
    Column("section_kind", _text(16), nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("text_hash", BigInteger, index=True),
)
"""``row`` numbers chunks in the order of writing; ``text_hash`` is that of ``embedding_text``, to find it again."""

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
    Column("indicator", _text(), nullable=False),
    Column("value", Float, nullable=False),
    Column("high", Float),
    Column("unit", _text(16), nullable=False),
    Column("qualifier", _text(16), nullable=False),
    Column("planned", Boolean, nullable=False),
    Column("paragraph", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("text", _text(), nullable=False),
)
"""Figures that the paragraphs state; office and region are the report's."""

removals = Table(
    "removals",
    metadata,
    Column("changed", Integer, nullable=False, index=True),
    Column("chunk_id", _text(48), nullable=False),
)
"""Chunks taken out, so that an index can follow without reading everything again."""
