"""Answers and conversations as Word and Markdown files, every citation a footnote."""

from __future__ import annotations

from rag.exporting.document import Document, ExportedTurn, Footnote, compose
from rag.exporting.files import FORMATS, export, file_name, write_export

__all__ = ["FORMATS", "Document", "ExportedTurn", "Footnote", "compose", "export", "file_name", "write_export"]
