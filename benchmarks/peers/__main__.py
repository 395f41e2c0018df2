"""Ours beside the tutorial's design and a peer from PyPI: ``python -m benchmarks.peers [--rounds N] [--readme]``.

The same reports, the same questions, the same embedding model, one run: each system takes the corpus in and is asked in
processes of its own, one after the other. The peer, haiku.rag, is installed into ``build/peer-venv``; where that cannot
be done the table says why and shows the others. Prints the table as text and as Markdown, with notes on what makes the
comparison less than fair, and writes ``build/peers.json``; ``--readme`` also puts it into README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.peers.environment import REQUIREMENTS, PeerUnavailable, peer_python
from benchmarks.peers.notes import LEGEND, caption, notes
from benchmarks.peers.run import PASSAGES, SYSTEMS, Corpus, endpoint, measure
from benchmarks.peers.table import Column, as_markdown, as_text, cells, put_between_markers
from rag.evaluation.result import commit_of

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = Corpus("sample", ROOT / "data" / "reports", ROOT / "data" / "gold" / "sample.jsonl")


def main() -> int:
    """Run the comparison; exit 1 when README.md has no place for its table."""
    options = _parser().parse_args()
    real = Corpus("real", options.shared / "reports", options.shared / "gold" / "reports.public.jsonl")
    corpora = [SAMPLE, real] if real.gold.exists() else [SAMPLE]
    try:
        peer, missing = peer_python(options.environment, options.peer_python), None
    except PeerUnavailable as error:
        peer, missing = None, str(error)
    with tempfile.TemporaryDirectory() as folder, endpoint() as served:
        measured = [measure(corpus, served, peer, options.rounds, Path(folder)) for corpus in corpora]
    rows = cells(list(_columns(measured)))
    told = notes(measured, missing)
    print("\n".join([as_text(rows), "", *told, "", as_markdown(rows)]))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(
        json.dumps(_record(measured, told, options.rounds), ensure_ascii=False, indent=1), encoding="utf-8"
    )
    if options.readme is None:
        return 0
    if missing:
        print(f"{options.readme} is left as it is: its table shows haiku.rag, which was not run")
        return 0
    over = caption(measured, options.rounds, os.getloadavg()[2])
    return _write_readme(options.readme, f"{over}\n\n{as_markdown(rows)}\n\n{LEGEND}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=1, help="times that all is done (default: 1)")
    parser.add_argument(
        "--readme",
        nargs="?",
        type=Path,
        const=ROOT / "README.md",
        help="put the table between the two marker comments of README.md, or of the file given",
    )
    parser.add_argument(
        "--shared", type=Path, default=ROOT.parent / "shared", help="folder of the real reports, taken if it is there"
    )
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "peers.json", help="where the figures go")
    parser.add_argument("--environment", type=Path, default=ROOT / "build" / "peer-venv", help="the peer's packages")
    parser.add_argument(
        "--peer-python", type=Path, help="Python to make them with (default: the first that is 3.12 on)"
    )
    return parser


def _columns(measured: Sequence[dict[str, Any]]) -> Iterator[Column]:
    for system in SYSTEMS:
        yield Column(system.title, system.answers, [corpus["systems"].get(system.name) for corpus in measured])
    yield Column("haiku.rag, widened", PASSAGES, [corpus["systems"].get("haiku-widened") for corpus in measured])


def _record(measured: Sequence[dict[str, Any]], told: Sequence[str], rounds: int) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit_of(ROOT),
        "rounds": rounds,
        "load": os.getloadavg(),
        "peer": REQUIREMENTS,
        "notes": list(told),
        "corpora": list(measured),
    }


def _write_readme(readme: Path, table: str) -> int:
    try:
        readme.write_text(put_between_markers(readme.read_text(encoding="utf-8"), table), encoding="utf-8")
    except ValueError as error:
        print(f"{readme} cannot take the table: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
