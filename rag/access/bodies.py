"""Bodies of requests, bounded before any of it is read by what they are for."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from rag.access.refusals import Refusal
from rag.access.rules import Rule
from rag.settings import Settings

SMALL_BYTES = 2 * 1024 * 1024
"""A question with fifty earlier answers stays well below it."""
FORM_BYTES = 16 * 1024
_SLACK = 64 * 1024  # names and boundaries around the files
_SECONDS = 60
_MEGABYTE = 1024 * 1024


async def bounded(scope: Scope, receive: Receive, rule: Rule, settings: Settings) -> tuple[bytes, Receive]:
    """Return a small body, and what hands it on to the application; files are bounded by their announced length.

    Raises:
        Refusal: the body is too large, too slow, of the wrong type, or of no announced length where files come.
    """
    headers = Headers(scope=scope)
    announced = headers.get("content-length")
    if announced is not None and not re.fullmatch("[0-9]{1,15}", announced):
        raise Refusal(400, "Content-Length is no number.", "Send the length of the body in bytes.")
    if rule.body == "upload" and scope["method"] == "POST":
        return b"", _upload(receive, headers, settings)
    limit = FORM_BYTES if rule.body == "free" else SMALL_BYTES
    if announced is not None and int(announced) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(_SECONDS):
            body = await _read(receive, limit)
    except TimeoutError as error:
        raise Refusal(408, f"The body did not arrive in {_SECONDS} s.", "Send it faster.") from error
    return body, _replayed(body, receive)


def _upload(receive: Receive, headers: Headers, settings: Settings) -> Receive:
    limit = int(settings.upload_files * settings.max_file_mb * _MEGABYTE) + _SLACK
    if "content-length" not in headers:
        raise Refusal(411, "Files of unknown length are not taken.", "Send Content-Length.")
    if int(headers["content-length"]) > limit:
        raise _too_large(limit)
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Refusal(415, "Files are sent as a form.", "Set Content-Type to multipart/form-data.")
    return receive


def require_json(scope: Scope, body: bytes) -> None:
    """Refuse a body to the API that is not JSON: forms of other sites cannot send it.

    Raises:
        Refusal: it says that it is something else.
    """
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/json" and not kind.endswith("+json"):
        raise Refusal(415, f"The body is {kind or 'of no type'!r}.", "Set Content-Type to application/json.")


def question_in(body: bytes) -> str:
    """Return the question that a request to the API asks; empty where none can be made out."""
    try:
        sent: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(sent, dict):
        return ""
    messages = sent.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        return _text(messages[-1].get("content"))
    return _text(sent.get("question"))


def _text(value: object) -> str:
    if isinstance(value, list):
        return " ".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


async def _read(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if message["type"] != "http.request":
            raise Refusal(400, "The body broke off.", "Send it again.")
        if not message.get("more_body"):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Hand a body out again, then what comes after it (that the client has gone)."""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def replaying() -> Message:
        return pending.pop() if pending else await receive()

    return replaying


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"A request may have {limit / _MEGABYTE:.3g} MB here.", "Send less at a time.")
