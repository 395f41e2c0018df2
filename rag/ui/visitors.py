"""Who looks at the page: a user, or a browser that is known again by a cookie."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import cast

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.conversations import browser_owner, user_owner

COOKIE = "rag_browser"
_SECONDS = 400 * 24 * 3600  # the longest that browsers keep a cookie (RFC 6265bis, 5.5)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")

UserOf = Callable[[Request], str]
"""Tells the name of the user who sent a request, empty where accounts are off."""


def nobody(_request: Request) -> str:
    """Return the user's name where there are no accounts: none."""
    return ""


def request_of(visit: object) -> Request:
    """Return the plain request, which Gradio hands to server functions as it is and to events within its own."""
    return cast(Request, getattr(visit, "request", visit))


def owner_of(request: Request, user: str) -> str:
    """Return whose conversations a request sees; a browser without its cookie sees nobody's."""
    if user:
        return user_owner(user)
    token = request.cookies.get(COOKIE, "")
    return browser_owner(token if _TOKEN.fullmatch(token) else secrets.token_urlsafe(32))


class RememberBrowser:
    """Gives a browser that opens the page the cookie by which it is known again.

    Plain ASGI, since Starlette's own base for such things would stand in the way of streamed answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the cookie to the page itself."""
        if scope["type"] != "http" or scope["path"] != "/" or self._is_known(scope):
            await self._app(scope, receive, send)
            return

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", _cookie(secure=scope["scheme"] == "https"))
            await send(message)

        await self._app(scope, receive, with_cookie)

    def _is_known(self, scope: Scope) -> bool:
        return bool(_TOKEN.fullmatch(Request(scope).cookies.get(COOKIE, "")))


def _cookie(*, secure: bool) -> str:
    response = Response()
    response.set_cookie(
        COOKIE, secrets.token_urlsafe(32), max_age=_SECONDS, httponly=True, samesite="lax", secure=secure
    )
    return response.headers["set-cookie"]
