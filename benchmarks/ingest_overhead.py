"""What ingest adds to the embedding itself: ``python -m benchmarks.ingest_overhead [PATH…] [--rounds N]``.

Embeds the chunks of the given reports alone, as one list, then ingests the same reports into a new store, then ingests
them again unchanged. The model is loaded before either is timed, in a process of its own, as for ``ingest.py``. Prints
the times, both ratios, and embedding's share of the ingest: the part of it in which the model was at work, whatever was
done beside it. Exits 1 when ingest takes over 1.15 times the embedding alone, the second run over 3% of the first,
or embedding has less than 0.9 of the ingest. The share is the ratio to trust on a busy machine, since it is of one run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from rag.catalog import BuiltWith, Catalog
from rag.chunking import chunk_report
from rag.embedding import Embedder
from rag.embedding.process import ProcessEmbedder
from rag.index import Index
from rag.ingestion import ingest
from rag.loading import find_files, load_document
from rag.settings import Settings, load_settings
from rag.structure import parse_report
from rag.types import IngestSummary

INGEST_LIMIT, AGAIN_LIMIT, SHARE_LIMIT = 1.15, 0.03, 0.9


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, default=[Path("data/reports")])
    parser.add_argument("--rounds", type=int, default=1, help="rounds of which the best ratio counts")
    options = parser.parse_args()
    with closing(ProcessEmbedder(load_settings())) as embedder:
        embedder.embed_passages(["warm up"])
        rounds = [_round(options.paths, embedder) for _ in range(options.rounds)]
    ingest_ratio, again_ratio = (min(ratios) for ratios in list(zip(*rounds, strict=True))[:2])
    share = max(shares for _, _, shares in rounds)
    print(
        f"best of {len(rounds)}: ingest {ingest_ratio:.3f} (limit {INGEST_LIMIT}), again {again_ratio:.3f} "
        f"(limit {AGAIN_LIMIT}), embedding's share {share:.3f} (at least {SHARE_LIMIT})"
    )
    return 0 if ingest_ratio <= INGEST_LIMIT and again_ratio <= AGAIN_LIMIT and share >= SHARE_LIMIT else 1


def _round(paths: list[Path], embedder: Embedder) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(store=Path(folder) / "store")
        texts = _chunk_texts(paths, settings)
        alone = _seconds_to_embed(texts, embedder)
        first, again = (_ingest(paths, settings, embedder) for _ in range(2))
    print(f"{len(texts)} chunks of {len(first.added)} reports ({first.embedded} embedded)")
    print(f"embedding alone {alone:8.2f} s   {len(texts) / alone:.1f} chunks/s")
    print(
        f"ingest          {first.seconds:8.2f} s   {first.seconds / alone:.3f} times, "
        f"{first.embedding_seconds / first.seconds:.0%} of it embedding"
    )
    print(
        f"ingest again    {again.seconds:8.2f} s   {again.seconds / first.seconds:.1%} of the first, "
        f"{again.embedded} embedded"
    )
    return first.seconds / alone, again.seconds / first.seconds, first.embedding_seconds / first.seconds


def _chunk_texts(paths: list[Path], settings: Settings) -> list[str]:
    texts: dict[str, None] = {}
    for path in find_files(paths):
        report = parse_report(load_document(path, max_bytes=int(settings.max_file_mb * 1024 * 1024)))
        chunks = chunk_report(report, max_tokens=settings.chunk_tokens)
        texts.update(dict.fromkeys(chunk.embedding_text for chunk in chunks))
    return list(texts)


def _seconds_to_embed(texts: list[str], embedder: Embedder) -> float:
    started = time.perf_counter()
    embedder.embed_passages(texts)
    return time.perf_counter() - started


def _ingest(paths: list[Path], settings: Settings, embedder: Embedder) -> IngestSummary:
    built_with = BuiltWith.of(embedder, settings)
    with (
        Catalog.open(settings.store, built_with, create=True, url=settings.catalog_url) as catalog,
        Index.open(catalog, owner=True) as index,
    ):
        return ingest(paths, settings=settings, catalog=catalog, index=index, embedder=embedder)


if __name__ == "__main__":
    sys.exit(main())
