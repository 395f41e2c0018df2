"""PDF files to blocks: lines of characters, tables apart, furniture removed, paragraphs put together."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from threading import Lock
from typing import Any

import pdfplumber
import pypdfium2
from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_PAGEOBJ_PATH, FPDFPath_CountSegments

from rag.errors import DamagedFile, EncryptedFile, ScannedPdf
from rag.loading.blocks import join_pieces, table_row, visible
from rag.loading.pdf_bounds import MOST_PAGES, check_pages, check_streams
from rag.loading.pdf_characters import Frame, read_characters
from rag.loading.pdf_lines import Character, Line, characters_to_lines, without_furniture
from rag.loading.pdf_paragraphs import paragraphs
from rag.types import Block

_LEAST_TABLE_SEGMENTS = 7
"""Pen moves and strokes of the least ruled table: a frame and one line that divides it."""
_TAIL = 2048
_UNMAPPED_LIMIT = 0.2
_MADE_UP_TITLE = re.compile(r"microsoft word.*|.*\.(?:docx?|wps|pdf|txt)|untitled|无标题|文档\s*\d*", re.IGNORECASE)
_ONE_AT_A_TIME = Lock()  # PDFium is not safe to call from two threads
logging.getLogger("pdfminer").setLevel(logging.CRITICAL)  # its complaints about fonts concern no reader


@dataclass(frozen=True, slots=True)
class PdfText:
    """What a PDF shows."""

    blocks: tuple[Block, ...]
    title: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    page: int
    top: float
    rows: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    lines: tuple[Line, ...]
    tables: tuple[_Table, ...]
    height: float
    slanted: int
    unmapped: int


def pdf_blocks(data: bytes, source: str, max_pages: int = MOST_PAGES) -> PdfText:
    """Return the visible blocks of a PDF.

    Args:
        data: The whole file.
        source: The file's name, for the error.
        max_pages: PDFs with more pages are refused.

    Returns:
        Its blocks, title and notes.

    Raises:
        DamagedFile: the file is cut off or broken.
        FileTooLarge: it has too many pages, or unpacks to too much.
        EncryptedFile: it asks for a password.
        ScannedPdf: it holds no text, or text that cannot be told from its fonts.
    """
    if b"%%EOF" not in data[-_TAIL:]:
        raise DamagedFile(f"{source!r} is a PDF that is cut off: its end is missing. Get the file again.")
    check_streams(data, source)
    pages, title = _read(data, source, max_pages)
    _check_text(pages, source)
    kept, removed = without_furniture([page.lines for page in pages], [page.height for page in pages])
    blocks: list[Block] = []
    tables = [table for page in pages for table in page.tables]
    blocks.extend(_in_order([line for lines in kept for line in lines], tables))
    if not blocks:
        raise ScannedPdf(_no_text(source))
    return PdfText(tuple(blocks), title, tuple(_notes(pages, removed)))


def _read(data: bytes, source: str, max_pages: int) -> tuple[list[_Page], str | None]:
    try:
        with _ONE_AT_A_TIME, _opened(data) as document:
            check_pages(len(document), max_pages, source)
            title = document.get_metadata_value("Title")
            with _table_finder(data, len(document)) as finder:
                pages = [_read_page(document[index], finder[index], index + 1) for index in range(len(document))]
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == FPDF_ERR_PASSWORD:
            raise EncryptedFile(
                f"{source!r} asks for a password. Open it, save it without one, and take that file."
            ) from error
        raise DamagedFile(f"{source!r} is a damaged PDF ({error}). Get the file again or print it anew.") from error
    if not pages:
        raise DamagedFile(f"{source!r} is a PDF without pages. Get the file again.")
    shown = visible(title or "")
    return pages, shown if shown and not _MADE_UP_TITLE.fullmatch(shown) else None


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    document = pypdfium2.PdfDocument(data)
    try:
        yield document
    finally:
        document.close()


@contextmanager
def _table_finder(data: bytes, pages: int) -> Iterator[Sequence[Any]]:
    """Yield pdfplumber's pages, or Nones where pdfplumber cannot open what PDFium can."""
    try:
        finder = pdfplumber.open(BytesIO(data))
        found = list(finder.pages)
    except Exception:  # its tables are then read as plain lines
        yield [None] * pages
        return
    with finder:
        yield found if len(found) == pages else [None] * pages


