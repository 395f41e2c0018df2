"""From scores of questions to figures with intervals: overall, by kind and by language."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.evaluation.gold import KINDS, LANGUAGES
from rag.evaluation.metrics import Scores

Values = npt.NDArray[np.float64]
RESAMPLES = 2000
ALL = "all"


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over questions with its 95% percentile-bootstrap interval (Efron & Tibshirani, 1993).

    Attributes:
        value: The mean.
        low: Lower end of the interval.
        high: Upper end of the interval.
        questions: Number of questions it applies to.
    """

    value: float
    low: float
    high: float
    questions: int


@dataclass(frozen=True, slots=True)
class Scored:
    """A question's scores with what it is grouped by."""

    id: str
    kind: str
    language: str
    scores: Scores


def resamples(count: int, seed_name: str) -> npt.NDArray[np.int64]:
    """Return bootstrap indices, ``RESAMPLES`` rows of ``count``; the same name and count give the same rows."""
    generator = np.random.default_rng(zlib.crc32(seed_name.encode()))
    return generator.integers(0, count, size=(RESAMPLES, count))


def figure(values: Sequence[float], seed_name: str) -> Figure | None:
    """Return the mean with its interval, or None if there is nothing to average."""
    if not values:
        return None
    array = np.asarray(values, dtype=np.float64)
    means = array[resamples(len(values), seed_name)].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Figure(float(array.mean()), float(low), float(high), len(values))


def in_group(question: Scored, group: str) -> bool:
    """Return whether the question is in a group: ``all``, a kind, a language, or several joined by ``+``."""
    return group == ALL or bool({question.kind, question.language} & set(group.split("+")))


def groups(questions: Iterable[Scored]) -> list[str]:
    """Return the groups that occur, in the order of reports: all, languages, kinds."""
    seen = {name for question in questions for name in (question.kind, question.language)}
    return [ALL, *(name for name in (*LANGUAGES, *KINDS) if name in seen)]


def group_figure(questions: Iterable[Scored], metric: str, group: str) -> Figure | None:
    """Return one metric's figure over one group; None if it applies to no question there."""
    values = [question.scores.get(metric) for question in questions if in_group(question, group)]
    return figure([value for value in values if value is not None], f"{metric}/{group}")


def summarise(questions: Sequence[Scored], metrics: Iterable[str]) -> dict[str, dict[str, Figure]]:
    """Return the figures by metric and group, those that do not apply left out."""
    names = groups(questions)
    table: dict[str, dict[str, Figure]] = {}
    for metric in metrics:
        for group in names:
            found = group_figure(questions, metric, group)
            if found is not None:
                table.setdefault(metric, {})[group] = found
    return table


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one stage: median and 95th percentile, each with its 95% bootstrap interval."""

    median: Figure
    percentile_95: Figure


def timings(answers: Iterable[Mapping[str, Any]]) -> dict[str, Timing]:
    """Return the timing of each stage that the answers record."""
    stages: dict[str, list[float]] = {}
    for answer in answers:
        for stage, milliseconds in answer.get("elapsed_ms", {}).items():
            stages.setdefault(stage, []).append(float(milliseconds))
    return {
        stage: Timing(_quantile(values, stage, 50), _quantile(values, stage, 95)) for stage, values in stages.items()
    }


def _quantile(values: Sequence[float], stage: str, percent: int) -> Figure:
    array = np.asarray(values, dtype=np.float64)
    quantile: Callable[..., Any] = np.percentile
    drawn = quantile(array[resamples(len(values), f"{stage}/{percent}")], percent, axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Figure(float(quantile(array, percent)), float(low), float(high), len(values))
