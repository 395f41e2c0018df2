"""Trains the first stage: an adapter on the base, so that the statements that answer come first.

Low-rank adaptation: Hu et al. 2021, *LoRA*, https://arxiv.org/abs/2106.09685, by ``peft``. The loss contrasts each
question's statement with the other questions' and with a silent one of its own text: Henderson et al. 2017,
https://arxiv.org/abs/1705.00652, by ``sentence_transformers``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.training_args import BatchSamplers
from transformers.trainer_utils import get_last_checkpoint

from rag.embedding.bundled import unpacked_model
from rag.embedding.prefixes import E5
from training.data import Item, Text, data_hash, load_items, load_texts
from training.fit import WEIGHTS_FILE
from training.model import MATRICES
from training.negatives import Nearness, passages_to_embed
from training.recipes import RetrieverRecipe
from training.runs import begin_run
from training.splits import split


def fit_retriever(recipe: RetrieverRecipe, folder: Path, build: Path) -> None:
    """Train the adapter, from the last checkpoint in the folder where there is one.

    Args:
        recipe: How.
        folder: Takes checkpoints and in the end adapter and recipe.
        build: Keeps what can be computed again.
    """
    texts, items = load_texts(), load_items()
    trained, _, _ = split(items)
    begin_run(folder, {"recipe": asdict(recipe), "data": data_hash()})
    nearness = Nearness(texts, trained, build / "nearness.npz")
    rows = list(_triples(trained, texts, nearness, recipe))
    random.Random(recipe.seed).shuffle(rows)
    torch.manual_seed(recipe.seed)
    model = SentenceTransformer(
        str(unpacked_model()),
        device=None if torch.cuda.is_available() else "cpu",
        model_kwargs={"attn_implementation": "eager"},  # quicker on a CPU than torch's fused one
        config_kwargs={"attention_probs_dropout_prob": 0.0, "hidden_dropout_prob": 0.0},
    )
    config = LoraConfig(r=recipe.rank, lora_alpha=2 * recipe.rank, target_modules=list(MATRICES))
    adapted = get_peft_model(model[0].auto_model, config)
    model[0].auto_model = adapted
    trainer = _AdapterTrainer(
        model=model,
        args=_arguments(recipe, folder),
        train_dataset=Dataset.from_list(rows),
        loss=MultipleNegativesRankingLoss(model, scale=1 / recipe.temperature),
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)) if folder.is_dir() else None)
    adapted.save_pretrained(str(folder))


class _AdapterTrainer(SentenceTransformerTrainer):
    """Goes on from a checkpoint of a model with an adapter; the library would load it into one without."""

    def _load_from_checkpoint(self, checkpoint_path: str) -> None:
        self.model[0].auto_model.load_state_dict(load_file(Path(checkpoint_path) / WEIGHTS_FILE))


def _triples(
    items: Sequence[Item], texts: Mapping[str, Text], nearness: Nearness, recipe: RetrieverRecipe
) -> Iterator[dict[str, str]]:
    """Yield a question, a statement that says something to it, and a silent one of the same text."""
    generator = random.Random(recipe.seed)
    passages = {name: passages_to_embed(text) for name, text in texts.items()}
    for _ in range(recipe.rounds):
        for item in items:
            telling = [number for number, label in item.labels.items() if label in ("yes", "no", "planned")]
            if not telling:
                continue
            question = generator.choice(item.wordings).text
            known = item.labels.keys() | item.unsure
            silent = [number for number in nearness.order(item.text, question) if number not in known][: recipe.hard]
            if silent:
                yield {
                    "anchor": E5.query + question,
                    "positive": E5.passage + passages[item.text][generator.choice(telling)],
                    "negative": E5.passage + passages[item.text][generator.choice(silent)],
                }


def _arguments(recipe: RetrieverRecipe, folder: Path) -> SentenceTransformerTrainingArguments:
    return SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=recipe.batch,
        learning_rate=recipe.rate,
        warmup_steps=0.1,
        bf16=True,
        use_cpu=not torch.cuda.is_available(),
        seed=recipe.seed,
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        save_steps=100,
        save_total_limit=1,
        logging_steps=20,
        report_to=[],
        dataloader_pin_memory=False,
    )
