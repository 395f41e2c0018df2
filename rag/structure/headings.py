"""Which lines are headings, at which level, and what each top section is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.folding import fold
from rag.lexicon import load
from rag.structure.dates import years_in
from rag.structure.lines import Line, ends_sentence, is_bare_heading, is_bare_line, is_heading_line
from rag.structure.numbering import Numbering, Style, parse_numbering
from rag.structure.sentences import protected_spans
from rag.types import Section, SectionKind

_LEXICON = load("structure")
_KINDS = [
    (SectionKind(entry["kind"]), [re.compile(pattern) for pattern in entry["patterns"]])
    for entry in _LEXICON["section_kinds"]
]
_NOT_MEASURES = re.compile(_LEXICON["not_measures"])
_ENUMERATION = re.compile(_LEXICON["enumeration"])
_LEAD_END = re.compile(r"[。:;!?]|(?<![0-9a-z .])\.(?!\.)")
_LONGEST_LEAD = 40
_LONGEST_CLOSED_ITEM = 20
_LONGEST_UNNUMBERED = 50
_LONGEST_BARE = 15
_DEEPEST = 3

Key = tuple[int, int]
"""Numbering style and, for decimals, how many parts: what tells one rank of headings from another."""

_UNNUMBERED: Key = (-1, 1)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a line opens.

    Attributes:
        key: Its rank; None for a line that opens nothing.
        heading: The heading; None for a numbered line that is all statement and only ends the sections before it.
        alone: True if the whole line is the heading.
        numbering: Its number, if it has one.
        declared_level: Level the format declares.
    """

    key: Key | None = None
    heading: str | None = None
    alone: bool = False
    numbering: Numbering | None = None
    declared_level: int | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """Sections in order, and each line's own: index of the innermost section, and whether the line is its heading."""

    sections: tuple[Section, ...]
    section_of: tuple[int | None, ...]
    is_heading: tuple[bool, ...]


def outline(lines: Sequence[Line]) -> Outline:
    """Find the headings among ``lines`` and nest them to three levels."""
    openings = _without_empty_items(lines, _checked_decimals([_opening(line) for line in lines]))
    if not any(opening.heading for opening in openings):
        openings = _bare_openings(lines)
    levels = _levels(openings)
    sections: list[Section] = []
    section_of: list[int | None] = []
    current: int | None = None
    for opening, level in zip(openings, levels, strict=True):
        if level is not None:
            current = _enclosing(sections, current, level)
        if level is not None and opening.heading is not None:
            kind = section_kind(opening.heading) if current is None else sections[current].kind
            sections.append(Section(len(sections), level, opening.heading, current, kind))
            current = len(sections) - 1
        section_of.append(current)
    return Outline(tuple(sections), tuple(section_of), tuple(opening.alone for opening in openings))


def section_kind(heading: str) -> SectionKind:
    """Return what a top section is about by the words of its heading."""
    numbering = parse_numbering(heading)
    words = fold(heading[numbering.end if numbering else 0 :]).strip()
    words = re.sub(r"\s+", "", words)
    return next((kind for kind, patterns in _KINDS if any(p.search(words) for p in patterns)), SectionKind.OTHER)


def with_context(sections: Sequence[Section], year: int | None) -> tuple[Section, ...]:
    """Settle kinds by what stands around: a later year than the report's is a plan, what precedes problems was done."""
    changed: list[Section] = []
    found = [section.index for section in sections if section.parent is None and section.kind == SectionKind.PROBLEMS]
    done_until = found[0] if found else 0
    for section in sections:
        kind = section.kind
        if section.parent is not None:
            kind = changed[section.parent].kind
        elif year is not None and kind in (SectionKind.MEASURES, SectionKind.OTHER):
            named = [named_year for named_year, _, _ in years_in(section.heading)]
            kind = SectionKind.PLAN if named and min(named) > year else kind
        if section.parent is None and kind == SectionKind.OTHER and section.index < done_until:
            kind = SectionKind.OTHER if _NOT_MEASURES.search(fold(section.heading)) else SectionKind.MEASURES
        changed.append(replace(section, kind=kind))
    return tuple(changed)


