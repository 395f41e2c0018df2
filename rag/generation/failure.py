"""Why a chat model gave nothing usable, told apart so that the reader can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from rag.errors import GenerationError

FailureKind = Literal[
    "unreachable",
    "timeout",
    "broken",
    "busy",
    "server",
    "key",
    "rejected",
    "overflow",
    "malformed",
    "empty",
    "cut",
    "declined",
    "language",
    "silent",
    "unverified",
]
PASSING: frozenset[FailureKind] = frozenset({"unreachable", "busy", "server"})
"""Faults that may be gone a moment later."""
OVERFLOW_WORDS = ("context length", "context_length", "context size", "too many tokens", "maximum context")
_BY_CLASS: Mapping[str, FailureKind] = {
    "APITimeoutError": "timeout",
    "TimeoutException": "timeout",
    "TimeoutError": "timeout",
    "RemoteProtocolError": "broken",
    "ReadError": "broken",
    "IncompleteRead": "broken",
    "ChunkedEncodingError": "broken",
    "JSONDecodeError": "malformed",
    "UnicodeDecodeError": "malformed",
    "APIResponseValidationError": "malformed",
    "APIConnectionError": "unreachable",
    "ConnectError": "unreachable",
    "ConnectionError": "unreachable",
    "ContextOverflowError": "overflow",
}


class ModelFailure(GenerationError):
    """The chat model failed.

    Attributes:
        kind: What went wrong.
        retry_after: Seconds after which the server asks to be tried again, or None.
    """

    def __init__(self, kind: FailureKind, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"The chat model failed ({kind}): {detail}")
        self.kind = kind
        self.retry_after = retry_after


def failure_of(error: Exception) -> ModelFailure:
    """Translate any error of any provider's client; its text is left out, since it may hold a key."""
    if isinstance(error, ModelFailure):
        return error
    detail = type(error).__name__
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 400:
        return ModelFailure(_of_status(status, str(error)), f"{detail}, HTTP {status}", _retry_after(error))
    names = [kind.__name__ for kind in type(error).__mro__]
    kind: FailureKind = next((_BY_CLASS[name] for name in names if name in _BY_CLASS), "server")
    if kind == "server" and any(word in str(error).lower() for word in OVERFLOW_WORDS):
        kind = "overflow"
    return ModelFailure(kind, detail)


def _of_status(status: int, text: str) -> FailureKind:
    if status in (400, 413, 422) and any(word in text.lower() for word in OVERFLOW_WORDS):
        return "overflow"
    if status in (401, 403):
        return "key"
    if status == 429:
        return "busy"
    return "server" if status >= 500 or status in (408, 409) else "rejected"


def _retry_after(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * scale)
        except (KeyError, ValueError):
            continue
    return None
