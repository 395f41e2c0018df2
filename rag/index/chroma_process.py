"""Chroma in a process of its own: ``python -m rag.index.chroma_process CONNECTION PLACE``, a folder or a URL.

A segmentation fault in Chroma's native code ends this process and no other, and its writes hold this interpreter's
lock and no other's. It greets when it can open Chroma, and opens it for the first request. Requests come one at a time
over the connection, (method of ``Chroma``, arguments), and are answered by (done, value or reason). When the
connection ends, because its other end closed it or was killed, Chroma is closed cleanly. Signals meant for the
application are ignored: it ends us by ending itself.
"""

from __future__ import annotations

import os
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rag.index.child import ignore_signals
from rag.index.chroma import Chroma, load
from rag.index.marker import Marker

_LOOK_UP_S = 1.0
"""Seconds without a request after which a written folder is noted as safe, and the other end looked for."""

_WRITING = {"make", "upsert", "delete"}


class Service:
    """Answers requests over a connection until it ends."""

    def __init__(self, connection: Connection, place: str) -> None:
        self._connection = connection
        self._place = place
        self._marker = None if "://" in place else Marker(Path(place))
        self._parent = os.getppid()
        self._chroma: Chroma | None = None
        self._written = time.monotonic()

    def run(self) -> None:
        """Greet, answer, close Chroma."""
        try:
            self._tell(load)
            while self._wait():
                name, arguments = self._connection.recv()
                self._tell(lambda name=name, arguments=arguments: self._do(name, arguments))
        except (EOFError, OSError):
            pass  # the other end is gone
        if self._chroma is not None:
            self._chroma.close()
            if self._marker:
                self._marker.closed()

    def _tell(self, work: Any) -> None:  # noqa: ANN401 - any function
        try:
            reply = (True, work())
        except BaseException as error:  # Chroma's native code panics with an exception that is no Exception
            reply = (False, f"{type(error).__name__}: {error}")
        self._connection.send(reply)

    def _open(self) -> None:
        if self._marker is None:
            self._chroma = Chroma.on_server(self._place)
            return
        self._chroma = Chroma.in_folder(Path(self._place))
        self._marker.resting()  # opening changes no content, but a file's time

    def _do(self, name: str, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - what the method returns
        if self._chroma is None:
            self._open()
        if self._marker and name in _WRITING:
            self._marker.writing()
            self._written = time.monotonic()
        self._rest()
        return getattr(self._chroma, name)(*arguments)

    def _rest(self) -> None:
        if self._marker and time.monotonic() - self._written >= _LOOK_UP_S:
            self._marker.resting()

    def _wait(self) -> bool:
        """Wait for a request; False once the process that started us is gone, whoever else holds its connection."""
        while not self._connection.poll(_LOOK_UP_S):
            if os.getppid() != self._parent:
                return False
            self._rest()
        return True


def main(descriptor: str, place: str) -> int:
    """Serve until the other end is gone."""
    ignore_signals()
    with Connection(int(descriptor)) as connection:
        Service(connection, place).run()
    return 0


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))  # half a second sooner: there is nothing left to tidy up
