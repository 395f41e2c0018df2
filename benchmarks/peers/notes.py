"""What must be told with the table: how it was made, and what makes it less than fair to either side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ALWAYS = (
    "Every system embeds with the bundled multilingual-e5-small and its prefixes; ours and 500 characters + Chroma in "
    "their own process, 'endpoint' and haiku.rag by `python -m rag.embedding.server`.",
    "Each stage is a process of its own that has taken in one text, or answered four questions, before the clock runs. "
    "Ingest lasts from files to a searchable store. Processor time includes the endpoint's; memory does not: it is the "
    "peaks of the process and its children added up.",
    "Evidence counts by one rule for all (rag/evaluation): found in a context of the same file that holds the quote. "
    "'Facts and numbers' are questions that all systems get whole; in the other rows follow-ups and filtered questions "
    "reach the others as bare text, as neither design takes them.",
    "To the others' disadvantage: the gold questions were written for our system and its rules with them in view, and "
    "contexts of ours are whole paragraphs, as evidence quotes mostly are parts of one.",
    "To our disadvantage: our query time is that of a whole answer with its citations, the others' that of a search; "
    "our ingest also reads figures, offices and years, and our store holds the texts, the figures and two indexes.",
)


def notes(measured: Sequence[dict[str, Any]], missing: str | None) -> list[str]:
    """Return the notes, one a line.

    Args:
        measured: What was measured, corpus by corpus.
        missing: Why the peer was not run; None if it was.
    """
    corpora = "; ".join(
        f"{corpus['corpus']}: {corpus['reports']} reports of {corpus['characters']:,} characters, "
        f"{corpus['with_evidence']} questions with evidence"
        for corpus in measured
    )
    told = [f"Figures in a cell are for each corpus in turn: {corpora}.", *ALWAYS]
    return [*told, f"haiku.rag was not run: {missing}."] if missing else [*told, *_of_peer(measured)]


def caption(measured: Sequence[dict[str, Any]], rounds: int, load: float) -> str:
    """Return the line that stands over the table in the README.

    Args:
        measured: What was measured, corpus by corpus.
        rounds: Times that all was done.
        load: The machine's load average when it ended.
    """
    corpora = " / ".join(f"{corpus['reports']} {corpus['corpus']} reports" for corpus in measured)
    peer = measured[0]["systems"]["haiku"]["installed"]["haiku.rag-slim"]
    times = "one run" if rounds == 1 else f"{rounds} rounds of one run"
    return (
        f"Beside the tutorial's design and haiku.rag {peer} from PyPI, all with the same embedding model ({corpora}; "
        f"{times} of `python -m benchmarks.peers`, which also tells what is less than fair to whom; the load was "
        f"{load:.1f}, so take ratios):"
    )


LEGEND = (
    "Two figures: the sample / the real reports. Facts and numbers: questions that all systems get whole. Endpoint: "
    "embedded by `rag.embedding.server`, as for haiku.rag. Widened: its passages in up to 5,000 characters of their "
    "text, as its chat model gets them."
)
"""What a reader of the README's table must know of its words."""


def _of_peer(measured: Sequence[dict[str, Any]]) -> list[str]:
    peer = measured[0]["systems"]["haiku"]["installed"]
    reading = " / ".join(f"{corpus['systems']['tutorial']['reading_seconds']:.1f}" for corpus in measured)
    return [
        f"haiku.rag-slim {peer['haiku.rag-slim']} ({peer['licence']}) on Python {peer['python']} with LanceDB "
        f"{peer['lancedb']}, docling-core {peer['docling-core']}, transformers {peer['transformers']}, "
        f"{'with' if peer['torch'] else 'without'} torch. Its defaults: chunks of 256 tokens, hybrid search, no "
        "reranker. Not its default: the tokenizer that measures the chunks is the embedding model's, as its own is "
        "fetched from a hub.",
        "To haiku.rag's disadvantage: its converter, docling, needs torch and a hub's models, so it gets the text that "
        "our loader reads, as plain text, and sees no headings; its full-text search does not cut Chinese into words.",
        f"To haiku.rag's advantage: reading the files, which takes the tutorial's design {reading} s, is not in its "
        "ingest time.",
        "'Widened' are its passages with their surroundings, up to 5,000 characters each, as its chat model gets them.",
    ]
