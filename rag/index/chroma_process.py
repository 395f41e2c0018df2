"""Chroma in a process of its own: ``python -m rag.index.chroma_process``, set up with a place, a folder or a URL.

A segmentation fault in Chroma's native code ends this process and no other, and its writes hold this interpreter's
lock and no other's. It is ready when it can open Chroma, and opens it for the first request: (method of ``Chroma``,
arguments). When requests end, because the application closed this process or was killed, Chroma is closed cleanly.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rag.child_process import Tell, serve
from rag.errors import StoreError
from rag.index.chroma import Chroma, load
from rag.index.marker import Marker

_REST_S = 1.0
"""Seconds without a write after which a folder is noted as safe."""

_WRITING = {"make", "upsert", "delete"}


class Service:
    """Answers requests to Chroma in one place.

    Args:
        place: A folder, or a server's URL.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._marker = None if "://" in place else Marker(Path(place))
        self._chroma: Chroma | None = None
        self._written = time.monotonic()
        with suppress(Exception):  # it is told when it is asked for
            load()

    def __call__(self, request: tuple[str, tuple[Any, ...]], _tell: Tell) -> Any:  # noqa: ANN401 - what it returns
        """Call a method of Chroma.

        Raises:
            StoreError: it failed; this process goes on.
        """
        try:
            return self._do(*request)
        except BaseException as error:  # Chroma's native code panics with an exception that is no Exception
            raise StoreError(f"{type(error).__name__}: {error}") from error

    def _do(self, name: str, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - what the method returns
        if self._chroma is None:
            self._open()
        if self._marker and name in _WRITING:
            self._marker.writing()
            self._written = time.monotonic()
        self.rest()
        return getattr(self._chroma, name)(*arguments)

    def _open(self) -> None:
        if self._marker is None:
            self._chroma = Chroma.on_server(self._place)
            return
        self._chroma = Chroma.in_folder(Path(self._place))
        self._marker.resting()  # opening changes no content, but a file's time

    def rest(self) -> None:
        """Note a folder as safe that has not been written for a while."""
        if self._marker and time.monotonic() - self._written >= _REST_S:
            self._marker.resting()

    def finish(self) -> None:
        """Close Chroma, and note that."""
        if self._chroma is not None:
            self._chroma.close()
            if self._marker:
                self._marker.closed()


if __name__ == "__main__":
    serve(Service, rest=Service.rest, finish=Service.finish)
