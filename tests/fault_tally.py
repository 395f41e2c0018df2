"""Counts what the fault tests tried and what was lost in them; pytest prints the table at its end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Tally:
    """Tries of one fault, and losses: what had been told as in, or promised, and was not there afterwards."""

    tries: int = 0
    losses: int = 0


TALLIES: dict[str, Tally] = {}


def count_fault(fault: str, tries: int = 1, losses: int = 0) -> None:
    """Add to a fault's tally; the test asserts that nothing was lost by itself."""
    tally = TALLIES.setdefault(fault, Tally())
    tally.tries += tries
    tally.losses += losses
