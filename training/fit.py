"""Trains the reader with the Trainer of ``transformers``: seeds, checkpoints, resuming."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean

import torch
from tokenizers import Tokenizer
from torch.utils.data import Sampler
from transformers import Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from rag.embedding.bundled import unpacked_model
from rag.embedding.bundled_embedder import adapter_hash
from rag.evidence import RETRIEVER
from training.data import Item, Text, data_hash, load_items, load_texts
from training.model import PairDataset, ReaderModel, collate
from training.negatives import Nearness
from training.pairs import Sampling, training_pairs
from training.recipes import ReaderRecipe
from training.runs import begin_run
from training.splits import split

MEASURED, MEASURED_IN_ALL = 32, 256
"""Pairs whose vectors the label's head is standardised by, in a batch and in all; chosen."""
SAME_LENGTH = 4
"""Bundles whose mean lengths differ by fewer tokens stand in random order."""
WEIGHTS_FILE = "model.safetensors"


def fit(recipe: ReaderRecipe, folder: Path, build: Path) -> Path:
    """Train, from the last checkpoint in the folder where there is one, and return the folder.

    Args:
        recipe: How.
        folder: Takes checkpoints and in the end weights and recipe.
        build: Keeps what can be computed again.
    """
    texts, items, data = load_texts(), load_items(), data_hash()
    trained, _, _ = split(items)
    trained = _sample(trained, recipe)
    about = {
        "recipe": asdict(recipe),
        "data": data,
        "retriever": adapter_hash(RETRIEVER),
        "items": len(trained),
        "groups": sorted({item.group for item in trained}),
    }
    begin_run(folder, about)
    trainer = trainer_of(recipe, trained, texts, folder, build)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)) if folder.is_dir() else None)
    trainer.model.merge_adapter()
    trainer.save_model(str(folder))
    return folder


def trainer_of(
    recipe: ReaderRecipe,
    items: Sequence[Item],
    texts: Mapping[str, Text],
    folder: Path,
    build: Path,
    steps: int = -1,
    kind: type[BundlingTrainer] | None = None,
) -> BundlingTrainer:
    """Return what trains the reader.

    Args:
        recipe: How.
        items: What it is trained on.
        texts: The texts by name.
        folder: Takes checkpoints.
        build: Keeps what can be computed again.
        steps: Steps after which it ends; -1: when all pairs were read.
        kind: What trains; None: no more than ``BundlingTrainer``.
    """
    nearness = Nearness(texts, items, build / "nearness.npz", RETRIEVER)
    sampling = Sampling(
        near=recipe.near,
        near_across=recipe.near_across,
        silent=recipe.silent,
        silent_across=recipe.silent_across,
        context=recipe.context,
        labels=recipe.labels,
        rounds=recipe.rounds,
        seed=recipe.seed,
    )
    pairs = training_pairs(items, texts, nearness, sampling)
    torch.manual_seed(recipe.seed)
    base = unpacked_model()
    model = ReaderModel(
        base,
        recipe.layers,
        recipe.span_weight,
        polarity_weight=recipe.polarity_weight,
        dropout=recipe.dropout,
        frozen=recipe.frozen,
        adapter_rank=recipe.adapter_rank,
    )
    dataset = PairDataset(pairs, Tokenizer.from_file(str(base / "tokenizer.json")))
    print(f"{len(items)} items, {len(pairs)} pairs, {sum(dataset.lengths) / len(dataset):.0f} tokens each")
    model.standardise(_measured(dataset))
    return (kind or BundlingTrainer)(
        model=model,
        args=_arguments(recipe, folder, steps),
        train_dataset=dataset,
        data_collator=collate,
        optimizers=(_optimizer(model, recipe), None),
    )


class BundlingTrainer(Trainer):
    """Keeps a question and its opposite on one statement in one batch, so that a step tells them apart."""

    def _get_train_sampler(self, train_dataset: PairDataset | None = None) -> BundleSampler:
        dataset = train_dataset or self.train_dataset
        return BundleSampler(dataset.lengths, dataset.bundles, self.args.train_batch_size, self.args.seed)


class BundleSampler(Sampler[int]):
    """The order in which pairs are trained on: bundles whole, those of like length side by side.

    Args:
        lengths: Tokens of each pair.
        bundles: Number of each pair's bundle.
        batch: Pairs in a step.
        seed: Of the order.
    """

    def __init__(self, lengths: Sequence[int], bundles: Sequence[int], batch: int, seed: int) -> None:
        self._lengths = lengths
        self._batch = batch
        self._seed = seed
        self._members: dict[int, list[int]] = defaultdict(list)
        for number, bundle in enumerate(bundles):
            self._members[bundle].append(number)

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = random.Random(self._seed)
        bundles = list(self._members.values())
        generator.shuffle(bundles)
        bundles.sort(key=lambda numbers: mean(self._lengths[number] for number in numbers) // SAME_LENGTH)
        numbers = [number for bundle in bundles for number in bundle]
        starts = list(range(0, len(numbers) - self._batch + 1, self._batch))
        generator.shuffle(starts)
        yield from (number for start in starts for number in numbers[start : start + self._batch])
        yield from numbers[len(starts) * self._batch :]


def _sample(items: Sequence[Item], recipe: ReaderRecipe) -> list[Item]:
    """Return a share of the items, whole matters at a time."""
    if recipe.share >= 1:
        return list(items)
    groups = sorted({item.group for item in items})
    random.Random(recipe.seed).shuffle(groups)
    kept = set(groups[: round(len(groups) * recipe.share)])
    return [item for item in items if item.group in kept]


def _measured(dataset: PairDataset) -> Iterator[dict[str, torch.Tensor]]:
    """Yield batches of pairs from all over the data."""
    spread = range(0, len(dataset), max(1, len(dataset) // MEASURED_IN_ALL))
    for start in range(0, len(spread), MEASURED):
        yield collate([dataset[number] for number in spread[start : start + MEASURED]])


def _optimizer(model: ReaderModel, recipe: ReaderRecipe) -> torch.optim.Optimizer:
    """Return AdamW with a rate of its own for the heads, which begin with nothing learned."""
    body = [weight for name, weight in model.named_parameters() if name.startswith("bert.") and weight.requires_grad]
    heads = [weight for name, weight in model.named_parameters() if not name.startswith("bert.")]
    groups = [{"params": body, "lr": recipe.rate}, {"params": heads, "lr": recipe.head_rate}]
    return torch.optim.AdamW(groups, weight_decay=recipe.decay)


def _arguments(recipe: ReaderRecipe, folder: Path, steps: int) -> TrainingArguments:
    on_cpu = not torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        max_steps=steps,
        per_device_train_batch_size=recipe.batch,
        learning_rate=recipe.rate,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.decay,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        bf16=True,
        use_cpu=on_cpu,
        seed=recipe.seed,
        save_strategy="steps",
        save_steps=recipe.checkpoint,
        save_total_limit=1,
        logging_steps=50,
        report_to=[],
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )
