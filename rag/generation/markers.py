"""Source markers in what a model writes: recognised in any brackets, resolved to [n] as the text streams by."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

OPENING, CLOSING = r"\[【［〔(（{", r"\]】］〕)）}"
IDENTIFIER = r"[Ss][0-9A-Fa-f]{4,12}"
MARKER = re.compile(
    rf"\s*[{OPENING}]\s*\^?(?:来源|source)?[:：]?\s*(?P<ids>{IDENTIFIER}(?:\s*[,，、;；/&\s]\s*{IDENTIFIER})*)\s*[{CLOSING}]"
    rf"|\s*[\[【［]\s*\^?(?P<number>(?:source |来源)?[A-Za-z]{{0,2}}\d[\w,，、 -]{{0,30}}?)\s*[\]】］]"
    rf"|(?<![\w])(?P<bare>S[0-9a-f]{{4,12}})(?![\w])"
)
"""A marker of ours in brackets, one of another sort ([3], [^2], [source 4]), or a bare id."""
HELD = re.compile(rf"(?:\s*[{OPENING}][^{CLOSING}\n]{{0,80}}|(?<![\w])S[0-9a-f]{{0,12}}|\s+)$")
"""The end of a piece that may be the beginning of a marker."""
THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>\s*|$)", re.DOTALL)


def ids_in(match: re.Match[str]) -> list[str]:
    """Return the ids that a marker names, in our spelling; a marker of another sort as it is written."""
    if match["number"]:
        return [match["number"].strip()]
    return ["S" + name[1:].lower() for name in re.findall(IDENTIFIER, match["ids"] or match["bare"])]


def resolved(pieces: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """Yield a stream with its markers as [n], by first mention; those to unknown sources and thoughts left out."""
    numbers: dict[str, int] = {}
    text, done = "", 0

    def number(match: re.Match[str]) -> str:
        names = dict.fromkeys(name for name in ids_in(match) if name in known)
        return "".join(f"[{numbers.setdefault(name, len(numbers) + 1)}]" for name in names)

    for piece in pieces:
        text += piece
        plain = THOUGHT.sub("", text)
        begun = plain.rfind("<", max(0, len(plain) - 9))
        ready = plain[:begun] if begun >= 0 else plain
        held = HELD.search(ready)
        end = held.start() if held else len(ready)
        if end > done:
            if shown := MARKER.sub(number, plain[done:end]):
                yield shown
            done = end
    if rest := MARKER.sub(number, THOUGHT.sub("", text)[done:]):
        yield rest
