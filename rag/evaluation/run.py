"""Ask every gold question, keep every answer, go on where an earlier run stopped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Protocol

from tqdm import tqdm

from rag.errors import GoldError
from rag.evaluation.case import Answer, Case
from rag.evaluation.gold import GoldQuestion
from rag.types import Answer as RagAnswer
from rag.types import Filters, ReportMeta, Turn

YEAR_NAMED = re.compile(r"(?:19|20)\d\d")


class Answerer(Protocol):
    """The part of ``rag.pipeline.Rag`` that a run needs."""

    def ask(self, question: str, *, filters: Filters = ..., history: Sequence[Turn] = ...) -> RagAnswer:
        """Answer a question."""


def run(
    questions: Sequence[GoldQuestion],
    rag: Answerer,
    to_dict: Callable[[RagAnswer], dict[str, Any]],
    *,
    identity: Mapping[str, Any],
    answers_file: Path | None = None,
    resume: bool = False,
    workers: int = 1,
) -> dict[str, Answer]:
    """Return the answer JSON of every question by id, asking only what is not recorded yet.

    Args:
        questions: What to ask.
        rag: Who answers.
        to_dict: Turns an answer into the answer JSON.
        identity: What the answers depend on; recorded answers of another identity are not reused.
        answers_file: Where each answer is written as soon as it is there.
        resume: Reuse answers that the file already holds.
        workers: Questions asked at a time; meant for a chat model that is waited for, as timings blur.

    Raises:
        GoldError: the answers file cannot be written.
    """
    made_by = _made_by(questions, identity)
    recorded = _recorded(answers_file, made_by) if answers_file and resume else {}
    waiting = [question for question in questions if question.id not in recorded]

    def ask(question: GoldQuestion) -> dict[str, Any]:
        answer = rag.ask(question.question, filters=question.filters, history=question.history)
        return {"id": question.id, **to_dict(answer)}

    answers = dict(recorded)
    try:
        with _writer(answers_file, recorded, made_by) as file:
            for answer in tqdm(_in_order(ask, waiting, workers), total=len(waiting), desc="questions", disable=None):
                answers[answer["id"]] = answer
                if file is not None:
                    file.write(_line(answer))
                    file.flush()
    except OSError as error:
        raise GoldError(
            f"The answers cannot be written to {str(answers_file)!r}: {error.strerror or error}. Free some space or "
            "name another file with --answers; --resume then reuses what was written."
        ) from error
    return answers


def cases(
    questions: Iterable[GoldQuestion],
    answers: Mapping[str, Answer],
    texts: Mapping[str, str] | None,
    reports: Sequence[ReportMeta],
) -> list[Case]:
    """Return what to score: each question with its answer, the corpus, and the reports a survey of it must cover."""
    return [Case(question, answers[question.id], texts, scope(question, reports)) for question in questions]


def scope(question: GoldQuestion, reports: Sequence[ReportMeta]) -> frozenset[str] | None:
    """Return the sources a survey must cover: all, unless a filter, a year or an office in the question narrows it."""
    text = question.question
    names = {name for report in reports for name in (report.office, report.region, *report.office_variants) if name}
    if question.filters or question.history or YEAR_NAMED.search(text) or any(name in text for name in names):
        return None
    return frozenset(report.source for report in reports)


def load_answers(path: Path) -> dict[str, Answer]:
    """Read recorded answers by id; a last line cut off in mid-write is left out.

    Raises:
        GoldError: the file cannot be read, or a line before the last is no answer.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise GoldError(
            f"Cannot read the answers {str(path)!r}: {error}. Check the path given to --answers."
        ) from error
    answers: dict[str, Answer] = {}
    for number, line in enumerate(lines, 1):
        try:
            answer = json.loads(line)
            answers[answer["id"]] = answer
        except (ValueError, KeyError, TypeError) as error:
            if number < len(lines):
                raise GoldError(
                    f"{str(path)!r}, line {number} is not a recorded answer. Delete the file and run again."
                ) from error
    return answers


def _recorded(path: Path, made_by: Mapping[str, Any]) -> dict[str, Answer]:
    """Return the recorded answers that still hold: same identity; same question, filters and history."""
    try:
        note = json.loads(_note_file(path).read_text(encoding="utf-8"))
        earlier, identity = note["asked"], note["identity"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    if identity != made_by["identity"] or not path.exists():
        return {}
    answers = load_answers(path)
    return {
        name: answers[name]
        for name, asked in made_by["asked"].items()
        if name in answers and earlier.get(name) == asked
    }


def _in_order(
    ask: Callable[[GoldQuestion], dict[str, Any]], waiting: Sequence[GoldQuestion], workers: int
) -> Iterator[dict[str, Any]]:
    """Yield the answers in the order of the questions; what is not begun when the reader stops is not asked."""
    if workers == 1:
        yield from map(ask, waiting)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(ask, waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _made_by(questions: Iterable[GoldQuestion], identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the answers depend on, as it reads after a round trip through JSON."""
    asked = {question.id: [question.question, asdict(question.filters), question.history] for question in questions}
    note: dict[str, Any] = json.loads(_line({"identity": identity, "asked": asked}))
    return note


def _writer(
    path: Path | None, recorded: Mapping[str, Answer], made_by: Mapping[str, Any]
) -> IO[str] | nullcontext[None]:
    """Open the answers file anew with what is kept of it, so that nothing outdated or half-written stays in."""
    if path is None:
        return nullcontext()
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = path.with_name(path.name + ".part")
    kept.write_text("".join(map(_line, recorded.values())), encoding="utf-8")
    kept.replace(path)
    _note_file(path).write_text(_line(made_by), encoding="utf-8")
    return path.open("a", encoding="utf-8")


def _note_file(path: Path) -> Path:
    """Return where it is noted what made the answers, whose own lines are the answer JSON and ``id`` only."""
    return path.with_name(path.name + ".made-by.json")


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: object) -> object:
    return asdict(value) if isinstance(value, Turn) else str(value)
