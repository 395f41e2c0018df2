"""Requests that are not let through: problem details (RFC 9457) for programs, a line of text for browsers."""

from __future__ import annotations

import json
from http import HTTPStatus

from starlette.responses import PlainTextResponse, Response

MEDIA_TYPE = "application/problem+json"


class Refusal(Exception):
    """A request is not let through.

    Args:
        status: The HTTP status.
        detail: What is wrong.
        advice: What to do.
        headers: Further headers of the response.
    """

    def __init__(self, status: int, detail: str, advice: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.advice = advice
        self.headers = headers or {}

    def response(self, path: str, *, for_program: bool) -> Response:
        """Return it as a response."""
        if not for_program:
            return PlainTextResponse(f"{self.detail} {self.advice}\n", self.status, self.headers)
        phrase = HTTPStatus(self.status).phrase
        problem = {
            "type": f"urn:rag:problem:{phrase.lower().replace(' ', '-')}",
            "title": phrase,
            "status": self.status,
            "detail": self.detail,
            "what": phrase,
            "which": path,
            "next": self.advice,
            "errors": [],
        }
        return Response(json.dumps(problem), self.status, self.headers, MEDIA_TYPE)
