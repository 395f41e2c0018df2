"""Fits what turns the reader's outputs into probabilities and probabilities into verdicts, on writers of its own.

Logits get one scale, as in temperature scaling (Guo et al. 2017, *On Calibration of Modern Neural Networks*,
https://arxiv.org/abs/1706.04599), and a shift for each label, since labels are rarer among what is read than in
training. With one scale the fit on probabilities that are known is the fit on logits that are not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from rag.evidence.scorer import LABELS, Score
from rag.evidence.verdicts import Thresholds, strongest
from rag.types import Verdict
from training.scoring import Scored, gold_verdict

CALIBRATION_FILE = "calibration.json"
GRID = tuple(round(step / 25, 2) for step in range(1, 25))
"""Thresholds that are tried."""
NEVER = 1.0
"""Threshold that no probability of a softmax reaches."""
UNFITTED = 0.5
"""Threshold where there is no question to fit it to: the likelier of two."""
WORTH_REVIEW = 0.3
"""Chosen: a person is asked to look where at least so many of the reports in doubt say something."""
_STEPS = 200


class NotCalibrated(ValueError):
    """No calibration of these weights is at hand."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted.

    Attributes:
        scale: Factor of all logits.
        shift: What is added to each label's then.
        thresholds: Probabilities from which a verdict is given.
    """

    scale: float
    shift: tuple[float, ...]
    thresholds: Thresholds

    @classmethod
    def none(cls) -> Self:
        """Return what changes nothing."""
        return cls(1.0, (0.0,) * len(LABELS), Thresholds(UNFITTED, UNFITTED, NEVER, 0.3))

    @classmethod
    def load(cls, path: Path, weights: str) -> Self:
        """Read what was fitted.

        Args:
            path: Where it was saved.
            weights: SHA-256 of the weights that it must have been fitted to.

        Raises:
            NotCalibrated: nothing was fitted, or it was to other weights.
        """
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if stored.pop("weights", None) != weights:
            raise NotCalibrated(f"{str(path)!r} is not of these weights. Run: python -m training calibrate")
        return cls(stored["scale"], tuple(stored["shift"]), Thresholds(**stored["thresholds"]))

    def save(self, path: Path, weights: str) -> None:
        """Write what was fitted to weights of that SHA-256."""
        path.write_text(json.dumps(asdict(self) | {"weights": weights}, indent=1) + "\n", encoding="utf-8")


def fit_calibration(scored: Sequence[Scored]) -> Calibration:
    """Fit scale, shift and thresholds on statements as retrieval hands them over.

    Args:
        scored: Items scored without any calibration.
    """
    scale, shift = _fit_scaling(scored)
    return Calibration(scale, shift, fit_thresholds([rescaled(one, scale, shift) for one in scored]))


def rescaled(scored: Scored, scale: float, shift: Sequence[float]) -> Scored:
    """Return what the reader would make of the item with that scale and shift."""
    return replace(scored, scores={number: _rescaled(score, scale, shift) for number, score in scored.scores.items()})


def fit_thresholds(scored: Sequence[Scored]) -> Thresholds:
    """Return the thresholds at which the mean F1 of yes and that of no over the survey questions add up to the most."""
    surveys = [one for one in scored if one.item.across and gold_verdict(one.item) is not None]
    if not surveys:
        return Thresholds(UNFITTED, UNFITTED, NEVER, UNFITTED)
    questions = _Questions.of(surveys)
    tried = ((yes, no, mixed) for mixed in (*GRID, NEVER) for yes in GRID for no in GRID)
    yes, no, mixed = max(tried, key=lambda thresholds: questions.f1(*thresholds))
    return Thresholds(yes, no, mixed, _review(surveys, yes, no))


@dataclass(frozen=True, slots=True)
class _Questions:
    """Reports of all survey questions as arrays: probabilities, gold, and which question each is of."""

    yes: NDArray[np.float64]
    no: NDArray[np.float64]
    is_yes: NDArray[np.bool_]
    is_no: NDArray[np.bool_]
    question: NDArray[np.int64]

    @classmethod
    def of(cls, surveys: Sequence[Scored]) -> Self:
        gold = [gold_verdict(one.item) for one in surveys]
        names = [f"{one.item.group}\n{one.wording.text}" for one in surveys]
        return cls(
            np.array([strongest(one.of_read, "yes") for one in surveys]),
            np.array([strongest(one.of_read, "no") for one in surveys]),
            np.array([verdict in (Verdict.YES, Verdict.MIXED) for verdict in gold]),
            np.array([verdict in (Verdict.NO, Verdict.MIXED) for verdict in gold]),
            np.unique(names, return_inverse=True)[1],
        )

    def f1(self, yes: float, no: float, mixed: float) -> float:
        """Return the mean F1 of yes plus that of no, as ``rag.evidence.verdicts.verdict`` decides."""
        both = np.minimum(self.yes, self.no) >= mixed
        says_yes = ~both & (self.yes >= yes) & ((self.yes >= self.no) | (self.no < no))
        says_no = ~both & (self.no >= no) & ~says_yes
        return self._mean_f1(says_yes, self.is_yes) + self._mean_f1(says_no, self.is_no)

    def _mean_f1(self, said: NDArray[np.bool_], gold: NDArray[np.bool_]) -> float:
        right, counted = (np.bincount(self.question, weights) for weights in (said & gold, said * 1.0 + gold))
        met = np.bincount(self.question, gold) > 0
        return float(np.mean(2 * right[met] / counted[met])) if met.any() else 0.0


def _fit_scaling(scored: Sequence[Scored]) -> tuple[float, tuple[float, ...]]:
    rows, targets = [], []
    for one in scored:
        for number in one.read:
            if (label := one.label(number)) is not None:
                rows.append(_logits(one.scores[number]))
                targets.append(LABELS.index(label))
    logits, goals = torch.tensor(rows, dtype=torch.float64), torch.tensor(targets)
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(len(LABELS), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scale, shift], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(logits * scale + shift, goals)
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(scale.detach()), tuple(shift.tolist())


def _logits(score: Score) -> list[float]:
    return np.log(np.maximum([getattr(score, label) for label in LABELS], 1e-12)).tolist()


def _rescaled(score: Score, scale: float, shift: Sequence[float]) -> Score:
    logits = np.array(_logits(score)) * scale + shift
    powers = np.exp(logits - logits.max())
    return replace(score, **dict(zip(LABELS, (powers / powers.sum()).tolist(), strict=True)))


def _review(surveys: Sequence[Scored], yes: float, no: float) -> float:
    """Return the lowest threshold at which looking at what is left open is worth it."""
    doubtful = []
    for one in surveys:
        probabilities = strongest(one.of_read, "yes"), strongest(one.of_read, "no")
        if probabilities[0] < yes and probabilities[1] < no:
            doubtful.append((max(probabilities), gold_verdict(one.item) is not Verdict.NOT_MENTIONED))
    for threshold in GRID:
        said = [is_right for probability, is_right in doubtful if probability >= threshold]
        if said and np.mean(said) >= WORTH_REVIEW:
            return threshold
    return max(yes, no)
