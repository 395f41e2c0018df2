"""What is measured of ways to train the reader, on pairs that it has not learned from yet."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("accelerate", reason="pip install -r requirements-train.txt")

from rag.evidence import LABELS
from training.compare import learned


def test_what_is_told_apart_is_measured_over_all_steps():
    yes, no, silent = (LABELS.index(label) for label in ("yes", "no", "irrelevant"))
    logits = torch.zeros(4, len(LABELS))
    logits[0, yes] = logits[1, yes] = logits[2, no] = logits[3, silent] = 4.0
    labels = torch.tensor([yes, no, no, silent])
    found = learned([(logits[:2], labels[:2]), (logits[2:], labels[2:])])
    assert found["yes told from no"] == pytest.approx(2 / 3)
    assert found["average precision of yes"] == 0.5  # of two that look alike one is yes
    assert 1 < found["cross-entropy of the labels"] < 1.2
