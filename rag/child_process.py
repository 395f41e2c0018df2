"""A child process that answers one request at a time over pipes, and never outlives its parent.

Child and parent are the same program under the same account: the child is there so that a crash, a want of memory or
a long computation is its own, not so that it could not do harm.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import rag
from rag.errors import RagError

_LENGTH = struct.Struct(">Q")
_END_SECONDS = 2.0
_ONE_THREAD = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}

Tell = Callable[[Any], None]
"""Sends a part of the answer, or how far it has come."""


class ChildDied(Exception):
    """The child ended before it answered; the message says how, ``timed_out`` whether for its time being up."""

    def __init__(self, reason: str, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


class ChildProcess:
    """A running child; not for use by several threads at once, except ``close``.

    Args:
        module: Run with ``python -m``; calls ``serve``.
        setup: What its handler is made from.
        one_thread: Keep numerical libraries from starting a thread, with memory of its own, for every core.
    """

    def __init__(self, module: str, setup: object, *, one_thread: bool = False) -> None:
        environment = {**os.environ, "PYTHONPATH": _path(), **(_ONE_THREAD if one_thread else {})}
        # A session of its own, so that Ctrl+C in the terminal stops the parent, which then ends the child in order.
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._asking = self._timed_out = False
        self._setup: object = setup
        self._is_set_up = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def ask(self, request: object, *, seconds: float | None = None, on_part: Tell | None = None) -> Any:  # noqa: ANN401
        """Send a request and return the answer.

        Args:
            request: What the handler takes.
            seconds: Time after which the child is killed; None: no limit.
            on_part: Given the parts that the handler tells meanwhile. If it raises, the child is ended.

        Raises:
            ChildDied: the child ended first; it takes no further request.
            RagError: the handler raised it.
            MemoryError: the handler ran out of memory.
        """
        timer = threading.Timer(seconds, self._time_is_up) if seconds else None
        try:
            self._prepare()
            self._asking = True
            if timer:
                timer.daemon = True
                timer.start()
            return self._exchange(request, on_part)
        except (OSError, EOFError, ValueError) as error:
            raise ChildDied(self._end(), self._timed_out) from error
        finally:
            with self._lock:
                self._asking = False
            if timer:
                timer.cancel()

    def _prepare(self) -> None:
        """Hand the setup over and wait until the child is ready: starting counts in no request's time."""
        assert self._process.stdin is not None and self._process.stdout is not None
        if not self._is_set_up:
            _send(self._process.stdin, self._setup)
            _receive(self._process.stdout)
            self._is_set_up = True

    def _exchange(self, request: object, on_part: Tell | None) -> Any:  # noqa: ANN401
        assert self._process.stdin is not None and self._process.stdout is not None
        _send(self._process.stdin, request)
        while True:
            kind, value = _receive(self._process.stdout)
            if kind == "answer":
                return value
            if kind == "error":
                raise value
            if on_part:
                try:
                    on_part(value)
                except BaseException:
                    self.close()
                    raise

    def close(self) -> None:
        """End it at once, whatever it is doing; its own caller then gets ``ChildDied``."""
        self._process.kill()
        self._process.wait()
        self._close_pipes()

    def _time_is_up(self) -> None:
        with self._lock:  # not after the answer: that would be the next request's misfortune
            if self._asking:
                self._timed_out = True
                self._process.kill()

    def _end(self) -> str:
        """Return how it ended, once it has."""
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._close_pipes()
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                assert pipe is not None, "both were asked for"
                pipe.close()


def serve(make: Callable[[Any], Callable[[Any, Tell], object]]) -> None:
    """Be such a child until the parent goes: make a handler from the setup, then answer request after request.

    Errors of ours and want of memory go to the parent; any other ends the child.
    """
    requests, answers = _own_pipes()
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    handle = make(waiting.get())
    _send(answers, "ready")
    while True:
        request = waiting.get()
        try:
            answer = ("answer", handle(request, lambda part: _send(answers, ("part", part))))
        except (RagError, MemoryError) as error:
            answer = ("error", error.with_traceback(None))
        except Exception:
            traceback.print_exc()
            os._exit(1)
        _send(answers, answer)


def _own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Take the pipes for ourselves, so that a library that prints does not print into an answer."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a service manager signals every process; the parent decides
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    return requests, answers


def _listen(requests: IO[bytes], waiting: queue.SimpleQueue[Any]) -> None:
    """Take requests; the end of the pipe is the end of the parent, however it came."""
    try:
        while True:
            waiting.put(_receive(requests))
    except (OSError, EOFError):
        os._exit(0)


def _send(pipe: IO[bytes], message: object) -> None:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:  # noqa: ANN401
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    return pickle.loads(_exactly(pipe, length))


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _path() -> str:
    """Let the child find this package wherever it is, and what the parent was told to find."""
    own = str(Path(rag.__file__).parent.parent)
    return os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
