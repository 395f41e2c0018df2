"""Why a part of an index could not do what was asked; caught within this package."""

from __future__ import annotations

import time
from collections import deque


class CollectionFailed(Exception):
    """Chroma could not do it; the message continues "the vector index failed: …"."""


class Busy(Exception):
    """What was asked would have had to wait for a write."""


class Stopped(Exception):
    """Work was left in the middle, because this process is to end."""


class Failures:
    """When something failed of late, so that nobody tries it for ever.

    Args:
        limit: Failures that are too many.
        within: Seconds within which.
    """

    def __init__(self, limit: int, within: float) -> None:
        self._times: deque[float] = deque(maxlen=limit)
        self._within = within

    def add(self) -> None:
        """Note a failure now."""
        self._times.append(time.monotonic())

    def forget(self) -> None:
        """Begin anew."""
        self._times.clear()

    def too_many(self) -> bool:
        """Say whether it has failed too often to be tried again."""
        return len(self._times) == self._times.maxlen and time.monotonic() - self._times[0] < self._within

    def since(self, seconds: float) -> bool:
        """Say whether it has failed within so many seconds."""
        return bool(self._times) and time.monotonic() - self._times[-1] < seconds
