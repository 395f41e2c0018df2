"""A chat server that does as its script says: real HTTP, server-sent events, on loopback, OpenAI's wire format.

Run it by hand to try the page without a model: ``python -m tests.scripted_server "你好[S0000]。"``.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

FOLLOW_UP = re.compile(r"conversation>>>\s*(?:Last question: |最后一个问题：)(.*)$")
FENCED = re.compile(r"<<<(S[0-9a-f]{4,})\n(.*?)\n\1>>>", re.DOTALL)


@dataclass(frozen=True)
class Reply:
    """What the server does with one request.

    Attributes:
        text: What the model says; ``{some words}`` becomes the id of the source that holds the words.
        pieces: What it says piece by piece as a real model writes it, in place of ``text``.
        status: HTTP status; anything but 200 sends an error.
        headers: More response headers.
        piece: Characters an event.
        pause: Seconds before each event.
        first: Seconds before the first event.
        cut: Break the connection after so many events.
        silent_end: End the stream without saying that it is complete.
        garbled: Send an event that is no JSON after the first.
        finish: The reason for ending that is told.
        refusal: Refuse in the way that the wire format has for it.
        error: Text of an error.
    """

    text: str = ""
    pieces: Iterable[str] | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    piece: int = 6
    pause: float = 0.0
    first: float = 0.0
    cut: int | None = None
    silent_end: bool = False
    garbled: bool = False
    finish: str = "stop"
    refusal: bool = False
    error: str = "scripted error"


@dataclass(frozen=True)
class Request:
    """A request as the server got it."""

    system: str
    user: str
    at: float
    authorization: str

    @property
    def sources(self) -> dict[str, str]:
        """The fenced sources by id."""
        return dict(FENCED.findall(self.user))

    @property
    def follow_up(self) -> str | None:
        """The question that is to be rewritten, if one is."""
        found = FOLLOW_UP.search(self.user)
        return found[1] if found else None

    def id_of(self, words: str) -> str:
        """Return the id of the source that holds the words."""
        for name, text in self.sources.items():
            if words in text:
                return name
        raise ScriptError(f"no source that is shown holds {words!r}")


class ScriptError(AssertionError):
    """A script asks for what it is not shown: the test would pass for a server that broke off."""


Script = Callable[[Request], Reply]


class ScriptedServer:
    """The server; use it in a ``with``.

    Args:
        script: What to do with each request, or one reply for all.
    """

    def __init__(self, script: Script | Reply) -> None:
        self.script: Script = script if callable(script) else lambda request: script
        self.requests: list[Request] = []
        self.under_way = 0
        self.most_under_way = 0
        self.lock = threading.Lock()
        self.errors: list[ScriptError] = []
        self.connections: list[socket.socket] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """The address to give as ``LLM_BASE_URL``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if self.errors and kind is None:
            raise self.errors[0]

    def kill(self) -> None:
        """Stop listening and drop every connection."""
        self._http.shutdown()
        self._http.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    owner: ScriptedServer
    protocol_version = "HTTP/1.0"

    def do_POST(self) -> None:
        with self.owner.lock:
            self.owner.connections.append(self.connection)
            self.owner.under_way += 1
            self.owner.most_under_way = max(self.owner.most_under_way, self.owner.under_way)
        try:
            self._serve()
        except (BrokenPipeError, ConnectionResetError):
            pass
        except ScriptError as error:
            self.owner.errors.append(error)
        finally:
            with self.owner.lock:
                self.owner.under_way -= 1

    def _serve(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = {message["role"]: _text(message["content"]) for message in body["messages"]}
        request = Request(
            texts.get("system", ""), texts.get("user", ""), time.monotonic(), self.headers["Authorization"] or ""
        )
        self.owner.requests.append(request)
        self._reply(self.owner.script(request), request)

    def _reply(self, reply: Reply, request: Request) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 200:
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"error": {"message": reply.error, "code": None}}).encode())
            return
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        time.sleep(reply.first)
        for count, piece in enumerate(_pieces(reply, request)):
            time.sleep(reply.pause)
            if reply.cut is not None and count >= reply.cut:
                return
            self._event({"content": piece})
            if reply.garbled:
                self.wfile.write(b"data: {not json\n\n")
        if reply.refusal:
            self._event({"refusal": "I can't help with that."})
        if not reply.silent_end:
            self._event({}, reply.finish)
            self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, delta: dict[str, str], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        event = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def _pieces(reply: Reply, request: Request) -> Iterable[str]:
    if reply.pieces is not None:
        return reply.pieces
    text = re.sub(r"\{([^{}\"\n]+)\}", lambda match: request.id_of(match[1]), reply.text)
    return [text[start : start + reply.piece] for start in range(0, len(text), reply.piece)]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


if __name__ == "__main__":
    with ScriptedServer(Reply(sys.argv[1] if len(sys.argv) > 1 else "")) as running:
        sys.stdout.write(f"{running.url}\n")
        sys.stdout.flush()
        threading.Event().wait()
