"""The labelled data in ``training/data``: texts, questions about one text, survey questions over many.

``texts/NAME.txt`` holds a text as numbered statements under headings; ``items/WRITER.jsonl`` one matter of one text a
line, in several wordings; ``surveys/WRITER.jsonl`` one predicate a line, labelled over several texts. The format and
what the labels mean: ``training/LABELS.md``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from rag.evidence.scorer import HEADINGS_JOINED

DATA = Path(__file__).parent / "data"
LABELLED = ("near", "yes", "no", "planned")

_HEAD = re.compile(r"# (?P<office>[^|]*)\|(?P<region>[^|]*)\|\s*(?P<year>\d{4})\s*")
_STATEMENT = re.compile(r"(?P<number>\d+) (?P<text>.+)")


class DataError(ValueError):
    """A file of the training data is not as its format asks."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text that questions are labelled on.

    Attributes:
        name: File name without its ending.
        office: The reporting body.
        region: Where it is; may be empty.
        year: The year reported on.
        statements: Its statements, in order.
        paths: The headings that each statement stands under, outermost first.
        headers: For a statement that is a table row, its table's first row; else empty.
    """

    name: str
    office: str
    region: str
    year: int
    statements: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]
    headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """A question as somebody types it."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Item:
    """A matter asked of one text; every wording has the same labels.

    Attributes:
        group: Name of the matter; the items of one survey predicate share it.
        writer: Who wrote and labelled it.
        text: Name of the text.
        kind: survey, number, fact, list, yesno or summary.
        wordings: Ways to ask, paraphrases of one another.
        labels: Statement number → label, for all statements that are not irrelevant.
        spans: Statement number → the shortest words that answer, where they are known.
        unsure: Statements whose label is not known.
        opposite: True if it asks the opposite of another item of the same group.
        across: True if it is asked of several texts.
    """

    group: str
    writer: str
    text: str
    kind: str
    wordings: tuple[Wording, ...]
    labels: Mapping[int, str]
    spans: Mapping[int, str] = field(default_factory=dict)
    unsure: frozenset[int] = frozenset()
    opposite: bool = False
    across: bool = False


@cache
def load_texts(folder: Path = DATA) -> dict[str, Text]:
    """Return the texts by name.

    Raises:
        DataError: a text is not as the format asks; the message names file and line.
    """
    return {path.stem: _text(path) for path in sorted((folder / "texts").glob("*.txt"))}


def load_items(folder: Path = DATA) -> list[Item]:
    """Return all items, those of survey predicates included: one for each text that the predicate is labelled over.

    Raises:
        DataError: a line is not as the format asks; the message names file and line.
    """
    texts = load_texts(folder)
    items = [item for record, place in _records(folder / "items") for item in _single(record, place)]
    items += [item for record, place in _records(folder / "surveys") for item in _across(record, place)]
    for item in items:
        _check(item, texts)
    return items


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def data_hash(folder: Path = DATA) -> str:
    """Return the SHA-256 of all files that are trained on, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(path for kind in ("texts", "items", "surveys") for path in (folder / kind).iterdir()):
        digest.update(f"{path.parent.name}/{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _text(path: Path) -> Text:
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    head = _HEAD.fullmatch(first)
    if not head:
        raise DataError(f"{path}:1: {first!r} is not '# office | region | year'")
    path_now: tuple[str, ...] = ()
    header = ""
    statements: list[str] = []
    paths: list[tuple[str, ...]] = []
    headers: list[str] = []
    for number, line in enumerate(lines, 2):
        if not line.strip():
            continue
        if line.startswith("##"):
            path_now, header = tuple(filter(None, line[2:].strip().split(HEADINGS_JOINED))), ""
            continue
        match = _STATEMENT.fullmatch(line)
        if not match or int(match["number"]) != len(statements):
            raise DataError(f"{path}:{number}: expected statement {len(statements)}, found {line!r}")
        text = match["text"].strip()
        is_row = " | " in text
        headers.append(header if is_row else "")
        header = (header or text) if is_row else ""
        statements.append(text)
        paths.append(path_now[:-1] if path_now[-1:] == (text,) else path_now)
    return Text(
        path.stem,
        head["office"].strip(),
        head["region"].strip(),
        int(head["year"]),
        tuple(statements),
        tuple(paths),
        tuple(headers),
    )


def _records(folder: Path) -> Iterator[tuple[dict[str, Any], tuple[str, int]]]:
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                record = json.loads(line)
                if not isinstance(record, dict) or not record["questions"]:
                    raise ValueError("no question")
            except (ValueError, KeyError) as error:
                raise DataError(f"{path}:{number}: {error!r}") from error
            yield record, (path.stem, number)


def _wordings(records: list[dict[str, str]]) -> tuple[Wording, ...]:
    return tuple(Wording(record["q"].strip(), record["lang"]) for record in records)


def _labels(record: Mapping[str, Any]) -> tuple[dict[int, str], dict[int, str]]:
    labels: dict[int, str] = {}
    spans: dict[int, str] = {}
    for label in LABELLED:
        for entry in record.get(label, ()):
            number, span = entry if isinstance(entry, list) else (entry, None)
            if number in labels:
                raise DataError(f"statement {number} is labelled {labels[number]} and {label}: {record}")
            labels[number] = label
            if span:
                spans[number] = span
    return labels, spans


def _single(record: dict[str, Any], place: tuple[str, int]) -> Iterator[Item]:
    writer, line = place
    labels, spans = _labels(record)
    yield Item(
        f"{writer}-item-{line}", writer, record["text"], record["type"], _wordings(record["questions"]), labels, spans
    )


def _across(record: dict[str, Any], place: tuple[str, int]) -> Iterator[Item]:
    writer, line = place
    group = f"{writer}-survey-{line}"
    if unknown := record["labels"].keys() - set(record["over"]):
        raise DataError(f"{group}: labels of {sorted(unknown)}, which 'over' does not name")
    asked, opposite = _wordings(record["questions"]), _wordings(record.get("opposite", []))
    for text in record["over"]:
        labels, spans = _labels(record["labels"].get(text, {}))
        yield Item(group, writer, text, "survey", asked, labels, spans, across=True)
        if opposite:
            turned = {"yes": "no", "no": "yes", "near": "near"}
            swapped = {number: turned[label] for number, label in labels.items() if label in turned}
            unsure = frozenset(labels) - frozenset(swapped)  # whether a plan to have says that it lacks
            yield Item(group, writer, text, "survey", opposite, swapped, spans, unsure, opposite=True, across=True)


def _check(item: Item, texts: Mapping[str, Text]) -> None:
    where = f"{item.group} ({item.wordings[0].text!r})"
    if item.text not in texts:
        raise DataError(f"{where}: there is no text {item.text!r}")
    statements = texts[item.text].statements
    for number in item.labels:
        if not 0 <= number < len(statements):
            raise DataError(f"{where}: {item.text} has no statement {number}")
    for number, span in item.spans.items():
        if span not in statements[number]:
            raise DataError(f"{where}: {span!r} is not in statement {number} of {item.text}")
