"""Two runs of one gold set side by side: paired bootstrap, and the questions that changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import GoldError
from rag.evaluation.metrics import METRICS
from rag.evaluation.summary import Figure, figure


@dataclass(frozen=True, slots=True)
class Change:
    """One question's score in both runs."""

    id: str
    metric: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric in both runs over the questions that have it in both.

    Attributes:
        metric: Its name.
        before: Mean in the first run.
        after: Mean in the second run.
        change: Mean of the paired differences with its 95% bootstrap interval.
    """

    metric: str
    before: float
    after: float
    change: Figure

    @property
    def is_clear(self) -> bool:
        """True if the interval leaves out zero."""
        return self.change.low > 0 or self.change.high < 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences of metrics, changes of questions, and the ids that only one run has."""

    differences: tuple[Difference, ...]
    changes: tuple[Change, ...]
    unpaired: tuple[str, ...]


def load_result(path: Path) -> dict[str, Any]:
    """Read what ``--json`` wrote.

    Raises:
        GoldError: it cannot be read or is something else.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GoldError(f"Cannot read the result {str(path)!r}: {error}. Give a file that --json wrote.") from error
    if not isinstance(result, dict) or not isinstance(result.get("questions"), list):
        raise GoldError(f"{str(path)!r} holds no evaluation result. Give a file that --json wrote.")
    return result


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """Compare two results question by question; a score that is not applicable in either run is left out."""
    first, second = _scores(before), _scores(after)
    shared = [name for name in first if name in second]
    changes, differences = [], []
    for metric in METRICS:
        pairs = [
            Change(name, metric.name, first[name][metric.name], second[name][metric.name])
            for name in shared
            if first[name].get(metric.name) is not None and second[name].get(metric.name) is not None
        ]
        change = figure([pair.after - pair.before for pair in pairs], f"compare/{metric.name}")
        if change is not None:
            before_mean = sum(pair.before for pair in pairs) / len(pairs)
            differences.append(Difference(metric.name, before_mean, before_mean + change.value, change))
        changes += [pair for pair in pairs if pair.before != pair.after]
    return Comparison(tuple(differences), tuple(changes), tuple(sorted(set(first) ^ set(second))))


def _scores(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {question["id"]: question["scores"] for question in result["questions"]}
