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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import rag
from rag.errors import RagError

_LENGTH = struct.Struct(">Q")
_LOOK_UP_SECONDS = 1.0
"""Seconds without a request after which a child looks whether its parent is there, and may tidy up."""
_END_SECONDS = 2.0
_GONE_SECONDS = 10.0
"""Seconds after which a killed process that is still there is left to the operating system."""
_ONE_THREAD = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}

_NO_MORE = object()
"""Stands after the last request."""

Tell = Callable[[Any], None]
"""Sends a part of the answer, or how far it has come."""

Handler = TypeVar("Handler", bound=Callable[[Any, Tell], object])


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
        quiet: Its output goes nowhere, so that it disturbs neither ours nor whoever waits for the end of ours.
        keep_open: Descriptors that stay open as long as the child lives.

    Raises:
        OSError: no process can be started.
    """

    def __init__(
        self,
        module: str,
        setup: object,
        *,
        one_thread: bool = False,
        quiet: bool = False,
        keep_open: Sequence[int] = (),
    ) -> None:
        environment = {**os.environ, "PYTHONPATH": _path(), **(_ONE_THREAD if one_thread else {})}
        # A session of its own, so that Ctrl+C in the terminal stops the parent, which then ends the child in order.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            start_new_session=True,
            pass_fds=keep_open,
        )
        assert self._process.stdin is not None and self._process.stdout is not None, "both were asked for"
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._lock = threading.Lock()
        self._asking: object = None
        self._too_late = ""
        self.is_ready = False
        """Whether it has made its handler."""
        with suppress(OSError):  # it has ended already: whoever asks it is told
            _send(self._requests, setup)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def start(self, seconds: float | None = None) -> None:
        """Wait until the child is ready: starting counts in no request's time.

        Args:
            seconds: Time after which the child is killed; None: no limit.

        Raises:
            ChildDied: the child ended first; it takes no request.
        """
        if not self.is_ready:
            with self._within(seconds):
                _receive(self._answers)
            self.is_ready = True

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
        self.start()
        with self._within(seconds):
            _send(self._requests, request)
            return self._answer(on_part)

    @contextmanager
    def _within(self, seconds: float | None) -> Iterator[None]:
        """Kill the child if what is done with it takes longer; say how it ended if it does."""
        self._asking = asking = object()
        timer = threading.Timer(seconds or 0.0, self._time_is_up, [asking, seconds])
        timer.daemon = True
        try:
            if seconds:
                timer.start()
            yield
        except (OSError, EOFError, ValueError) as error:
            how = self._end()
            raise ChildDied(self._too_late or how, timed_out=bool(self._too_late)) from error
        finally:
            with self._lock:
                self._asking = None
            timer.cancel()

    def _answer(self, on_part: Tell | None) -> Any:  # noqa: ANN401
        while True:
            kind, value = _receive(self._answers)
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

    def close(self, seconds: float = 0.0) -> bool:
        """End it, whatever it is doing; its own caller then gets ``ChildDied``.

        Args:
            seconds: Time in which it may end by itself, once nobody asks it any more; 0: it is ended at once.

        Returns:
            Whether it is gone. One that the operating system cannot end, for want of a disk's answer, is left to it.
        """
        if seconds:
            _close(self._requests)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self._process.kill()
        try:
            self._process.wait(_GONE_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        _close(self._requests, self._answers)
        return True

    def _time_is_up(self, asking: object, seconds: float) -> None:
        with self._lock:  # not after the answer: that would be the next request's misfortune
            if self._asking is asking:
                self._too_late = f"killed, since it did not answer within {seconds:g} s"
                self._process.kill()

    def _end(self) -> str:
        """Return how it ended, once it has."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        if not self.close():
            return "killed, but still there"
        code = self._process.returncode
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"


def serve(
    make: Callable[[Any], Handler],
    *,
    rest: Callable[[Handler], None] = lambda handler: None,
    finish: Callable[[Handler], None] | None = None,
) -> None:
    """Be such a child: make a handler from the setup, then answer request after request until the parent ends that.

    Errors of ours and want of memory go to the parent; any other ends the child.

    Args:
        make: Makes the handler.
        rest: Called about every second without a request.
        finish: Called when there will be no more requests, after what is under way. None, or no handler yet: the
            child ends at once then, whatever it is doing, since that might never end.
    """
    requests, answers = _own_pipes()
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    finishes = threading.Event()
    threading.Thread(target=_listen, args=(requests, waiting, finishes), daemon=True).start()
    parent = os.getppid()
    try:
        setup = _next(waiting, parent)
    except EOFError:
        return
    handler = make(setup)
    if finish:
        finishes.set()
    with suppress(EOFError, OSError):  # there are no more, or the other end is gone
        _send(answers, "ready")
        while True:
            request = _next(waiting, parent, lambda: rest(handler))
            _send(answers, _reply(handler, request, answers))
    if finish:
        finish(handler)
    os._exit(0)  # half a second sooner: there is nothing left to tidy up


def _next(waiting: queue.SimpleQueue[Any], parent: int, rest: Callable[[], None] = lambda: None) -> Any:  # noqa: ANN401
    """Wait for a request.

    Raises:
        EOFError: there will be none, or the process that started us is gone, whoever else holds its pipes.
    """
    while True:
        with suppress(queue.Empty):
            request = waiting.get(timeout=_LOOK_UP_SECONDS)
            if request is _NO_MORE:
                raise EOFError
            return request
        if os.getppid() != parent:
            raise EOFError
        rest()


def _reply(handler: Callable[[Any, Tell], object], request: object, answers: IO[bytes]) -> tuple[str, object]:
    try:
        return "answer", handler(request, lambda part: _send(answers, ("part", part)))
    except (RagError, MemoryError) as error:
        return "error", error.with_traceback(None)
    except Exception:
        traceback.print_exc()
        os._exit(1)


def _own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Take the pipes for ourselves, so that a library that prints does not print into an answer."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):  # Windows has no SIGHUP
            signal.signal(number, signal.SIG_IGN)  # a service manager signals every process; the parent decides
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    return requests, answers


def _listen(requests: IO[bytes], waiting: queue.SimpleQueue[Any], finishes: threading.Event) -> None:
    """Take requests; the end of the pipe is the end of the parent, however it came, or of its wanting us."""
    try:
        while True:
            waiting.put(_receive(requests))
    except (OSError, EOFError):
        pass
    finally:
        if not finishes.is_set():
            os._exit(0)
        waiting.put(_NO_MORE)


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


def _close(*pipes: IO[bytes]) -> None:
    for pipe in pipes:
        with suppress(OSError):
            pipe.close()


def _path() -> str:
    """Let the child find this package wherever it is, and what the parent was told to find."""
    own = str(Path(rag.__file__).parent.parent)
    return os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
