"""What the reader that serves makes of labelled items: the basis of calibration and evaluation."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from rag.evidence.scorer import Passage, Score, Scorer
from rag.types import Verdict
from training.data import Item, Text, Wording
from training.negatives import READ, Nearness, statement_contexts


@dataclass(frozen=True, slots=True)
class Scored:
    """A question asked of a text and what the reader makes of it.

    Attributes:
        item: The item.
        wording: How it was asked.
        read: Numbers of the statements that retrieval hands the reader, nearest first.
        scores: Statement number → score: of those read, and of all labelled ones besides.
        passages: Statement number → the statement as it was read.
    """

    item: Item
    wording: Wording
    read: tuple[int, ...]
    scores: Mapping[int, Score]
    passages: Mapping[int, Passage] = field(default_factory=dict, repr=False)

    @property
    def of_read(self) -> list[Score]:
        """Scores of the statements read."""
        return [self.scores[number] for number in self.read]

    def label(self, number: int) -> str | None:
        """Return the label of a statement; None if it is not known."""
        return None if number in self.item.unsure else self.item.labels.get(number, "irrelevant")


def gold_verdict(item: Item) -> Verdict | None:
    """Return what the text says by its labels; None if that is not known."""
    labels = set(item.labels.values())
    if "yes" in labels and "no" in labels:
        return Verdict.MIXED
    if "yes" in labels:
        return Verdict.YES
    if "no" in labels:
        return Verdict.NO
    return None if item.unsure else Verdict.NOT_MENTIONED


def score_items(
    scorer: Scorer,
    items: Iterable[Item],
    texts: Mapping[str, Text],
    nearness: Nearness,
    *,
    wordings: int = 3,
    read: int = READ,
    context: str = "headings",
) -> list[Scored]:
    """Ask each item in its first wordings and return what the scorer makes of its statements.

    Args:
        scorer: What scores.
        items: The items.
        texts: The texts by name.
        nearness: Orders a text's statements.
        wordings: Wordings of an item that are asked, at most.
        read: Statements of a text that are read.
        context: What statements are read in.
    """
    contexts = {name: statement_contexts(text, context) for name, text in texts.items()}

    def ask(item: Item, wording: Wording) -> Scored:
        near = nearness.order(item.text, wording.text)[:read]
        numbers = [*near, *(number for number in item.labels if number not in near)]
        statements = texts[item.text].statements
        passages = {number: Passage(statements[number], contexts[item.text][number]) for number in numbers}
        scores = scorer.score(wording.text, list(passages.values()))
        return Scored(item, wording, tuple(near), dict(zip(passages, scores, strict=True)), passages)

    asked = [(item, wording) for item in items for wording in item.wordings[:wordings]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # a question's statements are one thread's work
        return list(pool.map(ask, *zip(*asked, strict=True))) if asked else []
