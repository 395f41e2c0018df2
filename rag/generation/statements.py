"""What a model wrote, as statements: sentences with the markers they carry. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.generation.markers import MARKER, THOUGHT, ids_in
from rag.structure.sentences import protected_spans

PREFIX = re.compile(r"\s*(?:>\s*)*(?:[-*+•]\s+|\d{1,2}[.)、]\s*|#{1,6}\s+)?")
LINK = re.compile(r"!?\[([^\]\n]*)\]\((?:[^()\n]|\([^()\n]*\))*\)")
TAG = re.compile(r"</?[A-Za-z!][^>\n]{0,300}>")
REPEATED = re.compile(r"([，、,；;：:])\1+")
EMPHASIS = re.compile(r"\*\*|__|`+|~~|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)")
PLACEHOLDERS = range(0xE000, 0xF8FF)
"""Private-use characters stand for markers while sentences are cut."""
END = re.compile(r"[。！？!?]+|\.(?=\s|$|[\ue000-\uf8ff])")
ABBREVIATION = re.compile(r"\b(?:No|Nos|Art|e\.g|i\.e|approx|Mr|Ms|Dr)$")


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that a model wrote.

    Attributes:
        text: Its text, without markers, links, tags and emphasis.
        ids: What its markers name, in order.
    """

    text: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of what a model wrote: its list sign or heading sign, and its statements."""

    prefix: str
    statements: tuple[Statement, ...]


def read_lines(text: str) -> tuple[Line, ...]:
    """Take a reply apart."""
    text = THOUGHT.sub("", text).strip()
    return tuple(_line(line) for line in text.splitlines())


def _line(line: str) -> Line:
    names: list[list[str]] = []

    def hold(match: re.Match[str]) -> str:
        names.append(ids_in(match))
        return chr(PLACEHOLDERS[len(names) - 1]) if len(names) < len(PLACEHOLDERS) else ""

    # Private-use characters of the model's own would be taken for markers.
    line = REPEATED.sub(r"\1", re.sub(r"[\ue000-\uf8ff]", "", line))
    line = MARKER.sub(hold, LINK.sub(r"\1", line))
    line = EMPHASIS.sub("", TAG.sub("", line))
    prefix = PREFIX.match(line)
    body = line[prefix.end() :] if prefix else line
    statements = []
    for sentence in _sentences(body):
        held = [ord(character) - PLACEHOLDERS.start for character in sentence if ord(character) in PLACEHOLDERS]
        plain = re.sub(r"[\ue000-\uf8ff]", "", sentence)
        ids = dict.fromkeys(name for index in held for name in names[index])
        if re.search(r"\w", plain) or ids:
            statements.append(Statement(plain, tuple(ids)))
    return Line(prefix[0] if prefix else "", tuple(statements))


def _sentences(text: str) -> Iterator[str]:
    """Yield sentences; markers and closing marks after an end stay with the sentence before."""
    protected = protected_spans(text)
    begin = 0
    for match in END.finditer(text):
        enclosed = any(start < match.start() < end - 1 for start, end in protected)
        if enclosed or ABBREVIATION.search(text[: match.start()]):
            continue
        after = match.end()
        while after < len(text) and (text[after] in '”』」’")）' or text[after].isspace() or text[after] >= "\ue000"):
            if text[after] >= "\uf900":
                break
            after += 1
        if after > begin:
            yield text[begin:after]
            begin = after
    if begin < len(text):
        yield text[begin:]
