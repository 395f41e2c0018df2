"""Whether answering statements are found among the first of very many: ``python -m benchmarks.statement_recall``.

Questions and texts of the held-out writers, among the statements of generated reports. A question is asked as it was
typed, and with office and year before it, as a question is searched for whose office and year are known.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice

import numpy as np

from benchmarks.corpus_generator import CorpusGenerator
from rag.embedding import Embedder
from rag.evidence import Passage, context_of, load_retriever, statements_of
from rag.evidence.retriever import embedded_text
from rag.loading import load_bytes
from rag.settings import Settings
from rag.structure import parse_report
from training.data import Item, Text, load_items, load_texts
from training.negatives import passages_to_embed
from training.splits import split

STATEMENTS = 100_000
FIRST = 100
TARGET = 0.95
ANSWERING = ("yes", "no")
BATCH = 2_000


def generated() -> Iterator[str]:
    """Yield the statements of generated reports, as they are embedded, without end."""
    generator = CorpusGenerator.from_files()
    for report in map(generator.make, count()):
        parsed = parse_report(load_bytes(report.text.encode(), report.name))
        for one in statements_of(parsed):
            yield embedded_text(Passage(one.text, context_of(report.office, report.year, one.path, one.header)))


def embedded(embedder: Embedder, texts: Sequence[str]) -> np.ndarray:
    """Return the vectors of texts, telling on the way how far it is."""
    parts = []
    for start in range(0, len(texts), BATCH):
        parts.append(embedder.embed_passages(list(texts[start : start + BATCH])))
        print(f"\r{start + len(parts[-1]):,} of {len(texts):,} statements", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return np.concatenate(parts)


def typed(item: Item, _: Text) -> str:
    """Return the question as it was typed."""
    return item.wordings[0].text


def scoped(item: Item, text: Text) -> str:
    """Return the question with office and year before it, where it does not name them."""
    question = typed(item, text)
    named = [part for part in (text.office, str(text.year or "")) if part and part not in question]
    return " ".join([*named, question])


def recall(
    asking: Callable[[Item, Text], str],
    items: Sequence[Item],
    vectors: np.ndarray,
    first: dict[str, int],
    embedder: Embedder,
) -> tuple[float, int]:
    """Return the share of answering statements among the first, and of how many questions."""
    texts = load_texts()
    found: list[bool] = []
    for item in items:
        wanted = [first[item.text] + number for number, label in item.labels.items() if label in ANSWERING]
        if wanted:
            near = vectors @ embedder.embed_query(asking(item, texts[item.text]))
            nearest = set(np.argpartition(-near, FIRST)[:FIRST].tolist())
            found += [number in nearest for number in wanted]
    return float(np.mean(found)), len(items)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the recall of both ways to ask; exit 1 if the better one is below the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=STATEMENTS, help="statements in all")
    options = parser.parse_args(arguments)
    embedder = load_retriever(Settings(_env_file=None))
    texts = load_texts()
    passages: list[str] = []
    first: dict[str, int] = {}
    _, _, held_out = split(load_items())
    asked = [item for item in held_out if not item.across and item.kind != "summary"]
    for name in sorted({item.text for item in held_out}):
        first[name] = len(passages)
        passages += passages_to_embed(texts[name])
    passages += islice(generated(), max(0, options.statements - len(passages)))
    vectors = embedded(embedder, passages)
    best = 0.0
    for name, asking in (("as typed", typed), ("with office and year", scoped)):
        share, questions = recall(asking, asked, vectors, first, embedder)
        best = max(best, share)
        print(f"{name}: {share:.3f} of yes and no in the first {FIRST} of {len(passages):,} ({questions} questions)")
    return 0 if best >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
