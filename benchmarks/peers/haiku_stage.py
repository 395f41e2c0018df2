"""One stage of haiku.rag in its own environment: ``PYTHON -I haiku_stage.py JOB.json``; knows nothing of our code.

It works through haiku.rag's public client. Its converter (docling, which brings torch and models from a hub) is not
installed, so the texts come in the form that it gives plain text; chunking, embedding, storing and searching are its
own, with its own defaults but for the tokenizer, which its default would fetch from a hub.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
import tempfile
import time
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

from docling_core.types.doc.document import DoclingDocument
from docling_core.types.doc.labels import DocItemLabel
from haiku.rag.client import HaikuRAG
from haiku.rag.client.documents import DocumentImport
from haiku.rag.config import AppConfig

Job = dict[str, Any]


def configuration(job: Job) -> AppConfig:
    """Return haiku.rag's defaults, but for the embedding endpoint, the prefixes and the tokenizer."""
    model = {
        "provider": "openai",
        "name": job["model"],
        "vector_dim": job["dimension"],
        "base_url": job["base_url"],
        "api_key": "none",
        "query_prefix": job["query_prefix"],
        "document_prefix": job["passage_prefix"],
    }
    return AppConfig.model_validate(
        {"embeddings": {"model": model}, "processing": {"chunking_tokenizer": job["tokenizer"]}}
    )


def document(name: str, text: str) -> DoclingDocument:
    """Return a text as haiku.rag's own ``format="plain"`` does: a docling document of one item."""
    made = DoclingDocument(name=name)
    made.add_text(label=DocItemLabel.TEXT, text=text)
    return made


async def take_in(job: Job, store: Path, texts: dict[str, str]) -> tuple[int, float]:
    """Chunk, embed and store the texts in one batch; returns the number of chunks and the seconds of embedding."""
    spent = 0.0
    async with HaikuRAG(store, config=configuration(job), create=True) as client:
        embed = client.embedder.embed_documents

        async def timed(batch: list[str]) -> list[list[float]]:
            nonlocal spent
            started = time.perf_counter()
            vectors = await embed(batch)
            spent += time.perf_counter() - started
            return vectors

        client.embedder.embed_documents = timed  # type: ignore[method-assign]
        imports = []
        for source, text in texts.items():
            made = document(source, text)
            imports.append(DocumentImport(made, await client.chunk(made), uri=source, title=source))
        await client.import_documents(imports)
        return sum(len(item.chunks) for item in imports), spent


async def ingest(job: Job) -> dict[str, Any]:
    """Warm up on one text in a throw-away store, then take all in, until the store is closed and searchable."""
    with tempfile.TemporaryDirectory() as folder:
        await take_in(job, Path(folder) / "warm.lancedb", {"warm": job["warm_text"]})
    started, before = time.perf_counter(), processor()
    texts = {row["source"]: row["text"] for row in rows(job["texts"])}
    chunks, embedding = await take_in(job, Path(job["store"]) / "haiku.lancedb", texts)
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": processor() - before,
        "embedding_seconds": embedding,
        "pieces": chunks,
    }


async def ask(job: Job) -> dict[str, Any]:
    """Search for each question, one at a time, everything warm; widen the passages as its chat model would be given."""
    answers = []
    async with HaikuRAG(Path(job["store"]) / "haiku.lancedb", config=configuration(job)) as client:
        for question in job["warm_questions"]:
            await client.expand_context(await client.search(question, limit=job["top"]))
        before = processor()
        for row in rows(job["questions"]):
            started = time.perf_counter()
            found = await client.search(row["question"], limit=job["top"])
            searched = time.perf_counter()
            widened = await client.expand_context(found)
            answers.append(
                {
                    "id": row["id"],
                    "seconds": searched - started,
                    "contexts": contexts(found),
                    "widened_seconds": time.perf_counter() - started,
                    "widened": contexts(widened),
                }
            )
        return {"answers": answers, "processor_seconds": processor() - before}


def contexts(found: list[Any]) -> list[dict[str, str]]:
    """Return search results as source and text, best first."""
    return [{"source": result.document_uri, "text": result.content} for result in found]


def processor() -> float:
    """Return the processor seconds of this process and of those it has waited for."""
    return sum(os.times()[:4])


def rows(path: str) -> list[dict[str, str]]:
    """Read JSON lines."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def installed() -> dict[str, Any]:
    """Return versions and the licence, and whether torch is in this environment, which it should not be."""
    names = ("haiku.rag-slim", "lancedb", "docling-core", "transformers", "pydantic-ai-slim")
    metadata = distribution(names[0]).metadata
    return {
        "python": sys.version.split()[0],
        **{name: version(name) for name in names},
        "licence": metadata.get("License-Expression") or metadata.get("License"),
        "torch": importlib.util.find_spec("torch") is not None,
    }


def main() -> int:
    """Run the job's stage and write its result where the job says."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    result = asyncio.run({"ingest": ingest, "ask": ask}[job["stage"]](job))
    Path(job["result"]).write_text(json.dumps(result | {"installed": installed()}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
