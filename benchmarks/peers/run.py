"""Take one corpus through every system, stage by stage, and put the figures together."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from benchmarks.peers.measuring import processor_seconds, resident_peak, run_stage, size_mib
from benchmarks.peers.scoring import recall, scores
from rag.embedding.bundled import unpacked_model
from rag.embedding.prefixes import E5
from rag.evaluation.corpus import read_corpus
from rag.evaluation.gold import GoldQuestion, check_gold

TOP = 10
MODEL, DIMENSION = "multilingual-e5-small", 384
WARM_TEXT = "本街道依法行政，全年办理行政处罚案件若干件，均已办结。"
WARM_QUESTIONS = (
    "哪些街道聘请了法律顾问？",
    "玉溪镇2020年聘请了哪家律师事务所？",
    "How many disputes were mediated in 2021?",
    "Who heads the enforcement team?",
)
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "LOGFIRE_IGNORE_NO_CONFIG": "1"}
"""The peer's libraries ask a hub for newer files even of a local folder, and warn of telemetry that is not set up."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder of reports and the questions about them."""

    name: str
    reports: Path
    gold: Path


@dataclass(frozen=True, slots=True)
class System:
    """One system to run.

    Attributes:
        name: Key in the results.
        title: What the table calls it.
        stage: ``ours``, ``tutorial`` or ``haiku``.
        through_endpoint: Whether its texts are embedded by the endpoint instead of in its process.
        answers: What it gives without a chat model.
    """

    name: str
    title: str
    stage: str
    through_endpoint: bool
    answers: str


