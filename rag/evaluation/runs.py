"""Evaluation runs kept with the store that they scored: saved, listed, read again."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import GoldError
from rag.evaluation.compare import load_result
from rag.evaluation.summary import ALL

FOLDER = "evaluations"
"""Name of the folder within the store."""
KEPT = 20
"""Runs kept; the oldest go."""
SHOWN = ("recall_at_10", "fact_recall", "numbers_exact", "survey_f1", "refusal_right", "false_refusal", "verbatim")
"""Metrics that a list of runs shows."""
NAME = re.compile(r"[0-9A-Za-z._-]{1,120}\.json")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run as a list shows it; ``figures`` holds those metrics of ``SHOWN`` that it has."""

    name: str
    gold: str
    date: str
    engines: tuple[str, ...]
    questions: int
    passed: bool | None
    figures: Mapping[str, float]


def save_run(store: Path, result: Mapping[str, Any]) -> Path | None:
    """Keep a run in the store; None where the store cannot be written, which is no reason to lose a run's report."""
    folder = store / FOLDER
    stem = re.sub(r"[^0-9A-Za-z._-]+", "-", Path(result["gold"]["file"]).stem)[:60]
    path = folder / f"{re.sub(r'[^0-9]', '', result['date'])[:14]}-{stem}.json"
    beside = folder / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        folder.mkdir(exist_ok=True)
        beside.write_text(json.dumps(result, ensure_ascii=False, default=str), encoding="utf-8")
        beside.replace(path)
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    _forget_oldest(folder, keep=path)
    return path


def _forget_oldest(folder: Path, keep: Path) -> None:
    """Delete the oldest runs over those kept; never the one just made, whatever the clock calls it."""
    others = sorted(path for path in folder.glob("*.json") if path != keep)
    for old in others[: max(0, len(others) - KEPT + 1)]:
        with contextlib.suppress(OSError):
            old.unlink()


def list_runs(store: Path) -> list[RunSummary]:
    """Return the runs kept in a store, the newest first; files that are no runs are left out."""
    summaries = []
    for path in (store / FOLDER).glob("*.json"):
        try:
            summaries.append(_summary(path.name, load_result(path)))
        except (GoldError, KeyError, TypeError):
            continue
    return sorted(summaries, key=lambda run: (run.date, run.name), reverse=True)


def load_run(store: Path, name: str) -> dict[str, Any]:
    """Return a run by its file name.

    Raises:
        GoldError: there is no such run.
    """
    path = store / FOLDER / name
    if not NAME.fullmatch(name) or not path.is_file():
        raise GoldError(f"No evaluation run {name[:120]!r} in this store. `python evaluate.py GOLD.jsonl` makes one.")
    return load_result(path)


def _summary(name: str, result: Mapping[str, Any]) -> RunSummary:
    summary = result["summary"]
    return RunSummary(
        name=name,
        gold=result["gold"]["file"],
        date=result["date"],
        engines=tuple(result["engines"]),
        questions=len(result["questions"]),
        passed=all(check["passed"] for check in result["gate"]) if result["gate"] else None,
        figures={metric: summary[metric][ALL]["value"] for metric in SHOWN if ALL in summary.get(metric, {})},
    )
