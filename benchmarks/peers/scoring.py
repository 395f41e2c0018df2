"""How much of the evidence each system's contexts hold, by the rules of ``rag.evaluation``."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from rag.evaluation.case import Case
from rag.evaluation.gold import GoldQuestion
from rag.evaluation.overlap import squeeze
from rag.evaluation.retrieval_metrics import evidence_ranks

SINGLE_PASSAGE = ("fact", "number")
CUTOFFS = (5, 10)
BUDGETS = (1_000, 3_000)
"""Characters of context, white space not counted: systems cut texts differently, and a chat model pays by length."""

Contexts = Sequence[Mapping[str, str]]


def scores(questions: Iterable[GoldQuestion], contexts: Mapping[str, Contexts], top: int) -> dict[str, float]:
    """Return the mean recall of evidence over the questions that have any, by cutoff, kind and budget.

    Args:
        questions: The gold questions.
        contexts: What a system gave for each, by id, best first.
        top: How many of them count.
    """
    asked = [question for question in questions if question.evidence]
    given = {question.id: list(contexts[question.id])[:top] for question in asked}
    alike = [question for question in asked if is_single_passage(question)]
    found = {
        f"recall_{cutoff}": _mean(asked, {name: list[:cutoff] for name, list in given.items()}) for cutoff in CUTOFFS
    }
    found |= {
        f"budget_{budget}": _mean(asked, {name: within(list, budget) for name, list in given.items()})
        for budget in BUDGETS
    }
    found["single_passage"] = _mean(alike, given)
    found["characters"] = statistics.fmean(sum(len(squeeze(item["text"])) for item in list) for list in given.values())
    return found


def is_single_passage(question: GoldQuestion) -> bool:
    """Say whether one passage answers the question and its text alone says all, without filters or earlier turns."""
    return question.kind in SINGLE_PASSAGE and not question.filters and not question.history


def recall(question: GoldQuestion, contexts: Contexts) -> float:
    """Return the share of the question's evidence that the contexts hold."""
    ranks = evidence_ranks(Case(question, {"contexts": contexts}))
    return sum(rank is not None for rank in ranks) / len(ranks)


def within(contexts: Contexts, budget: int) -> list[Mapping[str, str]]:
    """Return the contexts up to so many characters, white space not counted, the last one cut off there."""
    kept: list[Mapping[str, str]] = []
    for context in contexts:
        text = squeeze(context["text"])[:budget]
        budget -= len(text)
        if text:
            kept.append({"source": context["source"], "text": text})
    return kept


def _mean(questions: Sequence[GoldQuestion], contexts: Mapping[str, Contexts]) -> float | None:
    recalls = [recall(question, contexts[question.id]) for question in questions]
    return statistics.fmean(recalls) if recalls else None
