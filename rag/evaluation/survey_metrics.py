"""Surveys: the reports with each verdict as sets, against the reports that really say so."""

from __future__ import annotations

from typing import Any

from rag.evaluation.case import Case


def sources_with(case: Case, verdict: str) -> frozenset[str]:
    """Return the sources of the rows with this verdict."""
    return frozenset(row["source"] for row in _rows(case) if row["verdict"] == verdict)


def survey_precision(case: Case) -> float | None:
    """Share of the reports said to be yes that are."""
    said = sources_with(case, "yes")
    if not _applies(case) or not said:
        return None
    return len(said & _gold_yes(case)) / len(said)


def survey_recall(case: Case) -> float | None:
    """Share of the reports that are yes that are said to be."""
    if not _applies(case) or not _gold_yes(case):
        return None
    return len(sources_with(case, "yes") & _gold_yes(case)) / len(_gold_yes(case))


def survey_f1(case: Case) -> float | None:
    """Harmonic mean of precision and recall; 1 if no report is yes and none is said to be."""
    if not _applies(case):
        return None
    said, right = sources_with(case, "yes"), _gold_yes(case)
    return 2 * len(said & right) / (len(said) + len(right)) if said or right else 1.0


def survey_no_recall(case: Case) -> float | None:
    """Share of the reports that say it is not so that are given as such."""
    if not _applies(case) or case.question.reports is None or not case.question.reports.no:
        return None
    return len(sources_with(case, "no") & case.question.reports.no) / len(case.question.reports.no)


def survey_wrong_yes(case: Case) -> float | None:
    """Number of reports wrongly said to be yes. Lower is better."""
    if not _applies(case):
        return None
    return float(len(sources_with(case, "yes") - _gold_yes(case)))


def survey_coverage(case: Case) -> float | None:
    """Share of the reports in scope that have a row.

    Where the question itself narrows the scope, the answer's own count of it is taken, but never less than the
    reports that the gold question names.
    """
    if not _applies(case):
        return None
    rows = frozenset(row["source"] for row in _rows(case))
    missing = len(uncovered(case))
    claimed = (case.answer.get("survey") or {}).get("reports", 0)
    expected = max(len(rows) + missing, claimed)
    return len(rows) / expected if expected else 1.0


def survey_rows_cited(case: Case) -> float | None:
    """Share of the rows with a verdict of yes, no or mixed whose citations exist and are of that very report."""
    decided = [row for row in _rows(case) if row["verdict"] in ("yes", "no", "mixed")]
    if not _applies(case) or not decided:
        return None
    cited = {citation["marker"]: citation["source"] for citation in case.answer.get("citations", ())}
    return sum(
        bool(row["citations"]) and all(cited.get(marker) == row["source"] for marker in row["citations"])
        for row in decided
    ) / len(decided)


def uncovered(case: Case) -> frozenset[str]:
    """Return the sources that must have a row and have none."""
    reports = case.question.reports
    named = reports.yes | reports.no if reports else frozenset()
    return (named | (case.scope or frozenset())) - {row["source"] for row in _rows(case)}


def _applies(case: Case) -> bool:
    """Return whether verdicts are due: always for a survey, for other kinds only where the answer gives them."""
    if case.question.reports is None:
        return False
    return case.question.kind == "survey" or case.answer.get("survey") is not None


def _gold_yes(case: Case) -> frozenset[str]:
    return case.question.reports.yes if case.question.reports else frozenset()


def _rows(case: Case) -> list[dict[str, Any]]:
    return list((case.answer.get("survey") or {}).get("rows", ()))
