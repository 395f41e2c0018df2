"""The reader as it is trained: the bundled encoder with a head for labels and one for spans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from rag.evidence.encoding import EncodedPassage, PairEncoder
from rag.evidence.scorer import LABELS, Passage
from training.pairs import Pair

MATRICES = ("query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense")
"""All matrices of a layer, for an adapter."""
IGNORED = -100
"""Target of a pair that has no span; torch's cross-entropy leaves it out."""
UNREADABLE = -1e4
"""Logit of a token where no span may stand; within the range of half precision."""
YES, NO = LABELS.index("yes"), LABELS.index("no")
PADDING = 1
"""XLM-R's padding token."""


class ReaderModel(nn.Module):
    """An encoder whose mean over all tokens gives the label, and each token whether the span begins or ends there.

    Args:
        folder: The unpacked base model.
        layers: Number of its layers that are kept, from the first.
        span_weight: What the span's loss counts beside the label's.
        polarity_weight: What telling yes from no counts beside the label, on statements that say either.
        dropout: Share of states left out in training.
        frozen: Layers, from the first, that stay the base's.
        adapter_rank: Rank of an adapter that is trained in place of the layers' own weights; 0: none.
    """

    def __init__(
        self,
        folder: Path,
        layers: int,
        span_weight: float,
        polarity_weight: float = 0.0,
        dropout: float = 0.0,
        frozen: int = 0,
        adapter_rank: int = 0,
    ) -> None:
        super().__init__()
        # Attention without dropout, written out: on a CPU both are quicker than torch's fused attention with it.
        self.bert = BertModel.from_pretrained(
            folder,
            num_hidden_layers=layers,
            add_pooling_layer=False,
            attn_implementation="eager",
            attention_probs_dropout_prob=0.0,
            hidden_dropout_prob=dropout,
        )
        self.bert.embeddings.word_embeddings.weight.requires_grad_(False)
        if frozen:
            self.bert.embeddings.requires_grad_(False)
            self.bert.encoder.layer[:frozen].requires_grad_(False)
        self._has_adapter = adapter_rank > 0
        if self._has_adapter:
            config = LoraConfig(r=adapter_rank, lora_alpha=2 * adapter_rank, target_modules=list(MATRICES))
            self.bert = get_peft_model(self.bert, config)
        self.dropout = nn.Dropout(dropout)
        self.label = nn.Linear(self.bert.config.hidden_size, len(LABELS))
        self.span = nn.Linear(self.bert.config.hidden_size, 2)
        self.span_weight = span_weight
        self.polarity_weight = polarity_weight
        self.register_buffer("mean", torch.zeros(self.bert.config.hidden_size))
        self.register_buffer("deviation", torch.ones(self.bert.config.hidden_size))

    def merge_adapter(self) -> None:
        """Add the adapter to the weights that it goes on, if there is one."""
        if self._has_adapter:
            self.bert, self._has_adapter = self.bert.merge_and_unload(), False

    @torch.inference_mode()
    def standardise(self, batches: Iterable[dict[str, Tensor]]) -> None:
        """Have the label's head see means of zero and deviations of one, as they are before training.

        The base was trained by cosines: pairs share a common vector 3.9 long, from which a dimension deviates by 0.07.
        A head on them as they are learns how frequent the labels are, and little more (docs/decisions/0018-reader.md).
        """
        self.eval()
        pooled = torch.cat([self._pooled(self._states(batch), batch["attention_mask"]) for batch in batches])
        self.mean.copy_(pooled.mean(0))
        self.deviation.copy_(pooled.std(0))
        self.train()

    def _states(self, batch: dict[str, Tensor]) -> Tensor:
        return self.bert(batch["input_ids"], batch["attention_mask"]).last_hidden_state.float()

    def _pooled(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        return (states * mask).sum(1) / mask.sum(1)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        readable: Tensor,
        labels: Tensor | None = None,
        starts: Tensor | None = None,
        ends: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return label and span logits, and the loss where targets are given.

        Args:
            input_ids: Token ids, shape (pairs, tokens).
            attention_mask: 1 where there is a token.
            readable: True where a token belongs to the statement itself, so that a span may stand there.
            labels: Number of each pair's label, shape (pairs,).
            starts: Number of the token where the span begins, or ``IGNORED``.
            ends: Number of the token where it ends, or ``IGNORED``.
        """
        states = self._states({"input_ids": input_ids, "attention_mask": attention_mask})
        pooled = (self._pooled(states, attention_mask) - self.mean) / self.deviation
        logits = self.label(self.dropout(pooled))
        spans = self.span(self.dropout(states)).masked_fill(~readable.unsqueeze(-1), UNREADABLE)
        outputs = {"logits": logits, "spans": spans}
        if labels is not None and starts is not None and ends is not None:
            loss = functional.cross_entropy(logits.float(), labels)
            polar = (labels == YES) | (labels == NO)
            if polar.any():
                is_no = (labels[polar] == NO).long()
                loss = loss + self.polarity_weight * functional.cross_entropy(
                    logits[polar][:, [YES, NO]].float(), is_no
                )
            if (starts != IGNORED).any():
                ends_loss = functional.cross_entropy(spans[..., 1].float(), ends, ignore_index=IGNORED)
                starts_loss = functional.cross_entropy(spans[..., 0].float(), starts, ignore_index=IGNORED)
                loss = loss + self.span_weight * (starts_loss + ends_loss) / 2
            outputs["loss"] = loss
        return outputs


class PairDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """Pairs in tokens, encoded as the reader encodes them when it serves."""

    def __init__(self, pairs: Sequence[Pair], tokenizer: Tokenizer) -> None:
        encoded = PairEncoder(tokenizer).encode(
            [(pair.question, Passage(pair.statement, pair.context)) for pair in pairs]
        )
        self._pairs = [_features(pair, tokens) for pair, tokens in zip(pairs, encoded, strict=True)]
        self.bundles = [pair.bundle for pair in pairs]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each pair."""
        return [len(pair["input_ids"]) for pair in self._pairs]

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._pairs[index]


def _features(pair: Pair, tokens: EncodedPassage) -> dict[str, Any]:
    span = tokens.tokens_of(pair.span) if pair.span else None
    start, end = span or (IGNORED, IGNORED)
    label = LABELS.index(pair.label)
    return {"input_ids": tokens.ids, "readable": tokens.readable, "label": label, "start": start, "end": end}


def collate(pairs: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """Return a batch, padded to its longest pair."""
    shape = len(pairs), max(len(pair["input_ids"]) for pair in pairs)
    ids = torch.full(shape, PADDING, dtype=torch.long)
    mask = torch.zeros(shape, dtype=torch.long)
    readable = torch.zeros(shape, dtype=torch.bool)
    for row, pair in enumerate(pairs):
        length = len(pair["input_ids"])
        ids[row, :length] = torch.tensor(pair["input_ids"])
        mask[row, :length] = 1
        readable[row, slice(*pair["readable"])] = True
    targets = {name + "s": torch.tensor([pair[name] for pair in pairs]) for name in ("label", "start", "end")}
    return {"input_ids": ids, "attention_mask": mask, "readable": readable, **targets}
