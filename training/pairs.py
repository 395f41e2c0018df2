"""From labelled items to what the reader is trained on: pairs of a question and a statement."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
        drawn: Drawn at random from the others.
        rounds: Times that every item is asked, in another wording each time as far as it has them.
        seed: Of what is drawn.
    """

    nearest: int = 3
    nearest_across: int = 2
    drawn: int = 1
    rounds: int = 2
    seed: int = 17


def training_pairs(
    items: Sequence[Item], texts: Mapping[str, Text], nearness: Nearness, sampling: Sampling
) -> list[Pair]:
    """Return the pairs of all rounds, in the order of items."""
    generator = random.Random(sampling.seed)
    contexts = {name: statement_contexts(text) for name, text in texts.items()}
    pairs: list[Pair] = []
    for turn in range(sampling.rounds):
        for item in items:
            # A survey's wordings go round its texts too, so that each round has all of them.
            shift = generator.randrange(len(item.wordings)) if item.across else 0
            question = item.wordings[(turn + shift) % len(item.wordings)].text
            numbers = [*item.labels, *_silent(item, texts[item.text], nearness, question, sampling, generator)]
            pairs += _pairs(item, question, numbers, texts[item.text], contexts[item.text])
    return pairs


def all_pairs(item: Item, question: str, text: Text) -> list[Pair]:
    """Return a pair for each statement of the text, in order."""
    return list(_pairs(item, question, range(len(text.statements)), text, statement_contexts(text)))


def _silent(
    item: Item, text: Text, nearness: Nearness, question: str, sampling: Sampling, generator: random.Random
) -> list[int]:
    known = item.labels.keys() | item.unsure
    silent = [number for number in nearness.order(item.text, question) if number not in known]
    count = sampling.nearest_across if item.across else sampling.nearest
    others = silent[count:]
    return silent[:count] + generator.sample(others, min(sampling.drawn, len(others)))


def _pairs(item: Item, question: str, numbers: Sequence[int], text: Text, contexts: Sequence[str]) -> Iterator[Pair]:
    for number in numbers:
        statement = text.statements[number]
        label = item.labels.get(number, IRRELEVANT)
        words = item.spans.get(number)
        start = statement.find(words) if words else -1
        span = (start, start + len(words)) if words and start >= 0 else None
        yield Pair(question, contexts[number], statement, label, span)
