"""One stage of ours or of the tutorial's design: ``python -m benchmarks.peers.stages JOB.json``."""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import CHROMA_BATCH, split
from rag.embedding import Embedder, load_embedder
from rag.evaluation.corpus import read_corpus
from rag.evaluation.gold import load_gold
from rag.pipeline import Rag
from rag.serialising import answer_to_dict
from rag.settings import Settings, load_settings

Job = dict[str, Any]
Answers = list[dict[str, Any]]


class TimedEmbedder:
    """An embedder that adds up the time its passages take."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.seconds = 0.0

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed passages, and note the time."""
        started = time.perf_counter()
        vectors = self._embedder.embed_passages(texts)
        self.seconds += time.perf_counter() - started
        return vectors


@contextmanager
def clock() -> Iterator[dict[str, float]]:
    """Fill in the clock and processor seconds of what is done within, processes waited for included."""
    spent: dict[str, float] = {}
    started, processor = time.perf_counter(), _processor()
    yield spent
    spent |= {"seconds": time.perf_counter() - started, "processor_seconds": _processor() - processor}


def _processor() -> float:
    """Return the processor seconds of this process and of those it has waited for."""
    return sum(os.times()[:4])


def settings_of(job: Job, store: Path) -> Settings:
    """Return our defaults with the bundled model, in this process or behind the job's endpoint."""
    if job["base_url"] is None:
        return load_settings(store=store)
    return load_settings(store=store, embedding_model=f"openai:{job['model']}", embedding_base_url=job["base_url"])


def ingest_ours(job: Job) -> dict[str, Any]:
    """Take the files in, after one text in a throw-away store."""
    _take_in_one(job)
    gc.collect()  # else the first model would count in the peak of memory
    with Rag(settings_of(job, Path(job["store"])), create=True, owner=True) as rag:
        rag.embedder.embed_query(job["warm_text"])
        with clock() as spent:
            summary = rag.ingest([Path(job["files"])])
    return spent | {"embedding_seconds": summary.embedding_seconds, "pieces": summary.chunks}


def _take_in_one(job: Job) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "warm.txt"
        text.write_text(job["warm_text"], encoding="utf-8")
        with Rag(settings_of(job, Path(folder) / "store"), create=True, owner=True) as rag:
            rag.ingest([text])


def ask_ours(job: Job) -> dict[str, Any]:
    """Answer each question without a chat model, one at a time; its filters and earlier turns are used."""
    answers: Answers = []
    with Rag(settings_of(job, Path(job["store"]))) as rag:
        for text in job["warm_questions"]:
            rag.ask(text, extractive=True)
        before = _processor()
        for question in load_gold(Path(job["gold"])):
            started = time.perf_counter()
            answer = rag.ask(question.question, filters=question.filters, history=question.history, extractive=True)
            seconds = time.perf_counter() - started
            contexts = [
                {"source": context["source"], "text": context["text"]} for context in answer_to_dict(answer)["contexts"]
            ]
            answers.append({"id": question.id, "seconds": seconds, "contexts": contexts})
        return {"answers": answers, "processor_seconds": _processor() - before}


def ingest_tutorial(job: Job) -> dict[str, Any]:
    """Cut the files' text every 500 characters, embed the pieces and put them into Chroma, text and all."""
    embedder = TimedEmbedder(load_embedder(load_settings()))
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder), {"warm": job["warm_text"]}, embedder)
    embedder.seconds = 0.0
    with clock() as spent:
        texts = read_corpus([Path(job["files"])], max_file_mb=load_settings().max_file_mb)
        reading = time.perf_counter()
        pieces = _fill(Path(job["store"]), texts, embedder)
        filling = time.perf_counter() - reading
    return spent | {
        "embedding_seconds": embedder.seconds,
        "reading_seconds": spent["seconds"] - filling,
        "pieces": pieces,
    }


def ask_tutorial(job: Job) -> dict[str, Any]:
    """Find the nearest pieces to each question, one at a time."""
    embedder = load_embedder(load_settings())
    collection = _collection(Path(job["store"]))

    def search(question: str) -> list[dict[str, str]]:
        count = min(job["top"], collection.count())
        found = collection.query(query_embeddings=embedder.embed_query(question)[None, :], n_results=count)
        texts, fields = found["documents"][0], found["metadatas"][0]
        return [{"source": field["source"], "text": text} for text, field in zip(texts, fields, strict=True)]

    for text in job["warm_questions"]:
        search(text)
    answers: Answers = []
    before = _processor()
    for question in load_gold(Path(job["gold"])):
        started = time.perf_counter()
        contexts = search(question.question)
        answers.append({"id": question.id, "seconds": time.perf_counter() - started, "contexts": contexts})
    return {"answers": answers, "processor_seconds": _processor() - before}


def _collection(folder: Path) -> chromadb.Collection:
    client = chromadb.PersistentClient(str(folder), chromadb.config.Settings(anonymized_telemetry=False))
    return client.get_or_create_collection("reports", embedding_function=None, metadata={"hnsw:space": "cosine"})


def _fill(folder: Path, texts: dict[str, str], embedder: TimedEmbedder) -> int:
    pieces = split(texts)
    vectors = embedder.embed_passages([piece.text for piece in pieces])
    collection = _collection(folder)
    for start in range(0, len(pieces), CHROMA_BATCH):
        batch = pieces[start : start + CHROMA_BATCH]
        collection.upsert(
            ids=[str(start + row) for row in range(len(batch))],
            embeddings=vectors[start : start + len(batch)],
            documents=[piece.text for piece in batch],
            metadatas=[{"source": piece.source} for piece in batch],
        )
    return len(pieces)


STAGES: dict[str, Callable[[Job], dict[str, Any]]] = {
    "ours ingest": ingest_ours,
    "ours ask": ask_ours,
    "tutorial ingest": ingest_tutorial,
    "tutorial ask": ask_tutorial,
}


def main() -> int:
    """Run the job's stage and write its result where the job says."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    result = STAGES[f"{job['system']} {job['stage']}"](job)
    Path(job["result"]).write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