def _read_page(page: Any, finder: Any, number: int) -> _Page:  # noqa: ANN401 - PDFium's page and pdfplumber's
    box = page.get_bbox() if finder is None else finder.mediabox
    left, bottom, right, top = map(float, box)
    frame = Frame(left, bottom, right, top, page.get_rotation())
    read = read_characters(page, frame)
    found = _find_tables(page, finder) if read.upright and read.frame == frame else []
    boxes = [table.bbox for table in found]
    outside = [character for character in read.upright if not any(_is_in(character, box) for box in boxes)]
    tables = tuple(_table(table, read.upright, number) for table in found)
    page.close()
    lines = tuple(characters_to_lines(outside, number))
    return _Page(number, lines, tables, read.frame.height, read.slanted, read.unmapped)


def _find_tables(page: Any, finder: Any) -> list[Any]:  # noqa: ANN401
    """Find the ruled tables; a page that draws too little for one, a rule under its header, is not searched."""
    paths = page.get_objects(filter=(FPDF_PAGEOBJ_PATH,), max_depth=3)
    if finder is None or sum(FPDFPath_CountSegments(path.raw) for path in paths) < _LEAST_TABLE_SEGMENTS:
        return []
    try:
        return [table for table in finder.find_tables() if _is_table(table)]
    except Exception:  # pdfminer lets errors of many kinds out of pages that PDFium reads
        return []
    finally:
        finder.close()


def _is_table(table: Any) -> bool:  # noqa: ANN401
    """Tell a table from a frame around text or a rule under it."""
    return max(sum(1 for cell in row.cells if cell) for row in table.rows) >= 2


def _is_in(character: Character, box: Sequence[float]) -> bool:
    left, top, right, bottom = box
    across, down = (character.left + character.right) / 2, (character.top + character.bottom) / 2
    return left <= across <= right and top <= down <= bottom


def _table(table: Any, characters: Sequence[Character], page: int) -> _Table:  # noqa: ANN401
    rows: list[Block] = []
    inside = [character for character in characters if _is_in(character, table.bbox)]
    for row in table.rows:
        cells = []
        for box in filter(None, row.cells):
            within = [character for character in inside if _is_in(character, box)]
            cells.append(join_pieces(line.text for line in characters_to_lines(within, page)))
        block = table_row(cells, page=page, gap_before=not rows)
        if block:
            rows.append(block)
    return _Table(page, float(table.bbox[1]), tuple(rows))


def _in_order(lines: Sequence[Line], tables: Sequence[_Table]) -> Iterator[Block]:
    """Set the tables between the paragraphs of the lines above and below them."""
    waiting: list[Line] = []
    pending = sorted(tables, key=lambda table: (table.page, table.top))
    groups: list[list[Line] | _Table] = []
    for line in lines:
        while pending and (pending[0].page, pending[0].top) <= (line.page, line.top):
            groups += [waiting, pending.pop(0)]
            waiting = []
        waiting.append(line)
    groups += [waiting, *pending]
    measured = list(lines)
    for group in groups:
        if isinstance(group, _Table):
            yield from group.rows
        else:
            yield from paragraphs(group, measured)


def _check_text(pages: Sequence[_Page], source: str) -> None:
    shown = sum(len(line.text) for page in pages for line in page.lines)
    shown += sum(len(row.text) for page in pages for table in page.tables for row in table.rows)
    if not shown:
        raise ScannedPdf(_no_text(source))
    if sum(page.unmapped for page in pages) > _UNMAPPED_LIMIT * shown:
        raise ScannedPdf(
            f"{source!r} shows text, but its fonts do not say which characters they draw. "
            "Recognise the text (OCR) or take the file it was made from."
        )


def _no_text(source: str) -> str:
    return (
        f"{source!r} holds pictures of pages and no text (a scan). "
        "Recognise the text (OCR) first, or take the file it was made from."
    )


def _notes(pages: Sequence[_Page], removed: Sequence[str]) -> Iterator[str]:
    if removed:
        yield "headers, footers and page numbers left out: " + "; ".join(removed)
    empty = [str(page.number) for page in pages if not page.lines and not page.tables]
    if empty:
        yield f"no text on page {', '.join(empty)}: perhaps a picture"
    slanted = sum(page.slanted for page in pages)
    if slanted:
        yield f"rotated text left out (a watermark or stamp, perhaps): {slanted} characters"
