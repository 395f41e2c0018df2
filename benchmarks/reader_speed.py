"""Pairs of a question and a statement that the reader scores in a second, by precision, alternating in one run.

Run it with ``python -m benchmarks.reader_speed [--rounds N] [--file READER]``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.embedding_speed import product_rate
from rag.errors import RagError
from rag.evidence import Passage, Reader, context_of, statements_of
from rag.loading import find_files, load_document
from rag.settings import Settings
from rag.structure import parse_report

ROOT = Path(__file__).resolve().parent.parent
QUESTION = "哪些街道不具备行政执法权？"
PRECISIONS = ("float32", "bfloat16", "int8")
PAIRS = 600
MAX_BYTES = 50_000_000
TARGET = 150
"""Pairs of about 70 tokens a second on two cores."""


def passages() -> list[Passage]:
    """Return the first statements of the sample corpus, as the reader reads them."""
    found: list[Passage] = []
    for path in find_files([ROOT / "data" / "reports"]):
        report = parse_report(load_document(path, max_bytes=MAX_BYTES))
        for one in statements_of(report):
            found.append(Passage(one.text, context_of(report.meta.office, report.meta.year, one.path, one.header)))
    return found[:PAIRS]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print pairs a second; exit 1 if the setting ``auto`` is below the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--file", default="bundled", help="the reader's file")
    options = parser.parse_args(arguments)
    read = passages()
    readers: dict[str, Reader] = {}
    for precision in ("auto", *PRECISIONS):
        try:
            reader = Reader(Settings(_env_file=None, reader=options.file, embedding_precision=precision))
            reader.score(QUESTION, read[:1])
            readers[precision] = reader
        except RagError as error:
            print(f"{precision}: {error}")
    seconds: dict[str, list[float]] = {precision: [] for precision in readers}
    for _ in range(options.rounds):
        for precision, reader in readers.items():
            start = time.perf_counter()
            reader.score(QUESTION, read)
            seconds[precision].append(time.perf_counter() - start)
    for precision, times in seconds.items():
        print(f"{precision}: {len(read) / statistics.median(times):.0f} pairs/s")
    print(f"matrix products alone, bfloat16: {product_rate('bfloat16'):.0f} GFLOP/s")
    return 0 if len(read) / statistics.median(seconds["auto"]) >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
