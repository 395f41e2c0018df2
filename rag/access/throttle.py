"""How much in how long: questions and uploads a user, wrong passwords an address and a name."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass
from typing import Literal

from rag.errors import RateLimited
from rag.settings import Settings

Spent = Literal["questions", "uploads"]

_NAMED = {
    "questions": "questions a minute (RAG_QUESTIONS_PER_MINUTE)",
    "uploads": "uploads an hour (RAG_UPLOADS_PER_HOUR)",
}
_LONGEST_WAIT = 900
_FORGOTTEN_AFTER = 3600
_MOST_REMEMBERED = 20_000
_NAME_ALLOWANCE = 4
"""A name may be tried as often from many addresses before all of them wait: else anyone could lock a user out."""


class Throttle:
    """Counts in memory what users ask and upload, over a moving window of the monotonic clock.

    Args:
        settings: How much is allowed.
    """

    def __init__(self, settings: Settings) -> None:
        self._limits: dict[Spent, tuple[int, int]] = {
            "questions": (settings.questions_per_minute, 60),
            "uploads": (settings.uploads_per_hour, 3600),
        }
        self._lock = threading.Lock()
        self._spent: defaultdict[tuple[Spent, str], deque[float]] = defaultdict(deque)

    def spend(self, what: Spent, who: str) -> None:
        """Count one more.

        Raises:
            RateLimited: it would be one too many.
        """
        most, window = self._limits[what]
        now = time.monotonic()
        with self._lock:
            moments = self._spent[what, who]
            while moments and moments[0] <= now - window:
                moments.popleft()
            if len(moments) < most:
                moments.append(now)
                return
            seconds = max(1, math.ceil(moments[0] + window - now))
        raise RateLimited(f"More than {most} {_NAMED[what]} are not allowed. Try again in {seconds} s.", seconds)


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Backoff:
    """Makes whoever guesses passwords wait: 1 s after the allowance, twice as long each time, 15 minutes at most.

    Args:
        allowed: Wrong passwords that an address has free; a name has four times as many.
    """

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait(self, name: str, address: str) -> int:
        """Return for how many seconds no password is looked at; 0 to go on."""
        now = time.monotonic()
        with self._lock:
            waits = [self._wait(key, allowed, now) for key, allowed in self._keys(name, address)]
        return math.ceil(max(waits))

    def attempted(self, name: str, address: str) -> None:
        """Count a log-in before its password is looked at, whether or not there is such a user."""
        now = time.monotonic()
        with self._lock:
            for key, _ in self._keys(name, address):
                self._failures[key] = _Failures(self._count(key, now) + 1, now)
                self._failures.move_to_end(key)
            while len(self._failures) > _MOST_REMEMBERED:
                self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget an address's wrong passwords; those tried on the name from elsewhere stay counted."""
        with self._lock:
            (from_address, _), (on_name, _) = self._keys(name, address)
            self._failures.pop(from_address, None)
            if on_name in self._failures:
                self._failures[on_name].count -= 1

    def _keys(self, name: str, address: str) -> tuple[tuple[str, int], ...]:
        return (f"address {address}", self._allowed), (f"name {name.casefold()[:64]}", self._allowed * _NAME_ALLOWANCE)

    def _count(self, key: str, now: float) -> int:
        known = self._failures.get(key)
        return known.count if known and now - known.last < _FORGOTTEN_AFTER else 0

    def _wait(self, key: str, allowed: int, now: float) -> float:
        over = self._count(key, now) - allowed
        if over < 0:
            return 0
        return self._failures[key].last + min(2.0 ** min(over, 10), _LONGEST_WAIT) - now
