"""A process that asks a store the same again and again while a file is there, and says of each answer what is wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fault_reports import QUESTION

from rag.pipeline import Rag
from rag.settings import load_settings
from rag.types import Answer


def main(arguments: list[str]) -> int:
    """Ask until the file is gone."""
    store, go_on = map(Path, arguments)
    with Rag(load_settings(store=store)) as rag:
        while go_on.exists():
            answer = rag.ask(QUESTION)
            reports = answer.survey.reports if answer.survey else 0
            sys.stdout.write(json.dumps({"reports": reports, "wrong": _wrong(answer)}) + "\n")
            sys.stdout.flush()
    return 0


def _wrong(answer: Answer) -> str:
    """Every report says so, in a sentence of its own."""
    if answer.survey is None or not answer.citations:
        return f"no survey: {answer.answer[:80]}"
    verdicts = {row.verdict.value for row in answer.survey.rows}
    if verdicts != {"yes"} or len(answer.survey.rows) != answer.survey.reports:
        return f"verdicts {sorted(verdicts)} of {len(answer.survey.rows)}"
    return "".join(citation.quote for citation in answer.citations if "不具备行政执法权" not in citation.quote)
