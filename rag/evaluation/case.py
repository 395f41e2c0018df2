"""What one metric looks at: a gold question, the answer given, and the corpus to check it against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rag.evaluation.gold import GoldQuestion

Answer = Mapping[str, Any]
"""The answer JSON, as recorded."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question to score.

    Attributes:
        question: The gold question.
        answer: The answer JSON.
        texts: Each source's text without white space, by source name, read from the files themselves;
            None when they are not at hand, and then what needs them is not applicable.
        scope: Source names a survey must cover; None when the question itself narrows it.
    """

    question: GoldQuestion
    answer: Answer
    texts: Mapping[str, str] | None = field(default=None, repr=False)
    scope: frozenset[str] | None = None
