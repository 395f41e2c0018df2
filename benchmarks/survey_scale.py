"""How surveys grow with the corpus: ``python -m benchmarks.survey_scale [--full] [--sizes N…]``.

Makes 100 and 1,000 reports out of the sample (10,000 with ``--full``), takes them into temporary stores, and asks each
store five surveys and five single questions in both languages, one round to warm up, then as many as are timed. The
embedding is the hashing one, so that what is measured is everything but the model. Each size runs in child processes
of its own, whose peak memory is told. Exits 1 when the median survey over 1,000 reports takes over 2 seconds or
anything grows faster than the corpus.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.corpus_generator import CorpusGenerator
from rag.pipeline import Rag
from rag.settings import Settings, load_settings
from rag.types import Route

SIZES, FULL_SIZE = (100, 1_000), 10_000
ROUNDS = 3
LIMIT_AT, LIMIT_SECONDS = 1_000, 2.0
LINEAR = 1.15
"""A ratio may exceed that of the sizes by so much, which is what a shared machine's clock gives and takes."""
SURVEYS = (
    "哪些街道不具备行政执法权？",
    "Which offices have a legal adviser?",
    "有没有哪个单位当年行政官司打输了？",
    "How many reports mention drones or smart supervision?",
    "哪些单位反映法治经费不足？",
)
PASSAGES = (
    "玉溪镇2020年聘请了哪家律师事务所？",
    "执法记录仪买了多少台？",
    "How many disputes were mediated in 2021?",
    "负责人出庭应诉率是多少？",
    "Who heads the enforcement team?",
)
COLUMNS = ("ingest", "survey_first", "survey_median", "survey_slowest", "passage_median", "memory", "ingest_memory")
GROWING = ("ingest", "survey_first", "survey_median", "passage_median", "memory")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--full", action="store_true", help=f"{FULL_SIZE} reports too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stage", choices=("ingest", "ask"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        stage: Callable[[Path], dict[str, float]] = {"ingest": _ingest, "ask": _ask}[options.stage]
        print(json.dumps(stage(options.folder)))
        return 0
    sizes = sorted({*options.sizes, *((FULL_SIZE,) if options.full else ())})
    measured = {}
    print(f"{'reports':>8}" + "".join(f"{column:>16}" for column in COLUMNS))
    for size in sizes:
        measured[size] = _measure(size, options.seed)
        print(f"{size:>8}" + "".join(_cell(column, measured[size][column]) for column in COLUMNS), flush=True)
    return 0 if _holds(measured) else 1


def _cell(column: str, value: float) -> str:
    return f"{value:>12.0f} MiB" if "memory" in column else f"{value:>14.3f} s"


def _holds(measured: dict[int, dict[str, float]]) -> bool:
    """Print how everything grew, and tell whether the limits are kept."""
    kept = True
    sizes = sorted(measured)
    for smaller, larger in zip(sizes, sizes[1:], strict=False):
        ratios = {column: measured[larger][column] / measured[smaller][column] for column in GROWING}
        told = ", ".join(f"{column} x{ratio:.1f}" for column, ratio in ratios.items())
        print(f"{smaller} to {larger} (x{larger / smaller:.0f}): {told}")
        kept = kept and max(ratios.values()) <= LINEAR * larger / smaller
    if LIMIT_AT in measured:
        median = measured[LIMIT_AT]["survey_median"]
        print(f"survey over {LIMIT_AT} reports: median {median:.3f} s (limit {LIMIT_SECONDS} s)")
        kept = kept and median <= LIMIT_SECONDS
    return kept


def _measure(size: int, seed: int) -> dict[str, float]:
    """Measure one size, ingesting and asking each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        CorpusGenerator.from_files(seed=seed).write(Path(folder) / "reports", size)
        measured: dict[str, float] = {}
        for stage in ("ingest", "ask"):
            command = [sys.executable, "-m", "benchmarks.survey_scale", "--stage", stage, "--folder", folder]
            measured |= json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return measured


def _settings(folder: Path) -> Settings:
    return load_settings(store=folder / "store", embedding_model="hash")


def _ingest(folder: Path) -> dict[str, float]:
    started = time.perf_counter()
    with Rag(_settings(folder), create=True, owner=True) as rag:
        rag.ingest([folder / "reports"])
    return {"ingest": time.perf_counter() - started, "ingest_memory": _peak()}


def _ask(folder: Path) -> dict[str, float]:
    with Rag(_settings(folder)) as rag:
        first = _seconds(rag, SURVEYS[0])
        surveys = _rounds(rag, SURVEYS)
        passages = _rounds(rag, PASSAGES, Route.PASSAGE)
    return {
        "survey_first": first,
        "survey_median": statistics.median(surveys),
        "survey_slowest": max(surveys),
        "passage_median": statistics.median(passages),
        "memory": _peak(),
    }


def _rounds(rag: Rag, questions: Sequence[str], route: Route | None = None) -> list[float]:
    for question in questions:
        _seconds(rag, question, route)
    return [_seconds(rag, question, route) for _ in range(ROUNDS) for question in questions]


def _seconds(rag: Rag, question: str, route: Route | None = None) -> float:
    started = time.perf_counter()
    answer = rag.ask(question, route=route)
    seconds = time.perf_counter() - started
    if route is None and answer.survey is None:
        raise SystemExit(f"{question!r} was not answered by a survey: {answer.answer[:200]}")
    return seconds


def _peak() -> float:
    """Return the most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
