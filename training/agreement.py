"""How far a second, blind labeller agrees: ``data/second/NAME.jsonl``, a question of a text and its labels a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn.metrics import cohen_kappa_score

from training.data import DATA, LABELLED, Item, Text

DECIDING = ("yes", "no", "planned")
OTHER = "other"


def agreement(items: Sequence[Item], texts: Mapping[str, Text], folder: Path = DATA) -> dict[str, float]:
    """Return Cohen's kappa over the statements of the texts that were labelled twice.

    Returns:
        Over the five labels; over yes, no, planned and all else; and how many questions and statements there are.
    """
    first = {(item.group, item.text): item for item in items if not item.opposite}
    rows: list[tuple[str, str]] = []
    lines = [line for path in sorted((folder / "second").glob("*.jsonl")) for line in path.open(encoding="utf-8")]
    for record in map(json.loads, lines):
        item = first[record["group"], record["text"]]
        second = _labels(record)
        statements = range(len(texts[item.text].statements))
        rows += [(item.labels.get(number, "irrelevant"), second.get(number, "irrelevant")) for number in statements]
    decided = [tuple(label if label in DECIDING else OTHER for label in row) for row in rows]
    return {
        "kappa of five labels": float(cohen_kappa_score(*zip(*rows, strict=True))),
        "kappa of yes, no, planned, other": float(cohen_kappa_score(*zip(*decided, strict=True))),
        "questions": float(len(lines)),
        "statements": float(len(rows)),
    }


def _labels(record: Mapping[str, Any]) -> dict[int, str]:
    return {number: label for label in LABELLED for number in record.get(label, ())}
