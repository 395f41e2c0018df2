"""Which texts a database can hold: any but those with NUL (PostgreSQL refuses it) or half of a surrogate pair."""

from __future__ import annotations

from collections.abc import Iterator

from rag.catalog.records import FileRecord, StoredReport
from rag.errors import DamagedFile


def is_storable(text: str) -> bool:
    """Say whether every character of a text can be stored."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_file(record: FileRecord) -> None:
    """Refuse a file whose name cannot be stored.

    Raises:
        DamagedFile: it cannot.
    """
    if not (is_storable(record.path) and is_storable(record.source)):
        raise DamagedFile(
            f"The file's name {record.path!r} has characters that are no text (bytes that are not UTF-8?). Rename the "
            "file, then take it in again."
        )


def check_report(stored: StoredReport) -> None:
    """Refuse a report with text that cannot be stored; loading lets none through.

    Raises:
        DamagedFile: it has such text.
    """
    check_file(stored.file)
    for place, text in _texts(stored):
        if not is_storable(text):
            raise DamagedFile(
                f"{stored.file.source!r} has a NUL or half a character in its {place}, which cannot be stored. Save it "
                "anew as UTF-8 text, then take it in again."
            )


def _texts(stored: StoredReport) -> Iterator[tuple[str, str]]:
    meta = stored.report.meta
    yield from (("metadata", text or "") for text in (meta.title, meta.office, meta.region, meta.source))
    yield from (("headings", section.heading) for section in stored.report.sections)
    yield from ((f"paragraph {paragraph.number}", paragraph.text) for paragraph in stored.report.paragraphs)
    yield from ((f"chunk {chunk.ordinal}", chunk.embedding_text) for chunk in stored.chunks)
