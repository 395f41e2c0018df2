"""Results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from rag.evaluation.compare import Comparison
from rag.evaluation.summary import ALL

OURS = "this system"
SHOWN_CHANGES = 40


def render(result: Mapping[str, Any]) -> Group:
    """Return the whole report: metrics, kinds, baselines beside ours, timings, the gate."""
    parts = [_metrics(result), _by_kind(result)]
    if result["baselines"]:
        parts.append(_baselines(result))
    parts.append(_timings(result))
    if result["gate"]:
        parts.append(_gate(result))
    return Group(*parts, *_remarks(result))


def engines(result: Mapping[str, Any]) -> str:
    """Say which engine the run was made with, and, with a chat model, how many answers each engine gave."""
    configured = result["identity"].get("engine") or next(iter(result["engines"]), "unknown")
    gave = ", ".join(f"{name} {count}" for name, count in result["engines"].items())
    return f"engine {configured}" + (f" (answers: {gave})" if set(result["engines"]) != {configured} else "")


def render_comparison(comparison: Comparison) -> Group:
    """Return both runs side by side and the questions that changed."""
    table = Table(title="Second run against the first, over questions scored in both")
    for heading in ("metric", "first", "second", "change", "95% interval", "n", ""):
        table.add_column(heading, justify="left" if heading == "metric" else "right")
    for item in comparison.differences:
        change = item.change
        verdict = "clear" if item.is_clear else ""
        interval = f"{change.low:+.3f} … {change.high:+.3f}"
        cells = (
            f"{item.before:.3f}",
            f"{item.after:.3f}",
            f"{change.value:+.3f}",
            interval,
            str(change.questions),
            verdict,
        )
        table.add_row(item.metric, *cells)
    changed = Table(title=f"Questions that changed: {len({one.id for one in comparison.changes})}")
    for heading in ("question", "metric", "first", "second"):
        changed.add_column(heading)
    for one in comparison.changes[:SHOWN_CHANGES]:
        changed.add_row(Text(one.id), one.metric, f"{one.before:.3f}", f"{one.after:.3f}")
    parts: list[Table | Text] = [table, changed]
    if len(comparison.changes) > SHOWN_CHANGES:
        parts.append(Text(f"… and {len(comparison.changes) - SHOWN_CHANGES} more changes; --json lists them all."))
    if comparison.unpaired:
        parts.append(Text(f"Only in one of the runs, left out: {', '.join(comparison.unpaired)}"))
    return Group(*parts)


def _metrics(result: Mapping[str, Any]) -> Table:
    table = Table(title=f"{result['gold']['file']}: {len(result['questions'])} questions, {engines(result)}")
    for heading in ("area", "metric", "all", "95% interval", "n"):
        table.add_column(heading, justify="right" if heading in ("all", "n") else "left")
    for name, row in result["summary"].items():
        found = row[ALL]
        about = result["metrics"][name]
        label = f"{name} (lower is better)" if about["lower_is_better"] else name
        interval = f"{found['low']:.3f} – {found['high']:.3f}"
        table.add_row(about["area"], label, f"{found['value']:.3f}", interval, str(found["questions"]))
    return table


def _by_kind(result: Mapping[str, Any]) -> Table:
    names = [name for name in next(iter(result["summary"].values()), {}) if name != ALL]
    names = list(dict.fromkeys([*names, *(name for row in result["summary"].values() for name in row if name != ALL)]))
    table = Table(title="By language and kind")
    table.add_column("metric")
    for name in names:
        table.add_column(name, justify="right")
    for metric, row in result["summary"].items():
        table.add_row(metric, *(f"{row[name]['value']:.2f}" if name in row else "–" for name in names))
    return table


def _baselines(result: Mapping[str, Any]) -> Table:
    columns = [{"name": OURS, "summary": result["summary"]}, *result["baselines"]]
    table = Table(title="Retrieval beside the baselines (mean, 95% interval)")
    table.add_column("metric")
    for column in columns:
        table.add_column(column["name"], justify="right")
    for metric in result["baselines"][0]["summary"]:
        table.add_row(metric, *(_with_interval(column["summary"].get(metric, {}).get(ALL)) for column in columns))
    return table


def _with_interval(found: Mapping[str, float] | None) -> str:
    return f"{found['value']:.3f} ({found['low']:.2f}–{found['high']:.2f})" if found else "–"


def _timings(result: Mapping[str, Any]) -> Table:
    table = Table(title="Milliseconds by stage")
    for heading in ("stage", "median", "95th percentile"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage, timing in result["timings"].items():
        cells = (timing["median"], timing["percentile_95"])
        table.add_row(stage, *(f"{cell['value']:.0f} ({cell['low']:.0f}–{cell['high']:.0f})" for cell in cells))
    return table


def _gate(result: Mapping[str, Any]) -> Table:
    table = Table(title="Gate")
    for heading in ("metric", "group", "threshold", "measured", ""):
        table.add_column(heading)
    for check in result["gate"]:
        measured = "not measured" if check["value"] is None else f"{check['value']:.3f}"
        sign = "≤" if result["metrics"][check["metric"]]["lower_is_better"] else "≥"
        verdict = Text("passed", "green") if check["passed"] else Text("FAILED", "bold red")
        table.add_row(check["metric"], check["group"], f"{sign} {check['bound']:.3f}", measured, verdict)
    return table


def _remarks(result: Mapping[str, Any]) -> list[Text]:
    remarks = []
    if not result["verbatim_checked"]:
        remarks.append("Quotes were not checked against the source files; name their folder with --corpus.")
    if result["judge"] and result["judge"]["score"]:
        remarks.append(f"Advisory only: judged {result['judge']['score']['value']:.3f} by {result['judge']['name']}.")
    return [Text(remark) for remark in remarks]
