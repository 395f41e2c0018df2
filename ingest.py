"""Take report files and folders into the store: ``python ingest.py PATH… [--store DIR] [--metadata FILE.csv]``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tqdm import tqdm

from rag.errors import EmbeddingError, MetadataError, ModelMismatch, RagError, SettingsError, UnreadableFile
from rag.ingestion import IngestEvent, ingest_into_store
from rag.settings import load_settings
from rag.terminal import plain_name, write_plainly
from rag.types import IngestSummary

_BAD_USAGE = (SettingsError, MetadataError, UnreadableFile, ModelMismatch, EmbeddingError)
_WORDS = {
    "added": "new",
    "replaced": "changed, taken in anew",
    "unchanged": "unchanged",
    "duplicates": "with the same content as another",
    "removed": "gone, removed",
    "failures": "failed",
}


class StopRequest:
    """Set by Ctrl-C or SIGTERM; the run then ends at the next safe point. A second signal ends it at once."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        """Say whether to stop."""
        return self.signal is not None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for both signals."""
        earlier = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number
        signal.signal(number, signal.SIG_DFL)
        print("\nStopping after the report in hand…", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns 0 when all files are in, 1 when some failed or it was stopped, 2 on bad usage."""
    options = _parser().parse_args(arguments)
    write_plainly()
    stop = StopRequest()
    try:
        settings = load_settings(store=options.store)
        with stop.listening(), _Progress(options.verbose) as progress:
            summary = ingest_into_store(
                options.paths,
                settings,
                metadata=options.metadata,
                prune=options.prune,
                on_progress=progress,
                stop=stop,
                ray=options.ray,
            )
    except RagError as error:
        print(f"ingest: {error}", file=sys.stderr)
        return 2 if isinstance(error, _BAD_USAGE) else 1
    _show(summary, settings.store)
    if stop():
        print("Stopped before the end. What is listed is in; run the same command again for the rest.")
        return 130 if stop.signal == signal.SIGINT else 1
    return 1 if summary.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ingest.py", description="Take report files and folders into the store.")
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="file or folder (searched recursively)")
    parser.add_argument("--store", type=Path, help="folder of the store (default: RAG_STORE, else vectorstore)")
    parser.add_argument("--metadata", type=Path, metavar="FILE.csv", help="metadata that fill in or override")
    parser.add_argument("--prune", action="store_true", help="remove reports whose file is gone from these folders")
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="read and embed over a Ray cluster: auto, HOST:PORT, ray://HOST:PORT or local"
    )
    parser.add_argument("--verbose", action="store_true", help="a line for each file, once it is in for good")
    return parser


class _Progress:
    """A progress bar over files, and with ``verbose`` a line on standard output for each."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self._bar = tqdm(unit="file", file=sys.stderr, disable=verbose, leave=False)
        self._embedded = 0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __call__(self, event: IngestEvent) -> None:
        if event.outcome == "embedding":
            self._embedded += int(event.detail)
            self._bar.set_postfix(embedded=f"{self._embedded} chunks")
            return
        if event.outcome == "waiting":
            tqdm.write(f"The store is being written by {event.detail}. Waiting for it…", file=sys.stderr)
            return
        if self._verbose:
            detail = f": {plain_name(event.detail)}" if event.detail else ""
            print(f"{event.outcome} {plain_name(event.source)}{detail}", flush=True)
        self._bar.total = event.total
        self._bar.n = event.done
        self._bar.refresh()


def _show(summary: IngestSummary, store: Path) -> None:
    counts = [f"{len(getattr(summary, name))} {words}" for name, words in _WORDS.items() if getattr(summary, name)]
    print(f"Reports in {store}: {', '.join(counts) or 'no files found'}.")
    print(
        f"{summary.chunks} chunks written, {summary.embedded} embedded, in {summary.seconds:.1f} s "
        f"({summary.embedding_seconds:.1f} s of it embedding)."
    )
    for source, original in summary.duplicates:
        print(f"  same content: {plain_name(source)} = {plain_name(original)} (taken once)")
    for source, note in summary.notes:
        print(f"  note: {plain_name(source)}: {note}")
    for failure in summary.failures:
        print(f"  FAILED: {plain_name(failure.path)}: {failure.reason}")


if __name__ == "__main__":
    sys.exit(main())
