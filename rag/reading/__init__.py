"""Files → reports with their chunks, where a file can do no harm. Importing this loads no model and no database."""

from __future__ import annotations

from rag.reading.file import ReadFile, ReadingLimits, read_content, read_file
from rag.reading.readers import LocalReader, Reader

__all__ = ["LocalReader", "ReadFile", "Reader", "ReadingLimits", "read_content", "read_file"]
