"""What figures a question asks for: their class of unit, what they count, how many of them. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag import lexicon
from rag.folding import fold
from rag.questions import Concept, Question
from rag.types import Route

ASKED_UNIT = lexicon.cue("asked", "asked_unit")
ASKING_PART = lexicon.cue("asked", "asking_part")
SHARE_BEFORE = lexicon.cue("asked", "share_before")
BETWEEN = lexicon.cue("asked", "between_asking_and_counted")
ASKING_WORD = lexicon.cue("asked", "asking_word")
PEOPLE = lexicon.cue("asked", "people")
COUNTS_NEXT = lexicon.cue("asked", "counts_next")
MONEY_ASKED = lexicon.cue("asked", "money_asked")
TIME_ASKED = lexicon.cue("asked", "time_asked")
PEOPLE_ASKED = lexicon.cue("asked", "people_asked")
SHARE_ASKED = lexicon.cue("asked", "share_asked")
SHARE_PHRASE = lexicon.cue("asked", "share_phrase")
COUNT_ASKED = lexicon.cue("asked", "count_asked")


def asked_unit_class(question: Question) -> str | None:
    """Return the class of unit that a question asks for, or None where it leaves that open."""
    folded = fold(question.text)
    match = ASKED_UNIT.search(folded)
    if match:
        return unit_class(lexicon.load("asked")["same_unit"].get(match[1], [match[1]])[0])
    if not {"number", "frequency"} & question.asked and question.route is not Route.COMPARE:
        return None
    if PEOPLE_ASKED.search(folded) or counts_people(question):
        return "people"
    if TIME_ASKED.search(folded):
        return "time"
    if re.search(r"how many", folded):
        return None
    if MONEY_ASKED.search(folded) and not SHARE_ASKED.search(folded):
        return "money"
    return None


def counts_people(question: Question) -> bool:
    """Tell whether a question counts people by what they do: 几个调解员, how many mediators."""
    folded = fold(question.text)
    return any(
        concept.words
        and PEOPLE.search(concept.words[0]) is not None
        and 0 <= concept.start
        and COUNTS_NEXT.search(folded[: concept.start]) is not None
        for concept in question.concepts
    )


def preferred_units(question: Question) -> frozenset[str]:
    """Return the units that a question names outright, with those that mean the same."""
    match = ASKED_UNIT.search(fold(question.text))
    if not match:
        return frozenset()
    return frozenset(lexicon.load("asked")["same_unit"].get(match[1], [match[1]]))


def unit_class(unit: str) -> str:
    """Return the class of a unit: money, share, people, time or count."""
    classes = lexicon.load("asked")["unit_classes"]
    return next((str(name) for name, units in classes.items() if unit in units), "count")


@dataclass(frozen=True, slots=True)
class AskedPart:
    """One of several figures that a question asks for: its class of unit, its units, and what it counts."""

    unit_class: str | None
    units: frozenset[str]
    counted: Concept | None


def asked_parts(question: Question) -> list[AskedPart]:
    """Return what each 多少, 几, how many or how much of a question asks for."""
    folded = fold(question.text)
    parts = []
    for match in ASKING_PART.finditer(folded):
        rest = folded[match.start() :]
        named = ASKED_UNIT.match(rest)
        alike = lexicon.load("asked")["same_unit"].get(named[1], [named[1]]) if named else []
        units = frozenset(alike)
        wanted = unit_class(alike[0]) if alike else "people" if PEOPLE_ASKED.match(rest) else None
        if wanted is None and match[0] == "how much":
            wanted = "money"
        if SHARE_BEFORE.search(folded[: match.start()]):
            wanted = "share"
        parts.append(AskedPart(wanted, units, _counted_by(question, match.start(), match.end())))
    return parts


def _counted_by(question: Question, start: int, end: int) -> Concept | None:
    """Return the concept that an asking word at ``start:end`` belongs to.

    One that holds the asking word (罚款多少), else the one right after it, else the one right before it.
    """
    folded = fold(question.text)
    known = [concept for concept in question.concepts if concept.words and concept.start >= 0]
    ends = {concept: concept.start + len(concept.name) for concept in known}
    around = [concept for concept in known if concept.start <= start < ends[concept]]
    after = [concept for concept in known if concept.start >= end and BETWEEN.fullmatch(folded[end : concept.start])]
    before = [
        concept for concept in known if 0 <= start - ends[concept] <= 1 and folded[ends[concept] : start].isalnum()
    ]
    touching = [concept for concept in known if ends[concept] == start]
    return next(iter([*around, *after, *touching, *before]), None)


def outcome_concept(question: Question) -> Concept | None:
    """Return what a question asks of the outcome of a thing (化解的, 办结的), where it names the thing too."""
    outcomes = set(lexicon.load("asked")["outcomes"])
    named = [concept for concept in question.concepts if outcomes & set(concept.words)]
    return named[0] if len(named) == 1 and len(question.concepts) > 1 else None


def counted_concept(question: Question) -> Concept | None:
    """Return what stands right before 多少 or 几 in a question, where it is not all that the question is about."""
    folded = fold(question.text)
    asking = [match.start() for match in ASKING_WORD.finditer(folded)]
    if len(asking) != 1 or len(question.concepts) < 2:
        return None
    return next(
        (
            concept
            for concept in question.concepts
            if concept.words and 0 <= concept.start and 0 <= asking[0] - concept.start - len(concept.name) <= 1
        ),
        None,
    )
