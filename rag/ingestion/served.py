"""Ingest into a store whose vector index another process holds, mostly the web application."""

from __future__ import annotations

import time
from collections.abc import Callable

from rag.errors import StoreLocked
from rag.index import Index
from rag.ingestion.progress import IngestEvent, Progress
from rag.settings import Settings

_POLL_SECONDS = 0.2


def wait_for_index(index: Index, settings: Settings, on_progress: Progress | None, stop: Callable[[], bool]) -> None:
    """Wait until nobody else holds the vector index.

    Args:
        index: The index; owned afterwards, unless it was told to stop.
        settings: ``wait_s`` says how long.
        on_progress: Told once for whom it waits.
        stop: Asked while waiting; once true, the wait ends.

    Raises:
        StoreLocked: it was held all that time.
    """
    deadline = time.monotonic() + settings.wait_s
    told = ""
    while not index.acquire() and not stop():
        holder = index.holder()
        if time.monotonic() >= deadline:
            raise StoreLocked(
                f"The store {str(settings.store)!r} is served by {holder}, which did not end within "
                f"{settings.wait_s:g} s. Stop it, or set RAG_INGEST_WHEN_SERVED=through to write the reports "
                "meanwhile; it finds them at once."
            )
        if on_progress and holder != told:
            told = holder
            on_progress(IngestEvent(0, 0, "", "waiting", holder))
        time.sleep(_POLL_SECONDS)


def followed_by(index: Index) -> tuple[str, str]:
    """Return the note that the vector index is another process's to bring up."""
    return (
        "vector index",
        f"held by {index.holder()}, which brings it up by itself; what is new is found meanwhile all the same",
    )
