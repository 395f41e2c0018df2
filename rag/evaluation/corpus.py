"""The source files themselves, read again independently of any store, to check quotes against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rag.errors import GoldError, LoadError
from rag.evaluation.gold import GoldQuestion, sources_named
from rag.evaluation.overlap import squeeze
from rag.loading import find_files, load_document

MEGABYTE = 1024 * 1024


def read_corpus(paths: Sequence[Path], *, max_file_mb: float) -> dict[str, str]:
    """Return each file's visible text by file name; files that cannot be read are left out, as in ingest.

    Raises:
        GoldError: a path does not exist, or no file in them can be read.
    """
    texts: dict[str, str] = {}
    for path in _files(paths):
        try:
            document = load_document(path, max_bytes=int(max_file_mb * MEGABYTE))
        except LoadError:
            continue
        texts[document.source] = "\n".join(block.text for block in document.blocks)
    if not texts:
        raise GoldError(f"No readable report in {_shown(paths)}. Name the reports' folder with --corpus.")
    return texts


def corpus_of(
    gold: Path, questions: Iterable[GoldQuestion], given: Sequence[Path], *, max_file_mb: float
) -> dict[str, str] | None:
    """Return the texts of the paths given, or of the folder ``reports`` beside the gold file's own folder.

    A folder that merely happens to stand there, without the sources that the questions name, is not taken.

    Raises:
        GoldError: a path given does not exist, or holds no readable report.
    """
    if given:
        return read_corpus(given, max_file_mb=max_file_mb)
    folder = gold.resolve().parent.parent / "reports"
    named = {source for question in questions for source in sources_named(question)}
    if not folder.is_dir() or not named <= {path.name for path in find_files([folder])}:
        return None
    return read_corpus([folder], max_file_mb=max_file_mb)


def squeezed(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts without white space, as metrics compare them."""
    return {source: squeeze(text) for source, text in texts.items()}


def _files(paths: Sequence[Path]) -> list[Path]:
    try:
        return find_files(paths)
    except LoadError as error:
        raise GoldError(f"The corpus {_shown(paths)} cannot be read: {error}") from error


def _shown(paths: Sequence[Path]) -> str:
    return ", ".join(repr(str(path)) for path in paths)
