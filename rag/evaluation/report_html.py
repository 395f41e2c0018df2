"""Results as one self-contained HTML page that opens offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, StrictUndefined

from rag.evaluation.report_terminal import OURS, engines
from rag.evaluation.summary import ALL
from rag.resources import read_text

TEMPLATE = "report.html.jinja"


def render_html(result: Mapping[str, Any]) -> str:
    """Return the page; every value in it is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(read_text("rag.evaluation", TEMPLATE))
    groups = list(dict.fromkeys(group for row in result["summary"].values() for group in row))
    kinds = Counter(question["kind"] for question in result["questions"])
    misses = Counter(kind for question in result["questions"] for kind in {miss["kind"] for miss in question["missed"]})
    return template.render(
        result=result,
        groups=groups,
        all=ALL,
        kinds=kinds,
        misses=misses,
        engines=engines(result),
        areas=_areas(result),
        bars=_bars(result),
        passed=_passed(result),
    )


def _bars(result: Mapping[str, Any]) -> dict[str, list[tuple[str, Mapping[str, float]]]]:
    """Return each metric's bars by their owners, ours first."""
    owners = [{"name": OURS, "summary": result["summary"]}, *result["baselines"]]
    return {
        metric: [(owner["name"], owner["summary"][metric][ALL]) for owner in owners if metric in owner["summary"]]
        for metric in result["summary"]
    }


def _areas(result: Mapping[str, Any]) -> dict[str, list[str]]:
    areas: dict[str, list[str]] = {}
    for name in result["summary"]:
        areas.setdefault(result["metrics"][name]["area"], []).append(name)
    return areas


def _passed(result: Mapping[str, Any]) -> bool | None:
    return all(check["passed"] for check in result["gate"]) if result["gate"] else None
