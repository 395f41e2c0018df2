"""Retrieval: where evidence stands among the contexts, by the standard measures of ir-measures.

A piece of evidence is a document to be found; a context finds it if it comes from the same source and holds the
quote. A context that repeats evidence already found earns nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import ir_measures
from ir_measures import RR, Qrel, ScoredDoc, SetR, nDCG

from rag.evaluation.case import Case
from rag.evaluation.overlap import holds

QUERY = "question"


def evidence_ranks(case: Case) -> list[int | None]:
    """Return for each piece of evidence the rank, from 1, of the first context that holds it."""
    contexts = list(enumerate(case.answer.get("contexts", ()), 1))
    return [
        next(
            (
                rank
                for rank, context in contexts
                if context["source"] == item.source and holds(context["text"], item.quote)
            ),
            None,
        )
        for item in case.question.evidence
    ]


def recall_at_5(case: Case) -> float | None:
    """Share of the evidence found in the first 5 contexts."""
    return _recall(case, 5)


def recall_at_10(case: Case) -> float | None:
    """Share of the evidence found in the first 10 contexts."""
    return _recall(case, 10)


def all_evidence_at_10(case: Case) -> float | None:
    """1 if every piece of evidence is found in the first 10 contexts."""
    recall = _recall(case, 10)
    return None if recall is None else float(recall == 1.0)


def ndcg_at_10(case: Case) -> float | None:
    """nDCG@10; the gain of a context is the number of pieces of evidence that it is the first to hold."""
    if not case.question.evidence:
        return None
    ranks = evidence_ranks(case)
    gains = Counter(_name(rank) for rank in ranks if rank is not None)
    relevant = [Qrel(QUERY, name, gain) for name, gain in gains.items()]
    missed = [Qrel(QUERY, f"missed-{index}", 1) for index, rank in enumerate(ranks) if rank is None]
    return _measure(nDCG @ 10, relevant + missed, _ranking(case))


def reciprocal_rank(case: Case) -> float | None:
    """Reciprocal rank of the first context that holds any evidence; its mean is the MRR."""
    if not case.question.evidence:
        return None
    found = {_name(rank) for rank in evidence_ranks(case) if rank is not None}
    return _measure(RR, [Qrel(QUERY, name, 1) for name in found], _ranking(case))


def _recall(case: Case, cutoff: int) -> float | None:
    if not case.question.evidence:
        return None
    ranks = evidence_ranks(case)
    wanted = [Qrel(QUERY, str(index), 1) for index in range(len(ranks))]
    found = [
        ScoredDoc(QUERY, str(index), 1.0) for index, rank in enumerate(ranks) if rank is not None and rank <= cutoff
    ]
    return _measure(SetR, wanted, found)


def _ranking(case: Case) -> list[ScoredDoc]:
    """Return the contexts in the order given; scores of an answer may tie, so ranks stand in for them."""
    count = len(case.answer.get("contexts", ()))
    return [ScoredDoc(QUERY, _name(rank), float(count - rank)) for rank in range(1, count + 1)]


def _name(rank: int) -> str:
    return f"context-{rank}"


def _measure(measure: ir_measures.Measure, relevant: Iterable[Qrel], ranking: list[ScoredDoc]) -> float:
    relevant = list(relevant)
    if not ranking or not relevant:
        return 0.0
    return float(ir_measures.calc_aggregate([measure], relevant, ranking)[measure])