OURS = "answers, cited"
PASSAGES = "passages only"
SYSTEMS = (
    System("ours", "ours", "ours", False, OURS),
    System("ours-endpoint", "ours, endpoint", "ours", True, OURS),
    System("tutorial", "500 characters + Chroma", "tutorial", False, PASSAGES),
    System("haiku", "haiku.rag", "haiku", True, PASSAGES),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The embedding server that runs for the systems that need one."""

    url: str
    process: int


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """Serve the bundled model by OpenAI's protocol while the block runs; the model is loaded when it begins.

    Raises:
        RuntimeError: the server did not start.
    """
    command = [sys.executable, "-m", "rag.embedding.server", "--port", "0"]
    with Popen(command, stdout=PIPE, text=True) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            if " at http" not in line:
                raise RuntimeError(f"`{' '.join(command[1:])}` did not start; run it to see why")
            yield Endpoint(line.split(" at ")[1].split()[0], server.pid)
        finally:
            server.terminate()


def measure(
    corpus: Corpus, served: Endpoint, peer: Path | None, rounds: int, folder: Path, systems: Sequence[System] = SYSTEMS
) -> dict[str, Any]:
    """Return every system's figures on a corpus, each stage in a process of its own, one after the other.

    Args:
        corpus: What to take in and to ask.
        served: The embedding endpoint.
        peer: Python of the peer's environment; None: it is left out.
        rounds: Times that all is done; figures are medians over them, memory the most.
        folder: A scratch folder.
        systems: The systems to run; their order turns round from round to round.
    """
    texts = read_corpus([corpus.reports], max_file_mb=50)
    questions = check_gold(corpus.gold, texts)
    job = _job(corpus, texts, questions, folder)
    found: dict[str, list[dict[str, Any]]] = {}
    for number in range(rounds):
        for system in systems if number % 2 == 0 else systems[::-1]:
            if system.stage != "haiku" or peer:
                print(f"{corpus.name}, round {number + 1}: {system.title}", file=sys.stderr, flush=True)
                found.setdefault(system.name, []).append(_round(system, job, served, peer, folder))
    measured = {name: figures(runs, questions) for name, runs in found.items()}
    if "haiku" in found:
        measured["haiku-widened"] = figures(found["haiku"], questions, contexts="widened", seconds="widened_seconds")
    return {
        "corpus": corpus.name,
        "reports": len(texts),
        "characters": sum(map(len, texts.values())),
        "questions": len(questions),
        "with_evidence": sum(bool(question.evidence) for question in questions),
        "systems": measured,
    }


def _job(corpus: Corpus, texts: Mapping[str, str], questions: Sequence[GoldQuestion], folder: Path) -> dict[str, Any]:
    """Write down what the peer reads, and return what is the same in every job."""
    _write_lines(folder / "texts.jsonl", [{"source": source, "text": text} for source, text in texts.items()])
    _write_lines(folder / "questions.jsonl", [{"id": item.id, "question": item.question} for item in questions])
    return {
        "files": str(corpus.reports.resolve()),
        "gold": str(corpus.gold.resolve()),
        "texts": str(folder / "texts.jsonl"),
        "questions": str(folder / "questions.jsonl"),
        "top": TOP,
        "model": MODEL,
        "dimension": DIMENSION,
        "query_prefix": E5.query,
        "passage_prefix": E5.passage,
        "tokenizer": str(unpacked_model()),
        "warm_text": WARM_TEXT,
        "warm_questions": WARM_QUESTIONS,
    }


def _write_lines(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _round(
    system: System, job: Mapping[str, Any], served: Endpoint, peer: Path | None, folder: Path
) -> dict[str, dict[str, Any]]:
    """Take the corpus in and ask all questions; returns both stages' results and the store's size."""
    store = folder / "store"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    command = [sys.executable, "-m", "benchmarks.peers.stages"]
    if system.stage == "haiku":
        command = [str(peer), "-I", str(Path(__file__).with_name("haiku_stage.py"))]
    base_url = served.url if system.through_endpoint else None
    results: dict[str, dict[str, Any]] = {}
    for stage in ("ingest", "ask"):
        before = processor_seconds(served.process)
        mine = {**job, "system": system.stage, "stage": stage, "store": str(store), "base_url": base_url}
        results[stage] = run_stage(command, mine, folder, OFFLINE if system.stage == "haiku" else None)
        results[stage]["endpoint_processor_seconds"] = processor_seconds(served.process) - before
        results[stage]["endpoint_memory_mib"] = resident_peak(served.process) / 1024
    results["ingest"]["store_mib"] = size_mib(store)
    return results


def figures(
    runs: Sequence[Mapping[str, Mapping[str, Any]]],
    questions: Sequence[GoldQuestion],
    contexts: str = "contexts",
    seconds: str = "seconds",
) -> dict[str, Any]:
    """Return a system's figures over its rounds: medians of times, the most of memory, evidence of the first round.

    Args:
        runs: Results of both stages, round by round.
        questions: The gold questions.
        contexts: Which contexts of an answer to score.
        seconds: Which time of an answer to take.
    """
    ingests, asks = [run["ingest"] for run in runs], [run["ask"] for run in runs]
    given = {answer["id"]: answer[contexts] for answer in asks[0]["answers"]}
    query = [statistics.median(answer[seconds] for answer in ask["answers"]) for ask in asks]
    return {
        **scores(questions, given, TOP),
        "query_ms": 1000 * statistics.median(query),
        "query_processor_ms": 1000 * statistics.median(_processor_of_a_query(ask) for ask in asks),
        "ingest_seconds": _median(ingests, "seconds"),
        "embedding_seconds": _median(ingests, "embedding_seconds"),
        "processor_seconds": statistics.median(
            run["processor_seconds"] + run["endpoint_processor_seconds"] for run in ingests
        ),
        "ingest_memory_mib": _most(ingests, "memory_mib"),
        "ask_memory_mib": _most(asks, "memory_mib"),
        "store_mib": _median(ingests, "store_mib"),
        "pieces": ingests[0]["pieces"],
        "reading_seconds": ingests[0].get("reading_seconds"),
        "installed": ingests[0].get("installed"),
        "rounds": [{**run["ingest"], "query_ms": 1000 * median} for run, median in zip(runs, query, strict=True)],
        "recall_10_by_question": {
            question.id: recall(question, given[question.id][:TOP]) for question in questions if question.evidence
        },
    }


def _processor_of_a_query(ask: Mapping[str, Any]) -> float:
    """Return the mean processor seconds of a question; the endpoint's are those of the warming questions too."""
    asked = len(ask["answers"])
    mine: float = ask["processor_seconds"] / asked
    endpoints: float = ask["endpoint_processor_seconds"] / (asked + len(WARM_QUESTIONS))
    return mine + endpoints


def _median(runs: Sequence[Mapping[str, Any]], name: str) -> float:
    return statistics.median(run[name] for run in runs)


def _most(runs: Sequence[Mapping[str, Any]], name: str) -> float | None:
    known = [run[name] for run in runs if run[name] is not None]
    return max(known) if known else None
