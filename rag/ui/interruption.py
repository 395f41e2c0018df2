"""Pieces that can be waited for no longer: a chat model may be silent for a minute when the reader presses stop."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

Piece = TypeVar("Piece")
_POLL_SECONDS = 0.1
_AHEAD = 64  # pieces made before the page has taken them


def until_stopped(pieces: Callable[[], Iterator[Piece]], stopping: Event) -> Iterator[Piece]:
    """Yield what ``pieces`` yields until it ends or ``stopping`` is set, whichever is first.

    The pieces are made in a thread of their own; what makes them is closed as soon as it next comes back.
    """
    made: Queue[Piece | _Ended] = Queue(_AHEAD)
    left = Event()
    context = contextvars.copy_context()
    worker = Thread(target=context.run, args=(_make, pieces, made, left), daemon=True)
    worker.start()
    try:
        while not stopping.is_set():
            try:
                piece = made.get(timeout=_POLL_SECONDS)
            except Empty:
                continue
            if isinstance(piece, _Ended):
                if piece.error:
                    raise piece.error
                return
            yield piece
    finally:
        left.set()


class _Ended:
    """Stands after the last piece, with what went wrong."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def _make(pieces: Callable[[], Iterator[Piece]], made: Queue[Piece | _Ended], left: Event) -> None:
    error: BaseException | None = None
    try:
        for piece in pieces():
            if not _put(made, piece, left):
                return
    except BaseException as raised:  # raised again where the pieces are taken
        error = raised
    _put(made, _Ended(error), left)


def _put(made: Queue[Piece | _Ended], piece: Piece | _Ended, left: Event) -> bool:
    """Hand a piece over; False when nobody takes any more."""
    while not left.is_set():
        try:
            made.put(piece, timeout=_POLL_SECONDS)
        except Full:
            continue
        return True
    return False
