"""Trains the reader with the Trainer of ``transformers``: seeds, checkpoints, resuming."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from rag.embedding import load_embedder
from rag.embedding.bundled import unpacked_model
from rag.settings import Settings
from training.data import Item, data_hash, load_items, load_texts
from training.model import PairDataset, ReaderModel, collate
from training.negatives import Nearness
from training.pairs import Sampling, training_pairs
from training.splits import split

RECIPE_FILE = "recipe.json"
WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the reader is trained.

    Attributes:
        layers: Layers of the base that are kept.
        rounds: Times that each item is asked.
        share: Share of the items that are trained on, for learning curves.
        rate: Highest learning rate; it rises over the first part and falls linearly.
        batch: Pairs in a step.
        warmup: Share of the steps over which the rate rises.
        decay: AdamW's weight decay.
        span_weight: What the span's loss counts beside the label's.
        nearest: Silent statements read beside the labelled ones of an item of one text.
        nearest_across: The same for an item of several texts.
        seed: Of everything random.
    """

    layers: int = 12
    rounds: int = 2
    share: float = 1.0
    rate: float = 1e-4
    batch: int = 32
    warmup: float = 0.06
    decay: float = 0.01
    span_weight: float = 0.3
    nearest: int = 3
    nearest_across: int = 2
    seed: int = 17


def fit(recipe: Recipe, folder: Path, build: Path) -> Path:
    """Train, from the last checkpoint in the folder where there is one, and return the folder.

    Args:
        recipe: How.
        folder: Takes checkpoints and in the end weights and recipe.
        build: Keeps what can be computed again.
    """
    texts, items = load_texts(), load_items()
    trained, _, _ = split(items)
    trained = _sample(trained, recipe)
    nearness = Nearness(load_embedder(Settings()), texts, items, build / "nearness.npz")
    sampling = Sampling(recipe.nearest, recipe.nearest_across, 1, recipe.rounds, recipe.seed)
    pairs = training_pairs(trained, texts, nearness, sampling)
    torch.manual_seed(recipe.seed)
    base = unpacked_model()
    model = ReaderModel(base, recipe.layers, recipe.span_weight)
    dataset = PairDataset(pairs, Tokenizer.from_file(str(base / "tokenizer.json")))
    print(f"{len(trained)} items, {len(pairs)} pairs, {dataset.tokens / len(dataset):.0f} tokens each")
    trainer = Trainer(model=model, args=_arguments(recipe, folder), train_dataset=dataset, data_collator=collate)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)) if folder.is_dir() else None)
    trainer.save_model(str(folder))
    about = {"recipe": asdict(recipe), "data": data_hash(), "items": len(trained), "pairs": len(pairs)}
    (folder / RECIPE_FILE).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return folder


def _sample(items: Sequence[Item], recipe: Recipe) -> list[Item]:
    """Return a share of the items, whole matters at a time."""
    if recipe.share >= 1:
        return list(items)
    groups = sorted({item.group for item in items})
    random.Random(recipe.seed).shuffle(groups)
    kept = set(groups[: round(len(groups) * recipe.share)])
    return [item for item in items if item.group in kept]


def _arguments(recipe: Recipe, folder: Path) -> TrainingArguments:
    on_cpu = not torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=recipe.batch,
        learning_rate=recipe.rate,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.decay,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        bf16=True,
        use_cpu=on_cpu,
        seed=recipe.seed,
        train_sampling_strategy="group_by_length",
        save_strategy="steps",
        save_steps=300,
        save_total_limit=1,
        logging_steps=50,
        report_to=[],
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )
