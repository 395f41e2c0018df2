"""Text in quotation marks: verbatim in a source, repaired in width, punctuation or script, or altered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.generation.sources import Source
from rag.quotes import occurrences, prepare_quote

QUOTED = re.compile(
    r"“(?P<a>[^“”\n]+)(?:”|$)|\"(?P<b>[^\"\n]+)(?:\"|$)|「(?P<c>[^「」\n]+)(?:」|$)|『(?P<d>[^『』\n]+)(?:』|$)"
    r"|(?<!\w)‘(?P<e>[^‘’\n]+)’(?!\w)|《(?P<f>[^《》\n]+)》|〝(?P<g>[^〞\n]+)〞"
)
ELLIPSIS = re.compile(r"…+|\.{3,}")
CLOSING = {"》": "《", "”": "“", "）": "（", ")": "("}
NESTED = str.maketrans("“”", "‘’")
TRIM = " \t,，。.;；:：、"


@dataclass(frozen=True, slots=True)
class Quotation:
    """A quotation in a statement.

    Attributes:
        start: Offset of the quoted text in the statement.
        end: Offset after it.
        text: The quoted text.
        stored: What it is in the source; None if it stands in none.
        source: Where it stands.
        place: Offsets of it in the source's paragraph.
    """

    start: int
    end: int
    text: str
    stored: str | None = None
    source: Source | None = None
    place: tuple[int, int] = (0, 0)


def quotations(text: str, cited: Sequence[Source], others: Sequence[Source]) -> Iterator[Quotation]:
    """Yield every quotation of a statement with its place, looked for in the cited sources first."""
    for match in QUOTED.finditer(text):
        group = str(match.lastgroup)
        start, end = match.span(group)
        quoted = match[group]
        start += len(quoted) - len(quoted.lstrip(TRIM))
        end -= len(quoted) - len(quoted.rstrip(TRIM))
        if start < end:
            yield _placed(start, end, text[start:end], [*cited, *others])


def _placed(start: int, end: int, quoted: str, sources: Sequence[Source]) -> Quotation:
    for exact_wanted in (True, False):
        for source in sources:
            place = _place(quoted, source, exact_wanted)
            if place:
                stored = source.passage.paragraph.text[slice(*place)]
                # An omission in the middle stays one.
                return Quotation(start, end, quoted, quoted if ELLIPSIS.search(quoted) else stored, source, place)
    return Quotation(start, end, quoted)


def _place(quoted: str, source: Source, exact_wanted: bool) -> tuple[int, int] | None:
    """Return where a quote stands in what is shown of a source; parts around … must follow each other verbatim."""
    text = source.passage.paragraph.text
    begin, places = source.start, []
    parts = [part for part in ELLIPSIS.split(quoted) if part.strip(TRIM)]
    if not parts:
        return None
    for part in parts:
        wanted = part.strip(TRIM)
        exact_only = exact_wanted or len(parts) > 1
        found = next(
            (
                (begin + start, begin + end)
                for start, end, exact in occurrences(prepare_quote(wanted), text[begin : source.end])
                if exact or not exact_only
            ),
            None,
        )
        if found is None:
            return None
        places.append((found[0], _closed(text, *found)))
        begin = found[1]
    return places[0][0], places[-1][1]


def _closed(text: str, start: int, end: int) -> int:
    """Return where a place ends, with the mark right after it that closes what it opens (《…》)."""
    opening = CLOSING.get(text[end : end + 1])
    held = text[start:end]
    return end + 1 if opening and held.count(opening) > held.count(text[end]) else end


def repaired(text: str, found: Sequence[Quotation]) -> str:
    """Return a statement with its quotations as they stand in their sources, quotation marks in them as inner ones."""
    for quotation in sorted(found, key=lambda item: -item.start):
        if quotation.stored is not None:
            text = text[: quotation.start] + quotation.stored.translate(NESTED) + text[quotation.end :]
    return text


def without_quotations(text: str) -> str:
    """Return a statement with what is quoted blanked out, of the same length."""
    return QUOTED.sub(lambda match: " " * len(match[0]), text)
