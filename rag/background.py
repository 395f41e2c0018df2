"""Work that goes on in the background while a process serves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rag.errors import RagError

EVERY_S = 1.0
"""Seconds between two steps."""

_AFTER_FAILURE_S = 30.0

_log = logging.getLogger(__name__)


class Background:
    """A daemon thread that takes a step every second; one that fails is told and tried again later.

    Args:
        name: What it does, for the log: ``follow the catalog``.
        step: The step. A long one looks at ``stopping`` now and then.
    """

    def __init__(self, name: str, step: Callable[[], None]) -> None:
        self.stopping = threading.Event()
        """Set when it is to end."""
        self._step = step
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Take the first step at once."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and wait for the step under way."""
        self.stopping.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.0
        while not self.stopping.wait(pause):
            pause = EVERY_S
            try:
                self._step()
            except RagError as error:
                _log.error("could not %s, tried again in %.0f s: %s", self._thread.name, _AFTER_FAILURE_S, error)
                pause = _AFTER_FAILURE_S
            except Exception:
                _log.exception("could not %s, tried again in %.0f s", self._thread.name, _AFTER_FAILURE_S)
                pause = _AFTER_FAILURE_S
