"""When Python looks for garbage that refers to itself, which makes a question wait."""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 20_000, 10, 10
"""Objects after which the youngest are looked through, and collections after which the next generation is: all that
lives once in two million objects."""


def collect_seldom() -> None:
    """Never look through what lives now again, and seldom through the rest; for a process that answers questions."""
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
