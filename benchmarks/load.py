"""Many users asking at once, by Locust over loopback: errors, median, 95th percentile, and whether memory stays flat.

Run it with ``python -m benchmarks.load --store DIR [--users 20] [--seconds 120]``. One user's times are measured first,
in the same run; the ratio to them is what to compare between machines.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLD = ROOT / "data" / "gold" / "sample.jsonl"
FLAT = 1.10
"""Memory is flat if the last quarter of the run holds at most so many times what the second quarter held."""

LOCUSTFILE = """
import json, os, random
from locust import HttpUser, between, task

QUESTIONS = json.loads(os.environ["LOAD_QUESTIONS"])

class Staff(HttpUser):
    wait_time = between(0.5, 1.5)

    @task
    def ask(self):
        question = random.choice(QUESTIONS)
        with self.client.post("/api/v1/ask", json={"question": question}, name="ask", catch_response=True) as reply:
            if reply.status_code != 200 or not reply.json()["answer"]:
                reply.failure(f"{reply.status_code} {reply.text[:200]}")
"""


@dataclass(frozen=True)
class Outcome:
    """Times in milliseconds."""

    requests: int
    failures: int
    median: float
    p95: float
    per_second: float


def main() -> int:
    """Print one line a run; return 1 if a request failed or memory grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("vectorstore/demo"))
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=120)
    options = parser.parse_args()
    questions = [json.loads(line)["question"] for line in GOLD.read_text(encoding="utf-8").splitlines()]
    process, url = serve(options.store)
    try:
        _load(url, questions, users=1, seconds=5)  # first use of model and indexes
        alone = _load(url, questions, users=1, seconds=max(20, options.seconds // 4))
        memory: list[float] = []
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, memory, done))
        watcher.start()
        together = _load(url, questions, users=options.users, seconds=options.seconds)
        done.set()
        watcher.join()
    finally:
        process.terminate()
        process.wait(30)
    quarter = max(1, len(memory) // 4)
    early, late = max(memory[quarter : 2 * quarter]), max(memory[-quarter:])
    for users, found in ((1, alone), (options.users, together)):
        print(
            f"{users:3} users: {found.requests} answers, {found.failures} failed, median {found.median:.0f} ms, "
            f"95th percentile {found.p95:.0f} ms, {found.per_second:.1f} a second"
        )
    print(
        f"ratio of medians {together.median / alone.median:.2f}, of 95th percentiles {together.p95 / alone.p95:.2f}; "
        f"memory {early:.0f} MB in the second quarter, {late:.0f} MB in the last (ratio {late / early:.3f}, "
        f"{'flat' if late <= FLAT * early else 'GROWING'})"
    )
    return 1 if together.failures or alone.failures or late > FLAT * early else 0


def serve(store: Path) -> tuple[subprocess.Popen[str], str]:
    """Start ``app.py`` on a free port; returns its process and its address."""
    process = subprocess.Popen(
        [sys.executable, "app.py", "--store", str(store), "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"http://\S+", line)
        if found:
            return process, found[0]
    raise SystemExit("app.py did not start")


def _load(url: str, questions: list[str], *, users: int, seconds: int) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "locustfile.py")
        script.write_text(LOCUSTFILE, encoding="utf-8")
        subprocess.run(
            [
                *(sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel", "ERROR"),
                *("-f", str(script), "--host", url, "-u", str(users), "-r", str(users)),
                *("-t", f"{seconds}s", "--csv", str(Path(folder, "out"))),
            ],
            env={**os.environ, "LOAD_QUESTIONS": json.dumps(questions)},
            check=False,
            capture_output=True,
        )
        with Path(folder, "out_stats.csv").open(encoding="utf-8", newline="") as stream:
            row = next(row for row in csv.DictReader(stream) if row["Name"] == "Aggregated")
    return Outcome(
        int(row["Request Count"]),
        int(row["Failure Count"]),
        float(row["Median Response Time"]),
        float(row["95%"]),
        float(row["Requests/s"]),
    )


def _watch(process: int, memory: list[float], done: threading.Event) -> None:
    """Note the server's resident memory, in MB, every half second."""
    while not done.wait(0.5):
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        memory.append(int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024)  # type: ignore[index]


if __name__ == "__main__":
    sys.exit(main())
