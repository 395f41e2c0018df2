"""Gold questions: the file format, checked so that a mistake is named by line and field.

The format is described in ``docs/evaluation.md``; a template is ``data/gold/TEMPLATE.jsonl``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from rag.errors import GoldError
from rag.evaluation.overlap import squeeze
from rag.types import Filters, Language, Turn

KINDS = ("fact", "number", "list", "survey", "count", "compare", "unanswerable", "followup")
LANGUAGES = get_args(Language)
SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that supports the answer: a file's name and a verbatim quote from it."""

    source: str
    quote: str


@dataclass(frozen=True, slots=True)
class GoldReports:
    """Source names of the reports that say it is so, and of those that say it is not; the others are silent."""

    yes: frozenset[str]
    no: frozenset[str]


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """A question with everything a right answer must show.

    Attributes:
        id: Unique, kebab-case.
        question: As a user would type it.
        language: Language of the question and of a right answer.
        kind: One of ``KINDS``.
        history: Earlier turns, for follow-ups.
        filters: What the user had restricted the question to.
        facts: The answer must contain one spelling of each inner tuple.
        evidence: Passages that support the answer.
        reports: For surveys and counts, which reports say so and which say not.
        refuse: True when the right reply is that the reports do not say.
    """

    id: str
    question: str
    language: Language
    kind: str
    history: tuple[Turn, ...]
    filters: Filters
    facts: tuple[tuple[str, ...], ...]
    evidence: tuple[Evidence, ...]
    reports: GoldReports | None
    refuse: bool


def load_gold(path: Path) -> tuple[GoldQuestion, ...]:
    """Read a gold file.

    Raises:
        GoldError: naming each line and field at fault and what to do.
    """
    lines = list(_read_lines(path))
    problems = [f"line {number}: {problem}" for number, record in lines for problem in _problems(record)]
    problems += _repeated_ids(lines)
    if not lines:
        problems.append("no questions; write one JSON object a line")
    _raise_if_any(path, problems)
    return tuple(_question(cast(dict[str, Any], record)) for _, record in lines)


def check_gold(path: Path, texts: Mapping[str, str]) -> tuple[GoldQuestion, ...]:
    """Read a gold file and check it against the corpus: sources exist, quotes are verbatim.

    Args:
        path: The gold file.
        texts: Text of each source as a reader sees it, by source name.

    Raises:
        GoldError: naming each question at fault and what to do.
    """
    questions = load_gold(path)
    _raise_if_any(path, corpus_problems(questions, texts))
    return questions


def corpus_problems(questions: Iterable[GoldQuestion], texts: Mapping[str, str]) -> list[str]:
    """Return where questions name a source that the corpus lacks or quote what does not stand in it."""
    squeezed = {source: squeeze(text) for source, text in texts.items()}
    return [problem for question in questions for problem in _corpus_problems(question, squeezed)]


def sources_named(question: GoldQuestion) -> frozenset[str]:
    """Return the sources that the question's evidence and reports name."""
    named = question.reports.yes | question.reports.no if question.reports else frozenset()
    return named | {item.source for item in question.evidence}


def _read_lines(path: Path) -> Iterator[tuple[int, object]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise GoldError(f"Cannot read the gold file {str(path)!r}: {error.strerror}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise GoldError(f"The gold file {str(path)!r} is not UTF-8. Save it as UTF-8.") from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _parse(line)


def _parse(line: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        return error


def _raise_if_any(path: Path, problems: list[str]) -> None:
    if problems:
        shown = "\n  ".join(problems[:SHOWN_PROBLEMS])
        more = f"\n  and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
        raise GoldError(f"The gold file {str(path)!r} is unusable; mend these lines:\n  {shown}{more}")


def _is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)


def _is_history(value: object) -> bool:
    return isinstance(value, list) and all(_is_strings(turn) and len(turn) == 2 for turn in value)


def _is_filters(value: object) -> bool:
    if not isinstance(value, dict) or set(value) - {"office", "region", "year"}:
        return False
    years = value.get("year", [])
    is_years = isinstance(years, list) and all(type(year) is int for year in years)
    return is_years and _is_strings(value.get("office", [])) and _is_strings(value.get("region", []))


def _is_facts(value: object) -> bool:
    return isinstance(value, list) and all(_is_strings(fact) and fact for fact in value)


def _is_evidence(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict) and _is_strings([item.get("source"), item.get("quote")]) for item in value
    )


def _is_reports(value: object) -> bool:
    return value is None or (
        isinstance(value, dict) and set(value) == {"yes", "no"} and all(_is_strings(names) for names in value.values())
    )


def _is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value) is not None


FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "id": (_is_id, 'a unique kebab-case name such as "fact-group-head"'),
    "question": (lambda value: isinstance(value, str) and bool(value.strip()), "the question as a user types it"),
    "lang": (lambda value: value in LANGUAGES, f"one of {', '.join(LANGUAGES)}"),
    "kind": (lambda value: value in KINDS, f"one of {', '.join(KINDS)}"),
    "history": (_is_history, "a list of [question, answer] pairs, [] when there is none"),
    "filters": (_is_filters, '{} or {"office": [names], "region": [names], "year": [numbers]}'),
    "facts": (_is_facts, 'a list of lists of spellings such as [["26件", "26 件"]], [] when there is none'),
    "evidence": (_is_evidence, 'a list of {"source": file name, "quote": text}, [] when there is none'),
    "reports": (_is_reports, 'null or {"yes": [file names], "no": [file names]}'),
    "refuse": (lambda value: isinstance(value, bool), "true or false"),
}


def _problems(record: object) -> Iterator[str]:
    """Yield what is wrong with one line: each field by itself, then the fields against each other."""
    if isinstance(record, json.JSONDecodeError):
        yield f"not JSON ({record.msg} at column {record.colno}); write one JSON object a line"
        return
    if not isinstance(record, dict):
        yield "not a JSON object; write one JSON object a line"
        return
    faults = []
    for name, (is_right, wanted) in FIELDS.items():
        if name not in record:
            faults.append(f"field {name!r} is missing; give {wanted}")
        elif not is_right(record[name]):
            faults.append(f"field {name!r} is {record[name]!r}; give {wanted}")
    yield from faults or _contradictions(record)


def _contradictions(record: dict[str, Any]) -> Iterator[str]:
    named = record["reports"] or {"yes": [], "no": []}
    if record["refuse"] and (record["facts"] or named["yes"]):
        yield "field 'facts' or 'reports' asks for an answer but 'refuse' is true; empty it or set 'refuse' to false"
    if record["kind"] == "unanswerable" and not record["refuse"]:
        yield "field 'refuse' is false in an unanswerable question; set it to true or change 'kind'"
    if (record["kind"] == "followup") != bool(record["history"]):
        yield "field 'history' must hold earlier turns for kind 'followup' and be [] for every other kind"
    if set(named["yes"]) & set(named["no"]):
        yield f"field 'reports' names {sorted(set(named['yes']) & set(named['no']))} as yes and as no; choose one"
    if not record["refuse"] and not (record["facts"] or record["evidence"] or record["reports"]):
        yield "fields 'facts', 'evidence' and 'reports' are all empty, so nothing can be checked; fill one in"


def _repeated_ids(lines: Iterable[tuple[int, object]]) -> list[str]:
    first: dict[str, int] = {}
    problems = []
    for number, record in lines:
        name = record.get("id") if isinstance(record, dict) else None
        if isinstance(name, str) and first.setdefault(name, number) != number:
            problems.append(f"line {number}: field 'id' is {name!r}, as on line {first[name]}; ids must be unique")
    return problems


def _corpus_problems(question: GoldQuestion, squeezed: Mapping[str, str]) -> Iterator[str]:
    for source in sorted(sources_named(question)):
        if source not in squeezed:
            yield f"{question.id}: source {source!r} is not in the corpus; use a file name such as those in the folder"
    for item in question.evidence:
        if item.source in squeezed and squeeze(item.quote) not in squeezed[item.source]:
            yield f"{question.id}: quote {item.quote!r} does not stand in {item.source!r}; copy it from the file"


def _question(record: dict[str, Any]) -> GoldQuestion:
    filters, reports = record["filters"], record["reports"]
    return GoldQuestion(
        id=record["id"],
        question=record["question"],
        language=record["lang"],
        kind=record["kind"],
        history=tuple(Turn(question, answer) for question, answer in record["history"]),
        filters=Filters(
            offices=tuple(filters.get("office", ())),
            regions=tuple(filters.get("region", ())),
            years=tuple(filters.get("year", ())),
        ),
        facts=tuple(tuple(fact) for fact in record["facts"]),
        evidence=tuple(Evidence(item["source"], item["quote"]) for item in record["evidence"]),
        reports=GoldReports(frozenset(reports["yes"]), frozenset(reports["no"])) if reports else None,
        refuse=record["refuse"],
    )
