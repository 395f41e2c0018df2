"""How much longer an answer takes while an upload is taken in: ``python -m benchmarks.upload_latency [--questions N]``.

Opens a store as the web application does, asks, then asks the same while a large report is uploaded, read and embedded.
Prints both medians, the longest answers, and their ratios.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path

from rag.pipeline import Rag
from rag.settings import load_settings
from rag.uploads import Upload

ROOT = Path(__file__).resolve().parent.parent

QUESTION = "哪些街道不具备行政执法权？"
LINES = 150


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=30, help="questions asked before the upload")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(store=Path(folder) / "store")
        with Rag(settings, create=True, owner=True, serving=True) as rag:
            rag.upload(
                Upload(path.name, path.read_bytes()) for path in sorted((ROOT / "data/reports").glob("qingshi*.txt"))
            )
            _ask(rag)
            quiet = [_ask(rag) for _ in range(options.questions)]
            busy = _asked_during_upload(rag)
    for name, times in (("quiet", quiet), ("during an upload", busy)):
        print(
            f"{name:18} {len(times):5} answers, median {1000 * statistics.median(times):7.1f} ms, "
            f"longest {1000 * max(times):7.1f} ms"
        )
    print(
        f"ratio of the medians {statistics.median(busy) / statistics.median(quiet):.2f}, "
        f"of the longest {max(busy) / max(quiet):.2f}"
    )


def _ask(rag: Rag) -> float:
    started = time.perf_counter()
    rag.ask(QUESTION)
    return time.perf_counter() - started


def _asked_during_upload(rag: Rag) -> list[float]:
    lines = "\n".join(f"第{number}项工作由第{number}个小组有序开展，" * 12 + "完成。" for number in range(LINES))
    text = f"白鹿街道办事处2022年法治政府建设情况报告\n\n一、主要举措\n{lines}\n"
    upload = threading.Thread(target=lambda: rag.upload([Upload("large.txt", text.encode())]))
    upload.start()
    times = []
    while upload.is_alive():
        times.append(_ask(rag))
    return times


if __name__ == "__main__":
    main()
