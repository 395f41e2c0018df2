"""Time to a chat model's first words beyond the model's own time, over real HTTP from a scripted server.

Run it with ``python -m benchmarks.first_token --store DIR [--gold FILE]``.
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
from tests.scripted_server import Reply, ScriptedServer

ROOT = Path(__file__).resolve().parent.parent

TARGET_MS = 150.0
MODEL_S = 0.3
"""What the model takes to its first words."""
PHRASED = ("fact", "number", "list")
"""Kinds of question that the model answers in its own words; surveys and tables are computed."""


def first_words(rag: Rag, question: str) -> float:
    """Return the seconds until an answer's first words; the rest of it is read too."""
    started = time.perf_counter()
    stream = rag.stream(question)
    next(stream)
    taken = time.perf_counter() - started
    for _ in stream:
        pass
    return taken


def main() -> int:
    """Print the median and the 95th percentile of the time added to the model's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("vectorstore/demo"))
    parser.add_argument("--gold", type=Path, default=ROOT / "data" / "gold" / "sample.jsonl")
    options = parser.parse_args()
    cases = [json.loads(line) for line in options.gold.read_text(encoding="utf-8").splitlines() if line.strip()]
    questions = [case["question"] for case in cases if case["kind"] in PHRASED]
    added, extractive = [], []
    with ScriptedServer(Reply("根据报告，有如下情况。", first=MODEL_S)) as server:
        model = {"llm_model": "scripted", "llm_base_url": server.url}
        with Rag(load_settings(store=options.store, **model)) as rag, Rag(load_settings(store=options.store)) as plain:
            for warming in (rag, plain):
                warming.ask(questions[0])
            for question in questions:
                asked = len(server.requests)
                without = first_words(plain, question)
                with_model = first_words(rag, question)
                if len(server.requests) == asked + 1:
                    extractive.append(without * 1000)
                    added.append((with_model - MODEL_S) * 1000)
    median, slowest = statistics.median(added), statistics.quantiles(added, n=20)[-1]
    print(
        f"{len(added)} of {len(questions)} questions phrased by one call: first words after the model's own "
        f"{MODEL_S * 1000:.0f} ms plus {median:.0f} ms (median; 95th percentile {slowest:.0f} ms), of which the "
        f"extractive answer, which is made first, takes {statistics.median(extractive):.0f} ms; "
        f"target at most {TARGET_MS:g}: {'met' if median <= TARGET_MS else 'MISSED'} by the median, "
        f"{'met' if slowest <= TARGET_MS else 'MISSED'} by the 95th percentile"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
