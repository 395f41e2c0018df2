"""From labelled items to what the reader is trained on: pairs of a question and a statement."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from training.data import Item, Text
from training.negatives import READ, Nearness, statement_contexts

IRRELEVANT, NEAR = "irrelevant", "near"


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, a statement in its context, and what the one is to the other.

    Attributes:
        question: The question.
        context: Office, year, headings and head of the table of the statement.
        statement: The statement.
        label: One of ``rag.evidence.scorer.LABELS``.
        span: Offsets in the statement of the words that answer; None where they are not known.
        bundle: Number of the matter asked of a text in a round; a question and its opposite share it.
    """

    question: str
    context: str
    statement: str
    label: str
    span: tuple[int, int] | None = None
    bundle: int = 0


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is read in a round beside the statements that answer an item, drawn anew each round.

    Attributes:
        near: Statements labelled near, of an item of one text, at most.
        near_across: The same of an item asked of several texts.
        silent: Silent statements from among the ``READ`` nearest to the question by embedding, of an item of one text.
        silent_across: The same of an item asked of several texts, which are silent more often.
        drawn: Silent statements from among all others, of an item of one text.
        context: What statements are read in (``training.negatives.statement_contexts``).
        labels: ``five``, or ``one``: all that do not answer are irrelevant.
        rounds: Times that every item is asked, in another wording each time as far as it has them.
        seed: Of what is drawn.
    """

    near: int = 2
    near_across: int = 1
    silent: int = 2
    silent_across: int = 1
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
    bundles: dict[tuple[int, str, str], int] = {}
    shifts = [
        generator.randrange(len(item.wordings)) for item in items
    ]  # so that each round has wordings of every place
    for turn in range(sampling.rounds):
        for item, shift in zip(items, shifts, strict=True):
            question = item.wordings[(turn + shift) % len(item.wordings)].text
            numbers = [*_labelled(item, sampling, generator), *_silent(item, nearness, question, sampling, generator)]
            bundle = bundles.setdefault((turn, item.text, item.group), len(bundles))
            found = _pairs(item, question, numbers, texts[item.text], contexts[item.text])
            pairs += [replace(pair, bundle=bundle) for pair in found]
    if sampling.labels == "one":
        return [pair if pair.label == "yes" else replace(pair, label=IRRELEVANT) for pair in pairs]
    return pairs


def _labelled(item: Item, sampling: Sampling, generator: random.Random) -> list[int]:
    near = [number for number, label in item.labels.items() if label == NEAR]
    count = sampling.near_across if item.across else sampling.near
    return [number for number in item.labels if number not in near] + _draw(near, count, generator)


def _silent(item: Item, nearness: Nearness, question: str, sampling: Sampling, generator: random.Random) -> list[int]:
    known = item.labels.keys() | item.unsure
    silent = [number for number in nearness.order(item.text, question) if number not in known]
    if item.across:
        return _draw(silent[:READ], sampling.silent_across, generator)
    return _draw(silent[:READ], sampling.silent, generator) + _draw(silent[READ:], sampling.drawn, generator)


def _draw(numbers: Sequence[int], count: int, generator: random.Random) -> list[int]:
    return generator.sample(numbers, min(count, len(numbers)))


def _pairs(item: Item, question: str, numbers: Sequence[int], text: Text, contexts: Sequence[str]) -> Iterator[Pair]:
    for number in numbers:
        statement = text.statements[number]
        label = item.labels.get(number, IRRELEVANT)
        words = item.spans.get(number)
        start = statement.index(words) if words else 0
        span = (start, start + len(words)) if words else None
        yield Pair(question, contexts[number], statement, label, span)