def _opening(line: Line) -> Opening:
    if line.kind != "body":
        return Opening()
    numbering = parse_numbering(line.text)
    if numbering is None:
        return _unnumbered(line)
    key = (int(numbering.style), len(numbering.values))
    lead = _lead(line.text, numbering.end)
    titled = len(line.text) <= _LONGEST_LEAD and is_heading_line(line.text) and not ends_sentence(line.text)
    if lead is not None and not titled:
        heading: str | None = _stripped(line.text[:lead])
        if lead - numbering.end > _LONGEST_LEAD or _ENUMERATION.match(fold(line.text[numbering.end :])):
            heading = None
        return Opening(key, heading, False, numbering, line.level)
    if is_heading_line(line.text) or (line.declared and len(line.text) <= 2 * _LONGEST_LEAD):
        return Opening(key, _stripped(line.text), True, numbering, line.level)
    return Opening(key, None, False, numbering, line.level)


def _unnumbered(line: Line) -> Opening:
    short = len(line.text) <= _LONGEST_UNNUMBERED and not ends_sentence(line.text)
    declared = line.declared and len(line.text) <= 2 * _LONGEST_LEAD
    if declared or (short and line.emphasized) or is_bare_heading(line.text):
        return Opening(_UNNUMBERED, _stripped(line.text), True, None, line.level)
    return Opening()


def _bare_openings(lines: Sequence[Line]) -> list[Opening]:
    """Take short bare lines, each with whole sentences under it, for headings; only for a report that has no others."""
    openings: list[Opening] = []
    for index, line in enumerate(lines):
        bare = line.kind == "body" and len(line.text) <= _LONGEST_BARE and is_bare_line(line.text)
        heads = bare and any(
            under.kind == "body" and ends_sentence(under.text) for under in lines[index + 1 : index + 2]
        )
        openings.append(Opening(_UNNUMBERED, line.text, True) if heads else Opening())
    return openings


def _lead(text: str, start: int) -> int | None:
    """Return where the lead that runs into the text ends (too far away for a question or clause), None without text."""
    folded = fold(text)
    protected = protected_spans(text)
    for match in _LEAD_END.finditer(folded, start):
        if any(begin < match.start() < end for begin, end in protected):
            continue
        rest = folded[match.end() :].strip(" \"')”")
        if not rest:
            return None
        if match[0] in ":" and folded[match.start() - 1].isdigit() and rest[0].isdigit():
            continue
        return match.start() if match[0] in "。:." else start + _LONGEST_LEAD + 1
    return None


def _stripped(heading: str) -> str:
    return heading.strip("#*＃ \t").rstrip("。.：:；; \u3000")


def _checked_decimals(openings: Sequence[Opening]) -> list[Opening]:
    """Drop decimal numbers that carry on no numbering: 3.8 begins a date or a figure more often than a section."""
    checked: list[Opening] = []
    majors: set[int] = set()
    for opening in openings:
        numbering = opening.numbering
        if numbering is None:
            checked.append(opening)
            continue
        if numbering.style == Style.DECIMAL:
            *outer, last = numbering.values
            known = outer[0] in majors or (last == 1 and outer[0] == max(majors, default=0) + 1)
            checked.append(opening if known else Opening())
            majors |= {outer[0]} if known else set()
            continue
        majors.add(numbering.values[0])
        checked.append(opening)
    return checked


def _without_empty_items(lines: Sequence[Line], openings: Sequence[Opening]) -> list[Opening]:
    """Take numbered lines with nothing under them for items of a list, which are statements, not headings."""
    kept: list[Opening] = []
    for index, (line, opening) in enumerate(zip(lines, openings, strict=True)):
        numbering = opening.numbering
        if opening.alone and numbering and opening.key and not line.declared and numbering.style > Style.CHINESE:
            closed = ends_sentence(line.text) and not line.text.rstrip().endswith(("：", ":"))
            too_long = closed and numbering.style >= Style.ARABIC and len(line.text) > _LONGEST_CLOSED_ITEM
            if too_long or not _has_text_under(lines, openings, index):
                opening = replace(opening, heading=None, alone=False)
        kept.append(opening)
    return kept


