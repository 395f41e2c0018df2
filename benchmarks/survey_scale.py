"""How time, memory and disk grow with the corpus: ``python -m benchmarks.survey_scale [--sizes N…] [--seed S]``.

Makes 100, 1,000 and 10,000 reports out of the sample (about ten minutes on two cores of one's own), takes them into
temporary stores, and asks each store five surveys and five single questions in both languages, one round to warm up,
then as many as are timed. The embedding is the hashing one, so that what is measured is everything but the model.

Each size is taken in by one process and asked by others, whose peak memory is told. The first survey counts from
opening the store and is the best of three, each in a process that has asked nothing before. An ingest's processor time
stands beside its clock time, since on a shared machine only the former tells how it grows. Then come the figures for
each report, and for each further one over the smaller size, where what every process needs once falls out.

Exits 1 when a survey over 1,000 reports, the first or the median, takes over 2 seconds, or anything but the clock time
of an ingest grows faster than the corpus.
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
from rag.garbage import collect_seldom
from rag.pipeline import Rag
from rag.settings import Settings, load_settings
from rag.types import Route

SIZES = (100, 1_000, 10_000)
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
FIRSTS = 3
SECONDS = ("ingest", "ingest_cpu", "survey_first", "survey_median", "survey_slowest", "passage_median")
MEBIBYTES = ("ingest_memory", "ask_memory", "store")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stage", choices=("ingest", "first", "ask"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        stage: Callable[[Path], dict[str, float]] = {"ingest": _ingest, "first": _first, "ask": _ask}[options.stage]
        print(json.dumps(stage(options.folder)))
        return 0
    measured = {}
    _print_row("reports", (*SECONDS, *MEBIBYTES))
    for size in sorted(set(options.sizes)):
        measured[size] = _measure(size, options.seed)
        _print_row(f"{size:,}", [_cell(column, value) for column, value in measured[size].items()])
    _print_per_report(measured)
    return 0 if _holds(measured) else 1


def _print_row(name: str, cells: Sequence[str]) -> None:
    print(f"{name:>17}" + "".join(f"{cell:>15}" for cell in cells), flush=True)


def _cell(column: str, value: float) -> str:
    return f"{value:.3f} s" if column in SECONDS else f"{value:.0f} MiB"


def _print_per_report(measured: dict[int, dict[str, float]]) -> None:
    """Print what a report costs on average, and what each one beyond the smaller size does."""
    _print_row("for each report", (*SECONDS, *MEBIBYTES))
    smaller: tuple[int, dict[str, float]] | None = None
    for size, values in measured.items():
        _print_row(f"of {size:,}", [_share(column, value / size) for column, value in values.items()])
        if smaller:
            before, earlier = smaller
            shares = {column: (value - earlier[column]) / (size - before) for column, value in values.items()}
            _print_row(f"{before:,} to {size:,}", [_share(column, share) for column, share in shares.items()])
        smaller = size, values


def _share(column: str, value: float) -> str:
    return f"{value * 1000:.3f} ms" if column in SECONDS else f"{value * 1024:.0f} KiB"


def _holds(measured: dict[int, dict[str, float]]) -> bool:
    """Print how everything grew, and tell whether the limits are kept."""
    kept = True
    sizes = sorted(measured)
    for smaller, larger in zip(sizes, sizes[1:], strict=False):
        limit = LINEAR * larger / smaller
        ratios = {
            column: value / measured[smaller][column]
            for column, value in measured[larger].items()
            if column != "ingest"
        }
        told = ", ".join(
            f"{column} x{ratio:.1f}{'' if ratio <= limit else ' MISSED'}" for column, ratio in ratios.items()
        )
        print(f"{smaller:,} to {larger:,} reports, limit x{limit:.1f}: {told}")
        kept = kept and max(ratios.values()) <= limit
    if LIMIT_AT in measured:
        for column in ("survey_first", "survey_median"):
            seconds = measured[LIMIT_AT][column]
            met = seconds <= LIMIT_SECONDS
            print(
                f"{column} over {LIMIT_AT:,} reports {seconds:.3f} s: {'met' if met else 'MISSED'} ({LIMIT_SECONDS} s)"
            )
            kept = kept and met
    return kept


def _measure(size: int, seed: int) -> dict[str, float]:
    """Measure one size, ingesting and asking each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        CorpusGenerator.from_files(seed=seed).write(Path(folder) / "reports", size)
        measured = _run("ingest", folder)
        measured |= min((_run("first", folder) for _ in range(FIRSTS)), key=lambda found: found["survey_first"])
        measured |= _run("ask", folder)
        files = [path for path in (Path(folder) / "store").rglob("*") if path.is_file()]
        measured["store"] = sum(path.stat().st_size for path in files) / 2**20
    return {column: measured[column] for column in (*SECONDS, *MEBIBYTES)}


def _run(stage: str, folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.survey_scale", "--stage", stage, "--folder", folder]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def _settings(folder: Path) -> Settings:
    return load_settings(store=folder / "store", embedding_model="hash")


def _ingest(folder: Path) -> dict[str, float]:
    started = time.perf_counter()
    with Rag(_settings(folder), create=True, owner=True) as rag:
        rag.ingest([folder / "reports"])
    seconds = time.perf_counter() - started
    return {"ingest": seconds, "ingest_cpu": time.process_time(), "ingest_memory": _peak()}


def _first(folder: Path) -> dict[str, float]:
    started = time.perf_counter()
    with Rag(_settings(folder)) as rag:
        collect_seldom()  # as app.py and the commands do
        _seconds(rag, SURVEYS[0])
        return {"survey_first": time.perf_counter() - started}


def _ask(folder: Path) -> dict[str, float]:
    with Rag(_settings(folder)) as rag:
        collect_seldom()
        surveys = _rounds(rag, SURVEYS)
        passages = _rounds(rag, PASSAGES, Route.PASSAGE)
    return {
        "survey_median": statistics.median(surveys),
        "survey_slowest": max(surveys),
        "passage_median": statistics.median(passages),
        "ask_memory": _peak(),
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
