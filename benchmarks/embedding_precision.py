"""What answers lose by the numbers that the bundled model multiplies in, and what embedding gains.

Run it with ``python -m benchmarks.embedding_precision [--corpus REPORTS GOLD]…``. Takes each corpus (the sample unless
others are named) into a store for each precision, asks its gold questions, and prints a row for each: passages embedded
a second, and how much of the evidence stands among the first 10 contexts of whole answers, and among the 10 chunks
nearest to the question by their vectors alone, which is where precision tells first.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rag.catalog import Catalog, VectorRows
from rag.embedding import load_embedder
from rag.evaluation.case import Case
from rag.evaluation.gold import GoldQuestion, load_gold
from rag.evaluation.retrieval_metrics import ndcg_at_10, recall_at_10, reciprocal_rank
from rag.index import exact
from rag.pipeline import Rag
from rag.serialising import answer_to_dict
from rag.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = (ROOT / "data" / "reports", ROOT / "data" / "gold" / "sample.jsonl")
PRECISIONS = ("float32", "bfloat16", "int8")
ROUNDS = 2
TIMED = 64
"""Passages whose embedding is timed, taken evenly from the corpus."""
DEPTH = 10

METRICS: tuple[Callable[[Case], float | None], ...] = (recall_at_10, ndcg_at_10, reciprocal_rank)
HEADS = ("recall@10", "nDCG@10", "MRR")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", nargs=2, type=Path, action="append", metavar=("REPORTS", "GOLD"))
    for reports, gold in parser.parse_args().corpus or [SAMPLE]:
        _compare(reports, load_gold(gold))
    return 0


def _compare(reports: Path, questions: Sequence[GoldQuestion]) -> None:
    """Print a row for each precision."""
    asked = [question for question in questions if question.evidence]
    print(f"{reports}: {len(asked)} questions with evidence")
    heads = "".join(f"{head:>11}" for head in (*HEADS, *(f"{head}*" for head in HEADS)))
    print(f"{'':10}{'passages/s':>11}{heads}   * by vectors alone")
    with tempfile.TemporaryDirectory() as folder:
        stores = {name: _settings(Path(folder) / name, name) for name in PRECISIONS}
        for settings in stores.values():
            with Rag(settings, create=True, owner=True) as rag:
                rag.ingest([reports])
        rates = _rates(list(stores.values()))
        for (name, settings), rate in zip(stores.items(), rates, strict=True):
            figures = [*_scores(_whole(settings, asked)), *_scores(_by_vectors(settings, asked))]
            print(f"{name:10}{rate:11.1f}" + "".join(f"{value:11.4f}" for value in figures), flush=True)


def _settings(store: Path, precision: str) -> Settings:
    return load_settings(store=store, embedding_precision=precision)


def _rates(stores: Sequence[Settings]) -> list[float]:
    """Return passages embedded a second by each, the best of rounds in which they alternate."""
    with Catalog.open(stores[0].store) as catalog:
        texts = [text for _, _, _, text in catalog.chunk_texts()]
    texts = texts[:: max(1, len(texts) // TIMED)][:TIMED]
    embedders = [load_embedder(settings) for settings in stores]
    for embedder in embedders:
        embedder.embed_passages(texts[:8])
    rates = [0.0] * len(embedders)
    for _ in range(ROUNDS):
        for place, embedder in enumerate(embedders):
            started = time.perf_counter()
            embedder.embed_passages(texts)
            rates[place] = max(rates[place], len(texts) / (time.perf_counter() - started))
    return rates


def _whole(settings: Settings, questions: Sequence[GoldQuestion]) -> list[Case]:
    with Rag(settings) as rag:
        return [
            Case(item, answer_to_dict(rag.ask(item.question, filters=item.filters, history=item.history)))
            for item in questions
        ]


def _by_vectors(settings: Settings, questions: Sequence[GoldQuestion]) -> list[Case]:
    """Return for each question the chunks nearest to it as its contexts."""
    embedder = load_embedder(settings)
    with Catalog.open(settings.store) as catalog:
        table, metas = catalog.vectors(), catalog.metas()
        found = []
        for question in questions:
            hits = exact.search(VectorRows(table), embedder.embed_query(question.question), DEPTH)
            chunks = catalog.chunks([hit.chunk_id for hit in hits]).values()
            contexts = [{"source": metas[chunk.report_id].source, "text": chunk.text} for chunk in chunks]
            answer: dict[str, Any] = {"contexts": contexts}
            found.append(Case(question, answer))
    return found


def _scores(answered: Sequence[Case]) -> list[float]:
    return [statistics.mean(value for case in answered if (value := metric(case)) is not None) for metric in METRICS]


if __name__ == "__main__":
    sys.exit(main())
