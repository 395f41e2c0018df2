"""Whether every number of a statement stands in its evidence, for the same thing. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag import lexicon
from rag.answering.asked_for import unit_class
from rag.figures import Figure, convertible, parse_figures
from rag.folding import fold
from rag.generation.overlap import pairs
from rag.numerals import ARABIC, parse_number
from rag.questions.concepts import find_concepts
from rag.retrieval import Sentence
from rag.retrieval.matching import mention_strength
from rag.types import Language

DIGITS = re.compile(rf"(?<![A-Za-z0-9_.])(?:{ARABIC})")
YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d|\s*[件个人名份次场元条项家户起])")
SCALE_SIGN = re.compile(r"^\s*×\s*(10,000|100,000,000)")
CLAUSE = re.compile(r"[,，。;；、!！?？()（）|]|\band\b|\bwhile\b|\bof which\b|其中")
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last character.
        value: Its value, in ``unit``.
        unit: The unit as the reports write it; a class of units after ``~`` in English; empty if there is none.
        qualifier: As in ``Figure``.
        high: Upper end of a range.
    """

    start: int
    end: int
    value: float
    unit: str = ""
    qualifier: str = "exact"
    high: float | None = None


def numbers_in(text: str, language: Language) -> list[Number]:
    """Return the numbers of a statement, years left out."""
    figures = [
        Number(figure.start, figure.end, figure.value, figure.unit, figure.qualifier, figure.high)
        for figure in parse_figures(text)
        if not re.match(r"一(?![百千万亿十])", figure.text)
    ]
    folded = fold(text)
    years = [match.span() for match in YEAR.finditer(folded)]
    taken = [(number.start, number.end) for number in figures] + years
    for match in DIGITS.finditer(folded):
        if not any(start < match.end() and match.start() < end for start, end in taken):
            figures.append(_bare(match.start(), match.end(), parse_number(match[0]), folded, language))
    if language == "en":
        figures.extend(_spelt(folded))
    return sorted(figures, key=lambda number: number.start)


def _bare(start: int, end: int, value: float, folded: str, language: Language) -> Number:
    if language == "zh":
        return Number(start, end, value)
    after = folded[end:]
    scale = re.match(r"\s*-?(" + "|".join(lexicon.load("generation")["english_scales"]) + r")\b", after)
    if scale:
        value *= lexicon.load("generation")["english_scales"][scale[1]]
        after = after[scale.end() :]
    sign = SCALE_SIGN.match(after)
    if sign:
        value *= parse_number(sign[1])
    return Number(start, end, value, _english_unit(after), _english_qualifier(folded[:start], after))


def _english_unit(after: str) -> str:
    kinds = lexicon.load("generation")["english_units"]
    return next((f"~{kind}" for kind, cue in kinds.items() if re.match(cue, after)), "")


def _english_qualifier(before: str, after: str) -> str:
    words = lexicon.load("generation")
    found = next((kind for kind, cue in words["english_qualifiers"].items() if re.search(cue, before)), None)
    late = next((kind for kind, cue in words["english_qualifiers_after"].items() if re.match(cue, after)), None)
    return str(found or late or "exact")


def _spelt(folded: str) -> list[Number]:
    """Return numbers spelt out in English (twenty-eight, three hundred)."""
    words = lexicon.load("generation")
    digits, scales = words["english_numbers"], words["english_scales"]
    word = "|".join([*digits, *scales])
    found = []
    for match in re.finditer(rf"\b(?:a |one )?(?:{word})(?:[\s-]+(?:and )?(?:{word}|one))*\b", folded):
        total, group = 0, 0
        for part in re.findall(rf"{word}|\bone\b", match[0]):
            if part in scales:
                group = max(group, 1) * scales[part]
                total, group = (total + group, 0) if scales[part] >= 1000 else (total, group)
            else:
                group += 1 if part == "one" else digits[part]
        after = folded[match.end() :]
        qualifier = _english_qualifier(folded[: match.start()], after)
        if not re.search(r"\d[\d,.]*\s*$", folded[: match.start()]):
            found.append(Number(*match.span(), float(total + group), _english_unit(after), qualifier))
    return found


