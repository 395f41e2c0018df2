"""From the scores of a report's statements to a verdict: pure functions, with thresholds fitted beside the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.evidence.scorer import Score
from rag.types import Verdict


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities from which a verdict is given, fitted by ``python -m training calibrate``.

    Attributes:
        yes: From here on the report says that it is so.
        no: From here on it says that it is not so.
        mixed: From here on both, it says both; below, the likelier of the two counts.
        review: From here on it is for a person to look at, though neither is reached.
    """

    yes: float
    no: float
    mixed: float
    review: float


def strongest(scores: Sequence[Score], label: str) -> float:
    """Return the highest probability of a label among scores; 0 without any."""
    return max((getattr(score, label) for score in scores), default=0.0)


def verdict(scores: Sequence[Score], thresholds: Thresholds) -> Verdict:
    """Return what a report says, by the strongest of its statements. Without any it says nothing.

    A plan is no deed, so it makes no verdict.
    """
    yes, no = strongest(scores, "yes"), strongest(scores, "no")
    if min(yes, no) >= thresholds.mixed:
        return Verdict.MIXED
    if yes >= thresholds.yes and (yes >= no or no < thresholds.no):
        return Verdict.YES
    if no >= thresholds.no:
        return Verdict.NO
    return Verdict.NEEDS_REVIEW if max(yes, no) >= thresholds.review else Verdict.NOT_MENTIONED


def confidence(scores: Sequence[Score], given: Verdict) -> float:
    """Return the probability that the strongest statement speaks for the verdict given."""
    yes, no = strongest(scores, "yes"), strongest(scores, "no")
    match given:
        case Verdict.YES:
            return yes
        case Verdict.NO:
            return no
        case Verdict.MIXED:
            return min(yes, no)
        case Verdict.NEEDS_REVIEW:
            return max(yes, no)
        case _:
            return 1 - max(yes, no)
