"""The gate: thresholds in TOML, one table a gold file, one entry a metric and group.

::

    [reports-public]
    recall_at_10.all = 0.92
    fact_recall."fact+number+list" = 0.85
    false_refusal.all = 0.05        # lower is better: a ceiling

The table is the gold file's name without its last suffix, dots written as hyphens. A missing table or entry is no gate.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.errors import GoldError
from rag.evaluation.gold import KINDS, LANGUAGES
from rag.evaluation.metrics import BY_NAME
from rag.evaluation.summary import ALL, Scored, group_figure

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound for one metric over one group: a floor, or a ceiling where lower is better."""

    metric: str
    group: str
    bound: float


@dataclass(frozen=True, slots=True)
class Check:
    """A threshold compared with what was measured; None when the metric applied to no question."""

    threshold: Threshold
    value: float | None
    passed: bool


def table_name(gold: Path) -> str:
    """Return the name of the table that is for this gold file."""
    return gold.stem.replace(".", "-")


def load_thresholds(path: Path, table: str) -> tuple[Threshold, ...]:
    """Read one table of a thresholds file.

    Raises:
        GoldError: the file cannot be read, or an entry names no metric, no group or no number.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GoldError(f"Cannot use the thresholds file {str(path)!r}: {error}. Mend it or name another.") from error
    entries = tables.get(table, {})
    if not isinstance(entries, dict):
        raise GoldError(f"{str(path)!r}: {table!r} is not a table; write [{table}] and its entries under it.")
    return tuple(_entries(path, table, entries))


def check_gate(thresholds: Sequence[Threshold], questions: Sequence[Scored]) -> tuple[Check, ...]:
    """Compare every threshold with the scores; a metric that applies to no question of the group does not pass.

    A threshold nobody can measure any more would otherwise hide that its questions are gone.
    """
    return tuple(_check(threshold, questions) for threshold in thresholds)


def _check(threshold: Threshold, questions: Sequence[Scored]) -> Check:
    found = group_figure(questions, threshold.metric, threshold.group)
    if found is None:
        return Check(threshold, None, False)
    surplus = found.value - threshold.bound
    passed = surplus <= ROUNDING if BY_NAME[threshold.metric].lower_is_better else surplus >= -ROUNDING
    return Check(threshold, found.value, passed)


def _entries(path: Path, table: str, entries: dict[str, object]) -> Iterator[Threshold]:
    for metric, bounds in entries.items():
        if metric not in BY_NAME:
            raise GoldError(f"{str(path)!r}, [{table}]: no metric {metric!r}; metrics are {', '.join(BY_NAME)}.")
        if not isinstance(bounds, dict):
            raise GoldError(f"{str(path)!r}, [{table}]: {metric} lacks a group; write {metric}.{ALL} = {bounds!r}.")
        for group, bound in bounds.items():
            if set(group.split("+")) - {ALL, *KINDS, *LANGUAGES}:
                raise GoldError(
                    f"{str(path)!r}, [{table}]: no group {group!r} for {metric}; groups are kinds, languages, {ALL}."
                )
            if isinstance(bound, bool) or not isinstance(bound, int | float):
                raise GoldError(f"{str(path)!r}, [{table}]: {metric}.{group} is {bound!r}; give a number.")
            yield Threshold(metric, group, float(bound))
