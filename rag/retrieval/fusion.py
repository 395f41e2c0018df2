"""Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009) and spreading over reports. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

RANK_CONSTANT = 60
"""k of the paper."""

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


def fuse(rankings: Iterable[tuple[float, Sequence[Key]]]) -> dict[Key, float]:
    """Fuse ranked lists, each with its weight; an empty list adds nothing.

    Returns:
        The fused score of every key, in descending order.
    """
    scores: dict[Key, float] = defaultdict(float)
    for weight, ranking in rankings:
        for rank, key in enumerate(ranking, start=1):
            scores[key] += weight / (RANK_CONSTANT + rank)
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


def spread(ranked: Sequence[Item], group: Callable[[Item], Hashable], most: int, wanted: int) -> list[Item]:
    """Take the first ``wanted`` items with at most ``most`` of a group; held-back ones follow if room is left."""
    taken: list[Item] = []
    held: list[Item] = []
    counts: Counter[Hashable] = Counter()
    for item in ranked:
        if counts[group(item)] < most:
            counts[group(item)] += 1
            taken.append(item)
        else:
            held.append(item)
        if len(taken) == wanted:
            break
    return [*taken, *held][:wanted]
