"""How far a second, blind labeller agrees: ``data/second/NAME.jsonl``, a question of a text in both hands a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sklearn.metrics import cohen_kappa_score

from training.data import DATA, LABELLED, Text, read_jsonl

DECIDING = ("yes", "no", "planned")
OTHER = "other"


def agreement(texts: Mapping[str, Text], folder: Path = DATA) -> dict[str, float]:
    """Return Cohen's kappa over the statements of the texts that were labelled twice, before anything was settled.

    Returns:
        Over the five labels; over yes, no, planned and all else; and how many questions and statements there are.
    """
    records = [record for path in sorted((folder / "second").glob("*.jsonl")) for record in read_jsonl(path)]
    rows: list[tuple[str, str]] = []
    for record in records:
        first, second = _labels(record["first"]), _labels(record["second"])
        statements = range(len(texts[record["text"]].statements))
        rows += [(first.get(number, "irrelevant"), second.get(number, "irrelevant")) for number in statements]
    decided = [tuple(label if label in DECIDING else OTHER for label in row) for row in rows]
    return {
        "kappa of five labels": float(cohen_kappa_score(*zip(*rows, strict=True))),
        "kappa of yes, no, planned, other": float(cohen_kappa_score(*zip(*decided, strict=True))),
        "questions": float(len(records)),
        "statements": float(len(rows)),
    }


def _labels(record: Mapping[str, Any]) -> dict[int, str]:
    return {number: label for label in LABELLED for number in record.get(label, ())}
