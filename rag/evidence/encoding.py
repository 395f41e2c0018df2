"""A question and a statement as the reader's tokens, and tokens back as characters of the statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.evidence.scorer import Passage

if TYPE_CHECKING:
    from tokenizers import Tokenizer

QUESTION_TOKENS = 64
"""Chosen: four times the median question; a longer one is cut."""
PAIR_TOKENS = 256
"""Chosen: longer statements are cut; 0.2% of the training data's are."""
_BEGIN, _END = 0, 2
"""XLM-R's <s> and </s>: <s> question </s> </s> context | statement </s>."""


@dataclass(frozen=True, slots=True)
class EncodedPassage:
    """A pair in tokens.

    Attributes:
        ids: Token ids.
        readable: The tokens of the statement itself, from–to.
        offsets: For each of those, the characters of the statement that it stands for, from–to.
    """

    ids: list[int]
    readable: tuple[int, int]
    offsets: list[tuple[int, int]]

    def tokens_of(self, span: tuple[int, int]) -> tuple[int, int] | None:
        """Return the first and the last token that share a character with the span; None if it was cut off."""
        sharing = [
            index
            for index, (start, end) in enumerate(self.offsets)
            if start < span[1] and span[0] < end and start < end
        ]
        return (self.readable[0] + sharing[0], self.readable[0] + sharing[-1]) if sharing else None

    def characters_of(self, first: int, last: int) -> tuple[int, int]:
        """Return the characters of the statement that the tokens first–last stand for."""
        return self.offsets[first - self.readable[0]][0], self.offsets[last - self.readable[0]][1]


class PairEncoder:
    """Encodes pairs; a question and a context that come again are tokenized once a call."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, pairs: Sequence[tuple[str, Passage]]) -> list[EncodedPassage]:
        """Return the tokens of each pair of a question and a statement, in order."""
        questions = self._distinct([question for question, _ in pairs])
        contexts = self._distinct([f"{passage.context} |" for _, passage in pairs])
        statements = self._tokenizer.encode_batch([passage.text for _, passage in pairs], add_special_tokens=False)
        encoded = []
        for (question, passage), statement in zip(pairs, statements, strict=True):
            head = [_BEGIN, *questions[question][:QUESTION_TOKENS], _END, _END]
            head += contexts[f"{passage.context} |"][: PAIR_TOKENS // 4]
            room = PAIR_TOKENS - len(head) - 1
            ids = [*head, *statement.ids[:room], _END]
            encoded.append(EncodedPassage(ids, (len(head), len(ids) - 1), statement.offsets[:room]))
        return encoded

    def _distinct(self, texts: Sequence[str]) -> dict[str, list[int]]:
        distinct = list(dict.fromkeys(texts))
        encodings = self._tokenizer.encode_batch(distinct, add_special_tokens=False)
        return {text: encoding.ids for text, encoding in zip(distinct, encodings, strict=True)}
