"""How much a request may send."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.api.problems import Kind, describe, respond

JSON_BYTES = 2 * 1024 * 1024
"""Size of a JSON body: a question with fifty earlier answers stays well below it."""


class BodyLimit:
    """Refuses a request's body once it is longer than its path may have, announced or not.

    Args:
        app: What is protected.
        upload_bytes: For uploads; everything else may have ``JSON_BYTES``.
        upload_path: Path of uploads.
    """

    def __init__(self, app: ASGIApp, upload_bytes: int, upload_path: str) -> None:
        self._app = app
        self._upload_bytes = upload_bytes
        self._upload_path = upload_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._upload_bytes if scope["path"].endswith(self._upload_path) else JSON_BYTES
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            kind = Kind(413, "Request too large", "Send less at a time.")
            await respond(describe(kind, "body", _told(limit)))(scope, receive, send)
            return
        await self._app(scope, _counted(receive, limit), send)


def _counted(receive: Receive, limit: int) -> Receive:
    received = 0

    async def counting() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413, _told(limit))
        return message

    return counting


def _told(limit: int) -> str:
    return f"A request may have {limit / 1024 / 1024:g} MB here."
