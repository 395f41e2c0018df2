"""How the time of a passage answer grows: ``python -m benchmarks.passage_scale [--folder DIR] [--chunks N…]``.

Makes reports out of the sample until there are about 1,000, 10,000 and 100,000 chunks, takes each number into a store
of its own, and asks every store the same 64 questions: eight subjects, in Chinese and in English, about every report,
a year, an office, and an office's year. The vectors in the stores are hashing ones, since a model would take hours to
embed 100,000 chunks. A round asks in three processes of their own, each of which has asked eight other questions
before, so no answer comes from a cache:

- ``just started``: as a command that answers a first question. The questions are embedded by hashing.
- ``serving``: as the application, which has read its reports into memory in the background from its start.
- ``with the model``: the same, and the bundled model embeds each question, as it does unless another is set; the
  vectors searched are the hashing ones all the same.

The rounds of the sizes alternate, and of a question's times over the rounds the least counts, which on a shared machine
is the one that was least disturbed. With ``--folder`` the stores are kept and used again.

Exits 1 when, with the model, the 95th percentile at the largest size is over 1.5 times that at the smallest.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.corpus_generator import CorpusGenerator
from rag.embedding import load_embedder
from rag.embedding.hashing import HashEmbedder
from rag.garbage import collect_seldom
from rag.pipeline import Rag
from rag.settings import Settings, load_settings
from rag.types import Route

LOADING_S = 600.0


class Process(StrEnum):
    """A process that is asked; see above."""

    STARTED = "just started"
    SERVING = "serving"
    WITH_MODEL = "with the model"


CHUNKS = (1_000, 10_000, 100_000)
CHUNKS_A_REPORT = 11.7
ROUNDS = 3
TARGET = 1.5
SUBJECTS = (
    ("执法记录仪买了多少台？", "how many body cameras were bought?"),
    ("聘请了哪家律师事务所？", "which law firm was hired?"),
    ("负责人出庭应诉率是多少？", "how often did the person in charge appear in court?"),
    ("调解了多少件矛盾纠纷？", "how many disputes were mediated?"),
    ("办理了多少件12345工单？", "how many 12345 hotline orders were handled?"),
    ("合法性审查了多少份文件？", "how many documents passed legality review?"),
    ("开展普法宣传活动多少场？", "how many legal publicity events were held?"),
    ("综合行政执法队有多少名执法人员？", "how many enforcement officers does the team have?"),
)
WARMING = (
    "谁担任法治建设第一责任人？",
    "信访案件化解了多少件？",
    "2020年罚款多少元？",
    "玉溪镇2020年组织了几次应急演练？",
    "Who is in charge of petitions?",
    "How many fire drills were held in 2021?",
    "How many villages have a legal adviser?",
    "What was spent on training in Yuxi Town?",
)
OFFICE_REPORTS = range(0, 80, 10)
"""Reports, in every size, whose office and year are asked for."""


def questions() -> list[str]:
    """Return the questions that are timed."""
    maker = CorpusGenerator.from_files()
    return [
        question
        for (chinese, english), number in zip(SUBJECTS, OFFICE_REPORTS, strict=True)
        for report in [maker.make(number)]
        for question in _asked_of(chinese, english, report.office, report.year)
    ]


def _asked_of(chinese: str, english: str, office: str, year: int) -> Iterator[str]:
    yield from (chinese, f"{year}年{chinese}", f"{office}{chinese}", f"{office}{year}年{chinese}")
    yield english.capitalize()
    yield from (f"In {year}, {english}", f"At {office}, {english}", f"At {office} in {year}, {english}")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the stores are kept; made if they are not there")
    parser.add_argument("--chunks", nargs="+", type=int, default=list(CHUNKS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--process", type=Process, default=Process.STARTED, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        print(json.dumps(_ask(options.ask, json.load(sys.stdin), options.process)))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        return _compare(options.folder or Path(temporary), sorted(set(options.chunks)), options.rounds)


def _compare(folder: Path, sizes: list[int], rounds: int) -> int:
    """Print a row for each size and the ratio of the largest to the smallest; return the exit status."""
    stores = [_store(folder, chunks) for chunks in sizes]
    asked = json.dumps(questions(), ensure_ascii=False)
    print(f"{'process':>14}{'reports':>10}{'chunks':>10}{'median':>12}{'p95':>12}{'slowest':>12}")
    ratios = {process: _compare_sizes(process, stores, asked, rounds) for process in Process}
    for process, ratio in ratios.items():
        print(f"{process}: p95 at the largest is {ratio:.2f} times that at the smallest")
    met = ratios[Process.WITH_MODEL] <= TARGET
    print(f"target, with the model: {TARGET} ({'met' if met else 'MISSED'})")
    return 0 if met else 1


def _compare_sizes(process: Process, stores: list[Path], asked: str, rounds: int) -> float:
    """Print a row for each size; return the 95th percentile of the largest in that of the smallest."""
    found = [[_round(store, asked, process) for store in stores] for _ in range(rounds)]
    highest = []
    for place, store in enumerate(stores):
        with Rag(_settings(store)) as rag:
            size = rag.size()
        times = sorted(min(round_[place][number] for round_ in found) for number in range(len(found[0][place])))
        highest.append(statistics.quantiles(times, n=20, method="inclusive")[-1])
        shown = "".join(f"{1000 * value:9.1f} ms" for value in (statistics.median(times), highest[-1], times[-1]))
        print(f"{process:>14}{size.reports:10,}{size.chunks:10,}{shown}", flush=True)
    return highest[-1] / highest[0]


def _store(folder: Path, chunks: int) -> Path:
    """Return the folder of a store with about so many chunks, made if it is not there whole."""
    reports = round(chunks / CHUNKS_A_REPORT)
    place = folder / str(reports)
    if len(list((place / "reports").glob("*.md"))) != reports:
        CorpusGenerator.from_files().write(place / "reports", reports)
    with Rag(_settings(place / "store"), create=True, owner=True) as rag:
        rag.ingest([place / "reports"])
    return place / "store"


def _settings(store: Path) -> Settings:
    return load_settings(store=store, embedding_model="hash")


def _round(store: Path, asked: str, process: Process) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.passage_scale", "--ask", str(store), "--process", process]
    times: list[float] = json.loads(
        subprocess.run(command, check=True, input=asked, capture_output=True, text=True).stdout
    )
    return times


def _ask(store: Path, asked: list[str], process: Process) -> list[float]:
    """Return the seconds that each question takes in this process, as the one that holds the store."""
    with (
        _embedding_questions(process),
        Rag(_settings(store), owner=True, serving=process is not Process.STARTED) as rag,
    ):
        if not rag.wait_until_loaded(LOADING_S):
            raise TimeoutError(f"the reports were not in memory after {LOADING_S} s")
        for question in WARMING:
            rag.ask(question, route=Route.PASSAGE)
        collect_seldom()  # as app.py and the commands do
        return [_seconds(rag, question) for question in asked]


@contextmanager
def _embedding_questions(process: Process) -> Iterator[None]:
    """Have the bundled model embed each question, and leave its vector unused, where the process says so."""
    if process is not Process.WITH_MODEL:
        yield
        return
    model = load_embedder(load_settings())
    by_hashing = HashEmbedder.embed_query

    def embed_query(embedder: HashEmbedder, text: str) -> NDArray[np.float32]:
        model.embed_query(text)
        return by_hashing(embedder, text)

    with patch.object(HashEmbedder, "embed_query", embed_query):
        yield


def _seconds(rag: Rag, question: str) -> float:
    started = time.perf_counter()
    rag.ask(question, route=Route.PASSAGE)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