def number_fault(text: str, number: Number, evidence: Sequence[Sentence], language: Language) -> str | None:
    """Return what is wrong with a number: ``absent``, ``qualifier``, ``other`` (it counts something else), or None."""
    same: list[tuple[Sentence, Number]] = []
    others: list[tuple[Sentence, Number]] = []
    for sentence in evidence:
        for stated in _stated(sentence):
            (same if _equal(number, stated) else others).append((sentence, stated))
    if not same:
        return "absent"
    if not any(_qualified_alike(number, stated) for _, stated in same):
        return "qualifier"
    claimed = _clause(text, number)
    nearest = max(_likeness(claimed, sentence, stated, language) for sentence, stated in same)
    rivals = [item for item in others if item[1].unit and _alike(number, item[1])]
    further = max((_likeness(claimed, sentence, stated, language) for sentence, stated in rivals), default=0.0)
    return "other" if further > nearest + 0.15 else None


def _stated(sentence: Sentence) -> list[Number]:
    figures: Sequence[Figure] = sentence.figures
    stated = [Number(f.start, f.end, f.value, f.unit, f.qualifier, f.high) for f in figures]
    for match in DIGITS.finditer(sentence.folded):
        if not any(number.start <= match.start() < number.end for number in stated):
            stated.append(Number(*match.span(), parse_number(match[0])))
    return stated


def _equal(number: Number, stated: Number) -> bool:
    factor = _factor(number, stated)
    if factor is None:
        return False

    def near(one: float | None, other: float | None) -> bool:
        if one is None or other is None:
            return one is other
        return abs(one - other * factor) <= TOLERANCE * max(1.0, abs(one))

    return near(number.value, stated.value) and near(number.high, stated.high)


def _factor(number: Number, stated: Number) -> float | None:
    """Return what turns the stated unit into the number's, or None where they count different kinds of thing."""
    if number.unit.startswith("~money"):
        return convertible(stated.unit, "元")
    if number.unit.startswith("~"):
        kind = number.unit[1:]
        classes = {kind, "people"} if kind == "count" and stated.unit in ("人次", "个") else {kind}
        return 1.0 if not stated.unit or unit_class(stated.unit) in classes or stated.unit == "户" else None
    if not number.unit or not stated.unit:
        return 1.0
    if "个" in (number.unit, stated.unit) and {unit_class(number.unit), unit_class(stated.unit)} <= {"people", "count"}:
        return 1.0
    return convertible(stated.unit, number.unit)


def _alike(number: Number, stated: Number) -> bool:
    return _factor(number, stated) is not None


def _qualified_alike(number: Number, stated: Number) -> bool:
    plain = {"exact", "percent", "range"}
    return number.qualifier == stated.qualifier or {number.qualifier, stated.qualifier} <= plain


def _clause(text: str, number: Number) -> str:
    return _around(fold(text), number.start, number.end)


def _around(folded: str, start: int, end: int) -> str:
    left = max((match.end() for match in CLAUSE.finditer(folded, 0, start)), default=0)
    right = CLAUSE.search(folded, end)
    return f"{folded[left:start]} {folded[end : right.start() if right else len(folded)]}"


def _likeness(claimed: str, sentence: Sentence, stated: Number, language: Language) -> float:
    """Return how much of a claim's clause is met by the clause that states a number, 0–1."""
    clause = _around(sentence.folded, stated.start, stated.end)
    if language == "en":
        concepts = [concept for concept in find_concepts(claimed, "en")[0] if concept.words]
        met = sum(mention_strength(concept, clause) > 0 for concept in concepts)
        return met / len(concepts) if concepts else 0.0
    wanted = pairs(claimed)
    return len(wanted & pairs(clause)) / len(wanted) if wanted else 0.0
