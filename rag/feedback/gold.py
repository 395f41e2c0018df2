"""Feedback as candidates for gold questions; what a person must still fill in is named in each.

The format is that of ``docs/evaluation.md``; everything of ours stands in the further field ``candidate``, which the
evaluation passes over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rag.feedback.records import Feedback
from rag.figures import parse_figures
from rag.lexicon import cue
from rag.types import Answer, QuoteMatch, Route, Survey, Verdict

Find = Callable[[str], Sequence[QuoteMatch]]

SHORT_ANSWER = 24
"""Characters up to which a right answer without figures is taken as the very words that an answer must hold."""
SHORTEST_QUOTE = 8
_KINDS = {Route.SURVEY: "survey", Route.COUNT: "count", Route.COMPARE: "compare"}


def to_jsonl(feedback: Iterable[Feedback], find: Find) -> str:
    """Return candidates, one JSON object a line."""
    lines = (json.dumps(gold_candidate(item, find), ensure_ascii=False) for item in feedback)
    return "".join(f"{line}\n" for line in lines)


def gold_candidate(feedback: Feedback, find: Find) -> dict[str, Any]:
    """Return the gold question that feedback suggests.

    A good answer's own citations and verdicts are what the next one must show; of a bad one nothing is taken over: what
    must be shown comes from the right answer that the reader wrote.

    Args:
        feedback: What a reader made of an answer.
        find: Finds a quote in the store, so that a right answer copied from a report becomes evidence.
    """
    answer, good = feedback.answer, feedback.rating == "up"
    refuse = answer.refused if good else bool(cue("feedback", "silent").search(feedback.right_answer))
    surveyed = good and not refuse and answer.survey is not None
    record: dict[str, Any] = {
        "id": f"feedback-{feedback.id}",
        "question": answer.question,
        "lang": answer.language,
        "kind": _kind(feedback, refuse=refuse),
        "history": [[turn.question, turn.answer] for turn in feedback.history],
        "filters": _filters(feedback),
        "facts": [] if good or refuse else _facts(feedback.right_answer),
        "evidence": [] if refuse else _cited(answer) if good else _found(feedback.right_answer, find),
        "reports": _reports(answer.survey) if surveyed and answer.survey else None,
        "refuse": refuse,
    }
    return record | {"candidate": _candidate(feedback, record)}


def _kind(feedback: Feedback, *, refuse: bool) -> str:
    if feedback.history:
        return "followup"
    if refuse:
        return "unanswerable"
    if feedback.answer.route in _KINDS:
        return _KINDS[feedback.answer.route]
    return "number" if parse_figures(feedback.right_answer) else "fact"


def _filters(feedback: Feedback) -> dict[str, list[Any]]:
    known = {
        "office": feedback.filters.offices,
        "region": feedback.filters.regions,
        "year": feedback.filters.years,
    }
    return {name: list(values) for name, values in known.items() if values}


def _facts(right_answer: str) -> list[list[str]]:
    """Return what an answer must hold: the figures of the right answer, or all of it where it is short."""
    figures = [figure.text.strip() for figure in parse_figures(right_answer)]
    if not figures and right_answer and len(right_answer) <= SHORT_ANSWER:
        figures = [right_answer.strip(" 。.")]
    return [[text] for text in dict.fromkeys(figures) if text]


def _cited(answer: Answer) -> list[dict[str, str]]:
    return [{"source": citation.source, "quote": citation.quote} for citation in answer.citations]


def _found(right_answer: str, find: Find) -> list[dict[str, str]]:
    """Return where the right answer stands in a report, or the sentences of it that do."""
    sentences = [part.strip() for part in re.split(r"[\n。；;]", right_answer)]
    places = [find(part)[:1] for part in sentences if len(part) >= SHORTEST_QUOTE]
    return [{"source": match.citation.source, "quote": match.citation.quote} for found in places for match in found]


def _reports(survey: Survey) -> dict[str, list[str]]:
    """Return the reports that say so and those that say not; the others are silent, or for a person to decide."""
    named = {"yes": Verdict.YES, "no": Verdict.NO}
    return {name: [row.source for row in survey.rows if row.verdict is verdict] for name, verdict in named.items()}


def _candidate(feedback: Feedback, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "to_do": list(_to_do(feedback, record)),
        "rating": feedback.rating,
        "reason": feedback.reason,
        "right_answer": feedback.right_answer,
        "answer": feedback.answer.answer,
        "route": feedback.answer.route.value,
        "who": feedback.owner,
        "when": feedback.given,
        "identity": feedback.identity,
    }


def _to_do(feedback: Feedback, record: dict[str, Any]) -> Iterable[str]:
    """Yield what a person must still do before the candidate is a gold question."""
    if feedback.rating == "down" and not feedback.right_answer:
        yield "facts: no right answer was given; find it in the reports, or set refuse to true if they do not say"
    elif not record["refuse"] and not record["facts"]:
        yield "facts: write what a right answer must hold, each with its spellings"
    elif record["facts"]:
        yield "facts: check them and add other spellings"
    if not record["refuse"] and not record["evidence"]:
        yield "evidence: add the passages that bear the answer out, verbatim, with their files"
    elif record["evidence"]:
        yield "evidence: take out what does not bear the answer out"
    if record["kind"] in {"survey", "count"}:
        yield "reports: decide for every report whether it says so (yes), says not (no), or is silent (neither)"
    if record["refuse"]:
        yield "refuse: make sure that no report says it"
    if record["history"]:
        yield "history: shorten the answers to their gist; if the question needs no history, empty it and change kind"
    yield "candidate: remove this field once all is done"
