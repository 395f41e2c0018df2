"""Median time of an answer without a chat model, beside embedding its question alone, in one run.

Run it with ``python -m benchmarks.answer_time --store DIR [--gold FILE]``; exits 1 when an answer takes over four times
as long as the embedding.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from rag.pipeline import Rag
from rag.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent

TARGET = 4.0


def main() -> int:
    """Print both medians and their ratio; exit 1 if it is over the target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("vectorstore/demo"))
    parser.add_argument("--gold", type=Path, default=ROOT / "data" / "gold" / "sample.jsonl")
    options = parser.parse_args()
    questions = [json.loads(line)["question"] for line in options.gold.read_text(encoding="utf-8").splitlines()]
    answers, embeddings = [], []
    with Rag(load_settings(store=options.store)) as rag:
        rag.ask("Which offices lack enforcement power?")
        for question in questions:
            started = time.perf_counter()
            rag.embedder.embed_query(question)
            embedded = time.perf_counter()
            rag.ask(question)
            answers.append(time.perf_counter() - embedded)
            embeddings.append(embedded - started)
    answer, embedding = (statistics.median(times) * 1000 for times in (answers, embeddings))
    ratio = answer / embedding
    print(
        f"{len(questions)} questions: answer {answer:.1f} ms, embedding the question {embedding:.1f} ms, "
        f"ratio {ratio:.2f} (target at most {TARGET:g}: {'met' if ratio <= TARGET else 'MISSED'})"
    )
    return 0 if ratio <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
