"""Every benchmark, one after another: ``python -m benchmarks`` (``make bench``)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
STORE = ROOT / "vectorstore" / "demo"

COMMANDS = (
    ("Sample corpus into the store", ["ingest.py", "data/reports", "--store", str(STORE)]),
    ("Embedding against the bundled package's own engine", ["-m", "benchmarks.embedding_speed"]),
    ("Ingest against embedding the same chunks alone", ["-m", "benchmarks.ingest_overhead", "data/reports"]),
    ("Answers while an upload is taken in", ["-m", "benchmarks.upload_latency"]),
    ("Answer against embedding its question", ["-m", "benchmarks.answer_time", "--store", str(STORE)]),
    ("Time, memory and disk at 100, 1,000 and 10,000 reports", ["-m", "benchmarks.survey_scale"]),
    ("Passage answers at 1,000, 10,000 and 100,000 chunks", ["-m", "benchmarks.passage_scale"]),
    ("Twenty users asking at once", ["-m", "benchmarks.load", "--store", str(STORE)]),
    ("First words of a chat model beyond its own time", ["-m", "benchmarks.first_token", "--store", str(STORE)]),
    (
        "Evidence found, beside two plain designs",
        ["evaluate.py", "data/gold/sample.jsonl", "--store", str(STORE), "--baselines"],
    ),
    ("Ours, the tutorial's design and haiku.rag, into the README", ["-m", "benchmarks.peers", "--readme"]),
)


def main() -> int:
    """Run them all; exit 1 if one could not run or missed its target."""
    failed = 0
    for title, command in COMMANDS:
        print(f"\n== {title}\n$ python {' '.join(command)}", flush=True)
        failed += subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
