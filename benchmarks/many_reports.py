"""What surveys take in a store larger than can be ingested in an hour: ``python -m benchmarks.many_reports STORE``.

Copies every report of a store so many times, under other ids and years, straight into a new catalog (generated reports
are copied as they are, so their words are as frequent as before), builds the lexical index, and asks for surveys, whose
verdicts need no vectors. Prints sizes, times and memory; nothing is judged.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks.survey_scale import SURVEYS
from rag.catalog import Catalog
from rag.garbage import collect_seldom
from rag.index import lexical
from rag.pipeline import Rag
from rag.settings import load_settings
from rag.types import Route

_REPORT = "substr(%s, 1, 9) || printf('x%%02x', :copy)"
"""A copy's report id: of twelve characters, as every report's, and with an x that none of theirs has."""

_COPIES = {
    "reports": {"id": _REPORT % "id", "path": "path || '.' || :copy", "year": "year - :copy", "changed": "changed"},
    "files": {"path": "path || '.' || :copy", "report_id": _REPORT % "report_id"},
    "sections": {"report_id": _REPORT % "report_id"},
    "paragraphs": {"report_id": _REPORT % "report_id"},
    "facts": {"report_id": _REPORT % "report_id"},
    "chunks": {
        "row": "row + :copy * :rows", "id": f"{_REPORT % 'id'} || substr(id, 13)", "report_id": _REPORT % "report_id",
    },
    "vectors": {"row": "row + :copy * :rows"},
}  # fmt: skip


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, help="a store of generated reports, as benchmarks.passage_scale leaves")
    parser.add_argument("--copies", type=int, default=10, help="how many times as many reports")
    parser.add_argument("--folder", type=Path, help="where to make the large store; default: a temporary folder")
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        print(json.dumps(_ask(options.store)))
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        store = Path(folder, "store")
        store.mkdir()
        seconds = _copy(options.store / "catalog.sqlite", store / "catalog.sqlite", options.copies)
        print(f"copied in {seconds:.0f} s, catalog {_mebibytes(store):.0f} MiB", flush=True)
        seconds = _index(store)
        print(f"lexical index built in {seconds:.0f} s, {_mebibytes(store / 'lexical'):.0f} MiB", flush=True)
        print(f"{'reports in memory':>24}{'as set':>12}{'all':>12}")
        as_set, with_all = _asked(store, None), _asked(store, 2**31)
        for name, value in as_set.items():
            print(f"{name:>24}{value:12,.3f}{with_all[name]:12,.3f}")
    return 0


def _copy(source: Path, target: Path, copies: int) -> float:
    """Copy the catalog and multiply its reports; return the seconds taken."""
    started = time.perf_counter()
    shutil.copy(source, target)
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        rows = connection.execute("SELECT max(row) FROM chunks").fetchone()[0]
        kept = {table: connection.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0] for table in _COPIES}
        for copy in range(1, copies):
            with connection:
                for table, changed in _COPIES.items():
                    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                    values = ", ".join(changed.get(column, f'"{column}"') for column in columns)
                    query = f"INSERT INTO {table} SELECT {values} FROM {table} WHERE rowid <= :kept"
                    connection.execute(query, {"copy": copy, "rows": rows, "kept": kept[table]})
        with connection:
            connection.execute("UPDATE meta SET value = '\"copied\"' WHERE key = 'catalog_id'")
    return time.perf_counter() - started


def _index(store: Path) -> float:
    started = time.perf_counter()
    with Catalog.open(store) as catalog:
        lexical.build_saved(catalog)
    return time.perf_counter() - started


def _asked(store: Path, reports_in_memory: int | None) -> dict[str, float]:
    """Ask in a process of its own, with so many reports in memory; None: as the setting says."""
    command = [sys.executable, "-m", "benchmarks.many_reports", str(store), "--ask"]
    setting = {} if reports_in_memory is None else {"RAG_REPORTS_IN_MEMORY": str(reports_in_memory)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | setting)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _ask(store: Path) -> dict[str, float]:
    """Return reports, chunks, seconds and memory of asking."""
    started = time.perf_counter()
    with Rag(load_settings(store=store, embedding_model="hash")) as rag:
        size = rag.size()
        rag.ask(SURVEYS[0], route=Route.SURVEY)
        first = time.perf_counter() - started
        collect_seldom()  # as app.py does once its reports are in memory
        surveys = [_seconds(rag, question) for question in SURVEYS]
    return {
        "reports": size.reports,
        "chunks": size.chunks,
        "first survey, s": first,
        "survey, median, s": statistics.median(surveys),
        "survey, slowest, s": max(surveys),
        "peak memory, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _seconds(rag: Rag, question: str) -> float:
    started = time.perf_counter()
    rag.ask(question, route=Route.SURVEY)
    return time.perf_counter() - started


def _mebibytes(path: Path) -> float:
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file()) / 2**20


if __name__ == "__main__":
    sys.exit(main())
