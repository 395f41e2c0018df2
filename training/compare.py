"""Trains the reader in several ways on the same share of the data and measures each on the calibrating writers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rag.evidence import RETRIEVER, Reader
from rag.settings import Settings
from training.calibrate import Calibration, fit_calibration, rescaled
from training.data import load_items, load_texts
from training.evaluate import Metrics, measure
from training.export import export
from training.fit import fit
from training.negatives import Nearness
from training.recipes import ReaderRecipe
from training.scoring import score_items
from training.splits import part, split

BASE = ReaderRecipe(share=0.15, rounds=2)
WAYS: Mapping[str, ReaderRecipe] = {
    "12 layers": BASE,
    "6 layers": replace(BASE, layers=6),
    "6 layers, twice": replace(BASE, layers=6, rounds=4),
    "adapter of rank 32": replace(BASE, adapter_rank=32, rate=5e-4),
    "no context": replace(BASE, context="none"),
    "with the statement before": replace(BASE, context="neighbours"),
    "one score": replace(BASE, labels="one"),
    "batch of 32": replace(BASE, batch=32),
    "25% of the data": replace(BASE, share=0.25),
    "50% of the data": replace(BASE, share=0.5),
}
"""What is compared; the share keeps a run to minutes."""
ASKED = 0.5
"""Share of the calibrating writers' questions that are asked: the held-out ones choose nothing."""


def compare(ways: Sequence[str], folder: Path, build: Path) -> None:
    """Train and measure ways by name; what is known of each is written beside it, and a way already measured is kept.

    Args:
        ways: Names of ``WAYS``; none: all.
        folder: Takes a folder for each way.
        build: Keeps what can be computed again.
    """
    for name in ways or WAYS:
        place = folder / name.replace(" ", "-").replace("%", "").replace(",", "")
        result = place / "measured.json"
        if not result.is_file():
            fit(WAYS[name], place, build)
            result.write_text(json.dumps(_measured(WAYS[name], place, build), indent=1) + "\n", encoding="utf-8")
        print(name, json.dumps(json.loads(result.read_text(encoding="utf-8"))))


def _measured(recipe: ReaderRecipe, folder: Path, build: Path) -> Metrics:
    """Return what is measured on one half of the calibrating writers' matters, calibrated on the other half."""
    texts = load_texts()
    _, calibrating, _ = split(load_items())
    asked = part(calibrating, ASKED)
    file = folder / "uncalibrated.safetensors"
    export(folder, file, Calibration.none())
    reader = Reader(Settings(_env_file=None, reader=str(file)))
    nearness = Nearness(texts, asked, build / "nearness.npz", RETRIEVER)
    scored = score_items(reader, asked, texts, nearness, context=recipe.context)
    halves = part(asked, 0.5)
    groups = {item.group for item in halves}
    fitted = fit_calibration([one for one in scored if one.item.group in groups])
    others = [rescaled(one, fitted.scale, fitted.shift) for one in scored if one.item.group not in groups]
    return measure(others, fitted.thresholds)
