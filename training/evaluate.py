"""Measures a reader's file: on held-out writers, and on whole questions of the reserved corpora."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rag.evidence import RETRIEVER, Reader, load_retriever
from rag.settings import Settings
from training.data import Item, load_items, load_texts
from training.metrics import (
    agreement_metrics,
    calibration_error,
    passage_metrics,
    reading_recall,
    statement_metrics,
    survey_metrics,
)
from training.negatives import Nearness
from training.reserved import Corpus, available, evaluate_set
from training.scoring import READ, score_items
from training.splits import split

Metrics = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, by set.

    Attributes:
        reader: Identity of the weights.
        sets: For each set its metrics.
    """

    reader: str
    sets: Mapping[str, Metrics]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"reader": self.reader, "sets": self.sets}
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def evaluate(file: Path, build: Path, *, share: float = 1.0, reserved: bool = True) -> Evaluation:
    """Measure the reader of a file.

    Args:
        file: The reader's file.
        build: Keeps what can be computed again.
        share: Share of the held-out items that are asked, whole matters at a time.
        reserved: Whether the reserved corpora are asked too; what is measured on them once is no first sight again.
    """
    settings = Settings(reader=str(file))
    reader, embedder = Reader(settings), load_retriever(settings)
    texts, items = load_texts(), load_items()
    _, _, held_out = split(items)
    nearness = Nearness(texts, held_out, build / "nearness.npz", RETRIEVER)
    sets: dict[str, Metrics] = {}
    for name, chosen in (("held-out writers", held_out), *_by_language(held_out)):
        scored = score_items(reader, _part(chosen, share), texts, nearness)
        sets[name] = {
            **statement_metrics(scored),
            "calibration error": calibration_error(scored),
            **agreement_metrics(scored, reader.thresholds),
            **survey_metrics(scored, reader.thresholds),
            **passage_metrics(scored),
            f"labelled yes or no among the {READ} read": reading_recall(scored, READ),
        }
    for name, (gold, folder) in available().items() if reserved else ():
        corpus = Corpus.read(folder, embedder)
        sets[name] = evaluate_set(gold, corpus, reader, reader.thresholds, embedder)
    return Evaluation(reader.name, sets)


def show(evaluation: Evaluation) -> None:
    """Print what was measured, a column a set."""
    table = Table(title=evaluation.reader)
    table.add_column("")
    for name in evaluation.sets:
        table.add_column(name, justify="right")
    for metric in dict.fromkeys(name for metrics in evaluation.sets.values() for name in metrics):
        values = [metrics.get(metric) for metrics in evaluation.sets.values()]
        table.add_row(metric, *("–" if value is None else f"{value:.3f}".removesuffix(".000") for value in values))
    Console(width=160).print(table)


def _part(items: Sequence[Item], share: float) -> list[Item]:
    groups = list(dict.fromkeys(item.group for item in items))
    step = max(1, round(1 / share))
    kept = set(groups[::step])
    return [item for item in items if item.group in kept]


def _by_language(items: Sequence[Item]) -> list[tuple[str, list[Item]]]:
    """Return the items with their Chinese wordings only, and with their English ones only."""
    from dataclasses import replace

    return [
        (
            name,
            [
                replace(item, wordings=kept)
                for item in items
                if (kept := tuple(wording for wording in item.wordings if wording.language == language))
            ],
        )
        for name, language in (("in Chinese", "zh"), ("in English", "en"))
    ]
