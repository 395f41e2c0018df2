"""Which writers are trained on, which fit the thresholds, and which are only measured on."""

from __future__ import annotations

from collections.abc import Sequence

from training.data import Item

HELD_OUT = ("w3", "w8", "w11", "w17", "w27")
"""Measured on, never trained or calibrated on; neither are their texts."""
CALIBRATION = ("w1", "w6", "w15")
"""Not trained on: temperature and thresholds are fitted on these."""


def split(items: Sequence[Item]) -> tuple[list[Item], list[Item], list[Item]]:
    """Return the items to train on, to calibrate on and to measure on."""
    held_out = [item for item in items if item.writer in HELD_OUT]
    calibration = [item for item in items if item.writer in CALIBRATION]
    kept = [item for item in items if item.writer not in (*HELD_OUT, *CALIBRATION)]
    return kept, calibration, held_out


def part(items: Sequence[Item], share: float) -> list[Item]:
    """Return a share of items, whole matters at a time; up to a half, evenly from all writers."""
    groups = list(dict.fromkeys(item.group for item in items))
    kept = set(groups[:: round(1 / share)]) if share <= 0.5 else set(groups[: round(len(groups) * share)])
    return [item for item in items if item.group in kept]