def _has_text_under(lines: Sequence[Line], openings: Sequence[Opening], index: int) -> bool:
    key = openings[index].key
    for line, opening in zip(lines[index + 1 :], openings[index + 1 :], strict=True):
        if line.kind in ("debris", "title"):
            continue
        if line.kind == "closing":
            return False
        return opening.key is None or (key is not None and opening.key > key and opening.key != _UNNUMBERED)
    return False


def _levels(openings: Sequence[Opening]) -> list[int | None]:
    """Return each opening's level from 1 to 3, relative to the ranks that the report uses."""
    order = _order(openings)
    numbered_levels = {key: min(index + 1, _DEEPEST) for index, key in enumerate(order)}
    declared = _declared_levels(openings, numbered_levels)
    levels: list[int | None] = []
    current = 0
    for opening in openings:
        if opening.key is None:
            levels.append(None)
            continue
        level = numbered_levels.get(opening.key)
        if opening.key == _UNNUMBERED and opening.declared_level in declared:
            level = declared[opening.declared_level]
        elif level is None and opening.key == _UNNUMBERED:
            level = min(current + 1, _DEEPEST)
        elif opening.heading is None:  # an item ends the sections of its own rank, and those below it
            level = 1 + sum(1 for key in order if key < opening.key)
        if opening.key != _UNNUMBERED and opening.heading is not None:
            current = level or 0
        levels.append(level)
    return levels


def _order(openings: Sequence[Opening]) -> list[Key]:
    """Return the ranks in use from the outermost; unnumbered headings come in if they enclose the numbered ones."""
    headings = [opening for opening in openings if opening.key is not None and opening.heading is not None]
    order = sorted({opening.key for opening in headings if opening.key and opening.key != _UNNUMBERED})
    unnumbered = any(opening.key == _UNNUMBERED for opening in headings)
    if unnumbered and (not order or _restarts(headings, order[0])):
        return [_UNNUMBERED, *order]
    arabic: Key = (int(Style.ARABIC), 1)
    if arabic in order and order[0] != arabic and _encloses_others(headings, arabic):
        inner = [key for key in order if key[0] == Style.DECIMAL]
        order = [arabic, *inner, *(key for key in order if key != arabic and key not in inner)]
    return order


def _restarts(headings: Sequence[Opening], key: Key) -> bool:
    """Tell whether the numbering begins again after an unnumbered heading."""
    firsts = [h for h in headings if h.key == key and h.numbering and h.numbering.values[-1] == 1]
    before = headings[0].key == _UNNUMBERED
    return before and len(firsts) > 1


def _encloses_others(headings: Sequence[Opening], key: Key) -> bool:
    """Tell whether this rank runs through from 1 at the top while Chinese numerals begin anew under it."""
    values = [h.numbering.values[0] for h in headings if h.key == key and h.numbering]
    first_other = next((i for i, h in enumerate(headings) if h.key not in (key, _UNNUMBERED)), len(headings))
    goes_on = any(h.key == key for h in headings[first_other:])
    return headings[0].key == key and values[0] == 1 and values.count(1) == 1 and goes_on


def _declared_levels(openings: Sequence[Opening], numbered_levels: dict[Key, int]) -> dict[int | None, int]:
    """Map the levels that the format declares for unnumbered headings to levels of the report."""
    pairs = [(o.declared_level, o.key) for o in openings if o.heading is not None and o.declared_level is not None]
    unnumbered = sorted({level for level, key in pairs if key == _UNNUMBERED and level is not None})
    numbered = [(level, numbered_levels[key]) for level, key in pairs if key and key != _UNNUMBERED]
    if not numbered:
        if set(numbered_levels) - {_UNNUMBERED}:
            return {}
        return {level: min(index + 1, _DEEPEST) for index, level in enumerate(unnumbered)}
    same: dict[int | None, int] = {
        level: min(own for other, own in numbered if other == level) for level, _ in numbered
    }
    outermost = min(level for level, _ in numbered if level is not None)
    return {**{level: 1 for level in unnumbered if level < outermost}, **same}


def _enclosing(sections: Sequence[Section], current: int | None, level: int) -> int | None:
    """Return the nearest section around ``current`` that is above ``level``."""
    while current is not None and sections[current].level >= level:
        current = sections[current].parent
    return current
