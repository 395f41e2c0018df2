"""From labelled items to what the reader is trained on: pairs of a question and a statement."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from training.data import Item, Text
from training.negatives import Nearness, statement_contexts

IRRELEVANT = "irrelevant"


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, a statement in its context, and what the one is to the other.

    Attributes:
        question: The question.
        context: Office, year, headings and head of the table of the statement.
        statement: The statement.
        label: One of ``rag.evidence.scorer.LABELS``.
        span: Offsets in the statement of the words that answer; None where they are not known.
    """

    question: str
    context: str
    statement: str
    label: str
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many silent statements are read beside the labelled ones.

    Attributes:
        nearest: Of an item of one text, the nearest to the question by embedding.
        nearest_across: The same for an item asked of several texts, which are silent more often.
        drawn: Of an item of one text, drawn at random from the others.
        context: What statements are read in (``training.negatives.statement_contexts``).
        labels: ``five``, or ``one``: all that do not answer are irrelevant.
        rounds: Times that every item is asked, in another wording each time as far as it has them.
        seed: Of what is drawn.
    """

    nearest: int = 3
    nearest_across: int = 2
    drawn: int = 1
    context: str = "headings"
    labels: str = "five"
    rounds: int = 1
    seed: int = 17


def training_pairs(
    items: Sequence[Item], texts: Mapping[str, Text], nearness: Nearness, sampling: Sampling
) -> list[Pair]:
    """Return the pairs of all rounds, in the order of items."""
    generator = random.Random(sampling.seed)
    contexts = {name: statement_contexts(text, sampling.context) for name, text in texts.items()}
    pairs: list[Pair] = []
    shifts = [
        generator.randrange(len(item.wordings)) for item in items
    ]  # so that each round has wordings of every place
    for turn in range(sampling.rounds):
        for item, shift in zip(items, shifts, strict=True):
            question = item.wordings[(turn + shift) % len(item.wordings)].text
            numbers = [*item.labels, *_silent(item, texts[item.text], nearness, question, sampling, generator)]
            pairs += _pairs(item, question, numbers, texts[item.text], contexts[item.text])
    if sampling.labels == "one":
        return [pair if pair.label == "yes" else replace(pair, label=IRRELEVANT) for pair in pairs]
    return pairs


def _silent(
    item: Item, text: Text, nearness: Nearness, question: str, sampling: Sampling, generator: random.Random
) -> list[int]:
    known = item.labels.keys() | item.unsure
    silent = [number for number in nearness.order(item.text, question) if number not in known]
    count = sampling.nearest_across if item.across else sampling.nearest
    others = silent[count:]
    drawn = 0 if item.across else sampling.drawn
    return silent[:count] + generator.sample(others, min(drawn, len(others)))


def _pairs(item: Item, question: str, numbers: Sequence[int], text: Text, contexts: Sequence[str]) -> Iterator[Pair]:
    for number in numbers:
        statement = text.statements[number]
        label = item.labels.get(number, IRRELEVANT)
        words = item.spans.get(number)
        start = statement.index(words) if words else 0
        span = (start, start + len(words)) if words else None
        yield Pair(question, contexts[number], statement, label, span)
