"""Trains the reader in several ways, a few minutes each, and measures each on pairs that it has not learned from yet.

Each pair is judged by the model as it is before the step that learns from it, and none comes twice: what is measured is
on unseen pairs, without any set apart (prequential evaluation: Dawid 1984, https://doi.org/10.2307/2981683). Whoever
learns faster from the same pairs in the same order is ahead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import average_precision_score
from torch.nn import functional

from training.data import load_items, load_texts
from training.fit import BundlingTrainer, trainer_of
from training.model import NO, YES
from training.recipes import ReaderRecipe
from training.splits import split

BASE = ReaderRecipe(rounds=1)
WAYS: Mapping[str, ReaderRecipe] = {
    "as it is": BASE,
    "dropout of 0.1": replace(BASE, dropout=0.1),
    "4 layers frozen": replace(BASE, frozen=4),
    "6 layers": replace(BASE, layers=6),
    "adapter of rank 32": replace(BASE, adapter_rank=32, rate=5e-4),
    "innermost heading": replace(BASE, context="heading"),
    "no context": replace(BASE, context="none"),
    "with the statement before": replace(BASE, context="neighbours"),
    "one score": replace(BASE, labels="one"),
    "polarity not weighed": replace(BASE, polarity_weight=0.0),
    "rate of 5e-5": replace(BASE, rate=5e-5),
    "rate of 2e-4": replace(BASE, rate=2e-4),
}
"""What is compared."""
STEPS = 500
LAST = 0.3
"""Share of the steps, the last ones, that is measured."""


def compare(ways: Sequence[str], folder: Path, build: Path, steps: int = STEPS) -> None:
    """Train and measure ways by name; what is known of each is written down, and a way already measured is kept.

    Args:
        ways: Names of ``WAYS``; none: all.
        folder: Takes a file for each way.
        build: Keeps what can be computed again.
        steps: Steps of training.
    """
    texts, (items, _, _) = load_texts(), split(load_items())
    folder.mkdir(parents=True, exist_ok=True)
    for name in ways or WAYS:
        result = folder / f"{name.replace(' ', '-')}-{steps}.json"
        if not result.is_file():
            trainer = trainer_of(WAYS[name], items, texts, folder / "run", build, steps, _JudgingTrainer)
            start = time.perf_counter()
            trainer.train()
            rate = steps * WAYS[name].batch / (time.perf_counter() - start)
            measured = learned(trainer.read[-round(steps * LAST) :]) | {"pairs a second": rate}
            result.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
        print(name, json.dumps(json.loads(result.read_text(encoding="utf-8"))), flush=True)


class _JudgingTrainer(BundlingTrainer):
    """Keeps what was made of each pair before it was learned from.

    Attributes:
        read: For each step label logits, shape (pairs, 5), and labels.
    """

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401 - as Trainer takes them
        super().__init__(**arguments)
        self.read: list[tuple[torch.Tensor, torch.Tensor]] = []

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **options: Any) -> Any:  # noqa: ANN401
        """Return the loss, and keep what was made of the pairs."""
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **options)
        self.read.append((outputs["logits"].detach().float().cpu(), inputs["labels"].cpu()))
        return (loss, outputs) if return_outputs else loss


def learned(read: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> dict[str, float]:
    """Return what the model made of pairs before it learned from them.

    Args:
        read: Label logits, shape (pairs, 5), and labels of each step.
    """
    logits, labels = (torch.cat(parts) for parts in zip(*read, strict=True))
    polar = (labels == YES) | (labels == NO)
    told = (logits[:, YES] > logits[:, NO]) == (labels == YES)
    return {
        "average precision of yes": float(average_precision_score(labels == YES, logits.softmax(1)[:, YES])),
        "yes told from no": float(told[polar].float().mean()),
        "cross-entropy of the labels": float(functional.cross_entropy(logits, labels)),
    }
