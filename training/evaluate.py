"""Measures a reader's file: on held-out writers, on whole questions of reserved corpora, and on a general set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.table import Table

from rag.evidence import RETRIEVER, Reader, load_retriever
from rag.evidence.verdicts import Thresholds
from rag.settings import Settings
from training.data import load_items, load_texts
from training.general import general_metrics
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
from training.scoring import READ, Scored, score_items
from training.splits import part, split

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
    settings = Settings(_env_file=None, reader=str(file))
    reader, embedder = Reader(settings), load_retriever(settings)
    texts = load_texts()
    _, _, held_out = split(load_items())
    asked = part(held_out, share)
    scored = score_items(reader, asked, texts, Nearness(texts, asked, build / "nearness.npz", RETRIEVER))
    sets: dict[str, Metrics] = {"held-out writers": measure(scored, reader.thresholds)}
    for name, language in (("in Chinese", "zh"), ("in English", "en")):
        sets[name] = measure([one for one in scored if one.wording.language == language], reader.thresholds)
    corpus_of = cache(lambda folder: Corpus.read(folder, embedder))
    for name, (gold, folder) in available().items() if reserved else ():
        sets[name] = evaluate_set(gold, corpus_of(folder), reader, reader.thresholds, embedder)
    sets["general"] = general_metrics(settings)
    return Evaluation(reader.name, sets)


def measure(scored: Sequence[Scored], thresholds: Thresholds) -> Metrics:
    """Return all that is measured of labelled items."""
    return {
        **statement_metrics(scored),
        "calibration error": calibration_error(scored),
        **agreement_metrics(scored, thresholds),
        **survey_metrics(scored, thresholds),
        **passage_metrics(scored),
        f"labelled yes or no among the {READ} read": reading_recall(scored, READ),
    }


def show(evaluation: Evaluation) -> None:
    """Print what was measured, a column a set."""
    table = Table(title=evaluation.reader)
    table.add_column("")
    for name in evaluation.sets:
        table.add_column(name, justify="right")
    for metric in dict.fromkeys(name for metrics in evaluation.sets.values() for name in metrics):
        values = [metrics.get(metric) for metrics in evaluation.sets.values()]
        table.add_row(metric, *("–" if value is None else f"{value:.3f}".removesuffix(".000") for value in values))
    Console(width=200).print(table)
