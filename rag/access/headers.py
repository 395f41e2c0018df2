"""Security headers on every response, after the OWASP Secure Headers project.

The page's inline scripts are allowed by their hashes, so that no other inline script and no ``onerror=`` ever runs.
Gradio builds functions from the page's own texts and sets styles in elements, hence ``unsafe-eval`` and inline styles.
"""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from rag.access.rules import is_for_good

_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc\s*=)[^>]*>(.*?)</script\s*>", re.I | re.S)
_LARGEST_PAGE = 8 * 1024 * 1024
_POLICY = (
    "default-src 'self'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; "
    "frame-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send forms with the origin "null"
    "Permissions-Policy": (
        "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), "
        "gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), "
        "xr-spatial-tracking=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "X-Permitted-Cross-Domain-Policies": "none",
}
_YEAR = 365 * 24 * 3600


def policy(page: bytes | None = None) -> str:
    """Return the content security policy of a response.

    Args:
        page: An HTML page whose own inline scripts may run; None: none may.
    """
    if page is None:
        return _POLICY.format(scripts="")
    hashes = dict.fromkeys(_hash(script) for script in _INLINE_SCRIPT.findall(page) if script.strip())
    return _POLICY.format(scripts="".join(f" '{found}'" for found in hashes) + (" 'unsafe-eval'" if hashes else ""))


def _hash(script: bytes) -> str:
    # A browser hashes the text that its parser read, where every line break is one line feed.
    text = script.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return "sha256-" + base64.b64encode(hashlib.sha256(text).digest()).decode("ascii")


class SecuredSend:
    """Sends a response with the headers; a page is held back until its scripts are known.

    Args:
        scope: The request.
        send: Where the response goes.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._page: Message | None = None
        self._body = bytearray()
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """Send one part of the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = self._secure(message)
            if headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers:
                self._page = message
                return
            headers["Content-Security-Policy"] = policy()
        elif self._page is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if message.get("more_body") and len(self._body) < _LARGEST_PAGE:
                return
            start, self._page = self._page, None
            MutableHeaders(scope=start)["Content-Security-Policy"] = policy(bytes(self._body))
            await self._send(start)
            message = {**message, "body": bytes(self._body)}
            self._body.clear()
        await self._send(message)

    def _secure(self, message: Message) -> MutableHeaders:
        headers = MutableHeaders(scope=message)
        # No other site's pages are let at this server, whatever Gradio's own rules say.
        for name in [name for name in headers if name.startswith("access-control-")]:
            del headers[name]
        headers.update(_FIXED)
        if not is_for_good(self._scope["path"]):
            headers["Cache-Control"] = "no-store"
        if self._scope.get("scheme") == "https":
            headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
        return headers
