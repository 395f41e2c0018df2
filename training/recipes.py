"""How the models are trained: every number that a run depends on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReaderRecipe:
    """How the reader is trained.

    Attributes:
        layers: Layers of the base that are kept.
        adapter_rank: Rank of an adapter that is trained in place of the layers' own weights; 0: the weights themselves.
        dropout: Share of states left out in training.
        frozen: Layers, from the first, that stay the base's.
        context: What a statement is read in: ``headings`` (office, year, headings, head of the table), ``none``, or
            ``neighbours`` (headings and the statement before it).
        labels: ``five``, or ``one``: whether it answers or not.
        rounds: Times that each item is asked.
        share: Share of the items that are trained on, for learning curves.
        rate: Highest learning rate; it rises over the first part and falls linearly.
        head_rate: The same for the heads.
        batch: Pairs in a step.
        warmup: Share of the steps over which the rate rises.
        decay: AdamW's weight decay.
        span_weight: What the span's loss counts beside the label's.
        polarity_weight: What telling yes from no counts beside the label, on statements that say either.
        near: Statements labelled near that are read in a round, of an item of one text (``training.pairs.Sampling``).
        near_across: The same of an item of several texts.
        silent: Silent statements near the question, of an item of one text.
        silent_across: The same of an item of several texts.
        checkpoint: Steps from one checkpoint to the next.
        seed: Of everything random.
    """

    layers: int = 12
    adapter_rank: int = 0
    dropout: float = 0.0
    frozen: int = 0
    context: str = "headings"
    labels: str = "five"
    rounds: int = 3
    share: float = 1.0
    rate: float = 1e-4
    head_rate: float = 1e-3
    batch: int = 16
    warmup: float = 0.06
    decay: float = 0.01
    span_weight: float = 0.3
    polarity_weight: float = 1.0
    near: int = 1
    near_across: int = 1
    silent: int = 1
    silent_across: int = 1
    checkpoint: int = 600
    seed: int = 17


@dataclass(frozen=True, slots=True)
class RetrieverRecipe:
    """How the first stage is trained.

    Attributes:
        rank: Of the adapter's matrices.
        rate: Highest learning rate.
        batch: Questions contrasted with one another.
        rounds: Times that each item is asked.
        temperature: Of the similarities; e5 was trained at 0.01.
        hard: How many of the nearest silent statements the one contrasted is drawn from.
        seed: Of everything random.
    """

    rank: int = 32
    rate: float = 5e-4
    batch: int = 48
    rounds: int = 1
    temperature: float = 0.02
    hard: int = 12
    seed: int = 17
