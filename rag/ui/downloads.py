"""Conversations and answers as files: ``/export/{conversation}.docx``, ``/export/{conversation}/{turn}.md``."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from rag.errors import ConversationError, ExportError
from rag.exporting import FORMATS, export, file_name
from rag.ui.keeping import Reader

ReaderOf = Callable[[Request], Reader]


def downloads(reader_of: ReaderOf) -> APIRouter:
    """Return the routes; ``reader_of`` tells who asks for a file."""
    router = APIRouter(include_in_schema=False)

    @router.get("/export/{conversation}.{suffix}")
    def whole(request: Request, conversation: str, suffix: str) -> Response:
        return _file(reader_of(request), conversation, None, suffix, str(request.base_url))

    @router.get("/export/{conversation}/{turn}.{suffix}")
    def answer(request: Request, conversation: str, turn: str, suffix: str) -> Response:
        return _file(reader_of(request), conversation, turn, suffix, str(request.base_url))

    return router


def _file(reader: Reader, conversation: str, turn: str | None, suffix: str, base: str) -> Response:
    try:
        document = reader.document(conversation, turn, base)
        content = export(document, suffix)
    except (ConversationError, ExportError) as error:
        return Response(str(error), status_code=404, media_type="text/plain; charset=utf-8")
    name = quote(file_name(document.title, suffix), safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",  # RFC 6266
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=FORMATS[suffix], headers=headers)
