"""Waiting for work that goes on elsewhere, and leaving it early."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

_POLL_SECONDS = 0.2

Result = TypeVar("Result")


class Stopped(Exception):
    """Raised inside a call to leave it early."""


def result_of(future: Future[Result], while_waiting: Callable[[], None]) -> Result:
    """Return a future's result, or raise its error.

    Args:
        future: What is waited for.
        while_waiting: Called now and then; may raise to give up.
    """
    while not wait([future], _POLL_SECONDS).done:
        while_waiting()
    return future.result()
