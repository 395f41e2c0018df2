"""The result of a run as one JSON document: figures, the gate, every question's scores, and what produced them."""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.evaluation.case import Case
from rag.evaluation.gold import GoldQuestion
from rag.evaluation.judge import Judge
from rag.evaluation.metrics import METRICS, RETRIEVAL_METRICS, Metric, score
from rag.evaluation.missed import missed
from rag.evaluation.summary import Figure, Scored, figure, summarise, timings
from rag.evaluation.thresholds import Check

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Baseline:
    """Another design's contexts for each question, by id."""

    name: str
    contexts: Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a run was made of.

    Attributes:
        gold: Path of the gold file.
        settings: Settings in force, secrets masked.
        identity: Index identity: embedding model, chunking, corpus hash, numbers of reports and chunks.
        commit: Git commit, with ``-dirty`` where files differ from it; None outside a repository.
        date: When, in UTC.
    """

    gold: Path
    settings: Mapping[str, Any]
    identity: Mapping[str, Any]
    commit: str | None = None
    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def scored(cases: Sequence[Case], metrics: tuple[Metric, ...] = METRICS) -> list[Scored]:
    """Return each case's scores with what it is grouped by."""
    return [
        Scored(case.question.id, case.question.kind, case.question.language, score(case, metrics)) for case in cases
    ]


def build_result(
    cases: Sequence[Case],
    questions: Sequence[Scored],
    origin: Origin,
    *,
    gate: Sequence[Check] = (),
    baselines: Sequence[Baseline] = (),
    judge: Judge | None = None,
) -> dict[str, Any]:
    """Return everything a report shows, as JSON-ready data."""
    details = [_question(case, scores, judge) for case, scores in zip(cases, questions, strict=True)]
    return {
        "format": FORMAT,
        "gold": {"file": origin.gold.name, "sha256": hashlib.sha256(origin.gold.read_bytes()).hexdigest()},
        "date": origin.date,
        "commit": origin.commit,
        "settings": dict(origin.settings),
        "identity": dict(origin.identity),
        "engines": dict(Counter(str(case.answer.get("engine")) for case in cases).most_common()),
        "verbatim_checked": all(case.texts is not None for case in cases),
        "metrics": {metric.name: _metric(metric) for metric in METRICS},
        "summary": _table(questions, METRICS),
        "timings": {stage: asdict(timing) for stage, timing in timings([case.answer for case in cases]).items()},
        "baselines": [_baseline(baseline, [case.question for case in cases]) for baseline in baselines],
        "gate": [{**asdict(check.threshold), "value": check.value, "passed": check.passed} for check in gate],
        "judge": _judge_summary(details, judge),
        "questions": details,
    }


def commit_of(folder: Path) -> str | None:
    """Return the git commit that the folder's code is at, or None where that cannot be told."""
    try:
        described = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None


def _metric(metric: Metric) -> dict[str, Any]:
    return {"area": metric.area, "title": metric.title, "lower_is_better": metric.lower_is_better}


def _table(questions: Sequence[Scored], metrics: Sequence[Metric]) -> dict[str, dict[str, dict[str, Any]]]:
    table = summarise(questions, [metric.name for metric in metrics])
    return {metric: {group: asdict(found) for group, found in row.items()} for metric, row in table.items()}


def _baseline(baseline: Baseline, questions: Sequence[GoldQuestion]) -> dict[str, Any]:
    cases = [Case(question, {"contexts": baseline.contexts[question.id]}) for question in questions]
    found = scored(cases, RETRIEVAL_METRICS)
    return {
        "name": baseline.name,
        "summary": _table(found, RETRIEVAL_METRICS),
        "questions": [{"id": question.id, "scores": question.scores} for question in found],
    }


def _question(case: Case, scores: Scored, judge: Judge | None) -> dict[str, Any]:
    question = case.question
    judgement = judge.judge(question, case.answer) if judge else None
    return {
        "id": question.id,
        "question": question.question,
        "language": question.language,
        "kind": question.kind,
        "history": [[turn.question, turn.answer] for turn in question.history],
        "scores": scores.scores,
        "missed": [asdict(miss) for miss in missed(case)],
        "judgement": asdict(judgement) if judgement else None,
        "answer": {name: value for name, value in case.answer.items() if name != "contexts"},
        "contexts": [
            {**context, "text": context["text"][:400]} for context in list(case.answer.get("contexts", ()))[:10]
        ],
    }


def _judge_summary(details: Sequence[Mapping[str, Any]], judge: Judge | None) -> dict[str, Any] | None:
    if judge is None:
        return None
    mean: Figure | None = figure([item["judgement"]["score"] for item in details if item["judgement"]], "judge")
    return {"name": judge.name, "score": asdict(mean) if mean else None}
