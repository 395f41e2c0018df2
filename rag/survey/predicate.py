"""A question about the whole corpus as a predicate that every report is judged by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag import lexicon
from rag.questions import Concept, Question, question_patterns
from rag.retrieval.matching import Weighted
from rag.survey.alternatives import merge_alternatives, merge_asides
from rag.survey.stance import OUTCOMES, Stance
from rag.types import Language, Route, SectionKind

NEARLY_AS_HEAVY = 0.85
WORDS_SHARE = 0.6
TERM_SHARE = 0.6
"""A term of the field decides before everyday words, if it weighs so much of the heaviest."""
TELLING_SHARE = 0.6
"""Everyday words that weigh so much of the focus, together, narrow what is asked: one of them must stand near."""
SAYS_LITTLE = 0.4
"""An everyday word that weighs less of the heaviest does not show by itself that what narrows the question is there."""
ASKING_PART = lexicon.cue("asked", "asking_part")
ESSENTIAL_SHARE = 0.5
"""A term of the field that weighs so much of the focus must stand near what decides, or a person must look."""
GENERIC = frozenset(word for words in lexicon.load("questions")["light_verbs"].values() for word in words)
ENDING = re.compile("(?:ing|ed|es|s|d)$")
LONGEST_NAME = 48
ENDS = lexicon.cue("asked", "clause_end")
EVENT_NAMED = lexicon.cue("asked", "event_named")
EVENT_NEXT = lexicon.cue("asked", "event_next")
UNIVERSAL_ASKED = lexicon.cue("asked", "universal_asked")
CHANGES = ("rise", "fall")
CHANGE_ASKED = {change: lexicon.cue("asked", f"{change}_asked") for change in CHANGES}


@dataclass(frozen=True)
class Predicate:
    """What is asked of each report.

    Attributes:
        name: What it is called: the question's own words from the first term that decides to the last.
        focus: The concept that decides.
        beside: The other concepts, with their weights; a sentence should meet most of them too.
        focus_weight: Weight of the focus.
        lack: True if the lack of it is asked for.
        degree: True if too little of it is asked for.
        planned: True if plans for it are asked for.
        mention: True if a mere mention is enough.
        silence: True if the reports that do not mention it are asked for.
        sections: Section kinds to judge by; empty: all.
        telling: Everyday words that narrow what is asked; with none of them near, a person must look.
        figure: True if what is asked of each report is an amount.
        event: True if events are asked for, cases or applications, rather than a kind of work.
        universal: True if it is asked of every village or community.
        change: ``rise`` or ``fall`` if more or less of it than before is asked for, else empty.
    """

    name: str
    focus: Concept
    beside: tuple[Weighted, ...]
    focus_weight: float
    lack: bool
    degree: bool
    planned: bool
    mention: bool
    silence: bool
    sections: tuple[SectionKind, ...]
    telling: tuple[Concept, ...] = ()
    figure: bool = False
    event: bool = False
    change: str = ""
    universal: bool = False

    @property
    def essential(self) -> tuple[Concept, ...]:
        """The terms beside the focus without which a sentence may be about something else."""
        return tuple(
            item.concept
            for item in self.beside
            if item.concept.is_term and item.weight >= ESSENTIAL_SHARE * self.focus_weight
        )

    def supports(self, stance: Stance) -> bool:
        """Tell whether a stance says that it is so, as asked."""
        if self.mention:
            return True
        if self.planned:
            return stance is Stance.PLANNED
        if self.degree:
            return stance in (Stance.DEFICIENT, Stance.DENIES)
        if self.lack:
            return stance is Stance.DENIES
        return stance in (Stance.AFFIRMS, Stance.SUFFICIENT, Stance.DEFICIENT)

    def contradicts(self, stance: Stance) -> bool:
        """Tell whether a stance says that it is not so."""
        if self.mention:
            return False
        if self.planned:
            return stance is Stance.DENIES
        if self.degree:
            return stance is Stance.SUFFICIENT
        if self.lack:
            return stance in (Stance.AFFIRMS, Stance.SUFFICIENT)
        return stance is Stance.DENIES

    def undecided(self, stance: Stance) -> bool:
        """Tell whether a stance bears on it without deciding it."""
        if self.mention or self.planned or self.degree:
            return False
        return stance is Stance.PLANNED or (self.lack and stance is Stance.DEFICIENT)


def predicate_of(question: Question, weighted: Sequence[Weighted]) -> Predicate | None:
    """Turn a question into a predicate; None if it names nothing that can be looked for."""
    lowered = question.text.lower()
    change, span = _change_asked(lowered)
    known = [
        item
        for item in weighted
        if item.concept.words and (item.concept.is_term or not span[0] <= item.concept.start < span[1])
    ]
    known = merge_alternatives(lowered, merge_asides(lowered, known))
    substantial = [item for item in known if item.concept.kind != "light"] or known
    if not substantial:
        return None
    heaviest = max(item.weight for item in substantial)
    nearly = [item for item in substantial if item.weight >= NEARLY_AS_HEAVY * heaviest]
    # What became of a thing is what is asked of it (官司打输); else what is said of the others comes last in Chinese
    # and first in English.
    terms = [item for item in substantial if item.concept.is_term and item.weight >= TERM_SHARE * heaviest]
    nearly = [item for item in nearly if item.concept.is_term] or terms or nearly
    outcomes = [item for item in nearly if OUTCOMES & set(item.concept.words)]
    focus = outcomes[0] if outcomes else nearly[-1 if question.language == "zh" else 0]
    # A general dictionary's guess does not decide whether a report speaks of a term of the field.
    kinds = ("lexicon", "quoted", "word") if focus.concept.is_term else ("lexicon", "quoted", "word", "translated")
    beside = _balanced([item for item in substantial if item is not focus and item.concept.kind in kinds], focus)
    event = _event_asked(lowered, focus.concept)
    planned = question.planned and not question.lack
    sections = tuple(kind for kind in question.sections if kind is not SectionKind.PLAN)
    return Predicate(
        name=_name(question.text, focus, beside, event[1] if event else 0),
        focus=focus.concept,
        beside=beside,
        focus_weight=focus.weight,
        telling=_telling(known, focus, [event or (0, 0), *_lack_asked(lowered, question.language)]),
        figure=_asks_amount(question),
        event=event is not None,
        change=change,
        universal=UNIVERSAL_ASKED.search(lowered) is not None,
        lack=question.lack and not change,
        degree=question.lack_of_degree and not change,
        planned=planned,
        mention=question.mention,
        silence=question.mention and question.lack,
        sections=sections if not question.lack_of_degree else (),
    )


def _telling(
    weighted: Sequence[Weighted], focus: Weighted, looked_for: Sequence[tuple[int, int]]
) -> tuple[Concept, ...]:
    """Return the everyday words that say something by themselves, if they make much of what is asked.

    What stands at ``looked_for`` is none: a sentence is looked at in another way for it (a lack, an event).
    """
    words = [
        item
        for item in weighted
        if item is not focus
        and not item.concept.is_term
        and len(item.concept.name) > 1
        and not _is_generic(item.concept.name)
        and not any(start <= item.concept.start < end for start, end in looked_for)
    ]
    much = sum(item.weight for item in words) >= TELLING_SHARE * focus.weight
    unheard_of = any(item.concept.kind == "word" and not item.present for item in words)
    least = SAYS_LITTLE * max((item.weight for item in words), default=0.0)
    return tuple(item.concept for item in words if item.weight >= least) if much or unheard_of else ()


def _is_generic(name: str) -> bool:
    """Tell whether a word, in English in any of its forms, says little by itself."""
    stem = ENDING.sub("", name)
    return bool(GENERIC & {name, stem, f"{stem}e"})


def _asks_amount(question: Question) -> bool:
    """Tell whether a question asks for an amount of each report, beside how many reports there are."""
    asking = len(ASKING_PART.findall(question.text.lower()))
    return asking > (1 if question.route is Route.COUNT else 0)


def _lack_asked(lowered: str, language: Language) -> list[tuple[int, int]]:
    """Return where a question asks for a lack, or for too little."""
    patterns = [question_patterns()[name][language] for name in ("lack", "lack_of_degree")]
    return [match.span() for pattern in patterns for match in pattern.finditer(lowered)]


def _change_asked(lowered: str) -> tuple[str, tuple[int, int]]:
    """Return ``rise`` or ``fall`` and where the question asks for it; an empty text if it does not."""
    for change, asked in CHANGE_ASKED.items():
        match = asked.search(lowered)
        if match:
            return change, match.span()
    return "", (0, 0)


def _event_asked(lowered: str, focus: Concept) -> tuple[int, int] | None:
    """Return where a question names the focus as events (行政复议案件, disclosure requests); None if it does not."""
    end = focus.start + len(focus.name)
    if EVENT_NAMED.search(focus.name):
        return end, end
    if focus.start < 0 or not lowered.startswith(focus.name, focus.start):
        return None
    match = EVENT_NEXT.match(lowered, end)
    return match.span() if match else None


def _name(text: str, focus: Weighted, beside: Sequence[Weighted], event_end: int) -> str:
    """Return the question's words that name the focus and the terms of the field beside it, a short span of them."""
    terms = [focus, *(item for item in beside if item.concept.is_term)]
    if any(item.concept.start < 0 or "/" in item.concept.name for item in terms):
        return focus.concept.name
    start = min(item.concept.start for item in terms)
    end = max(event_end, *(item.concept.start + len(item.concept.name) for item in terms))
    span = text[start:end]
    return span if len(span) <= LONGEST_NAME and ENDS.search(span) is None else focus.concept.name


def _balanced(beside: Sequence[Weighted], focus: Weighted) -> tuple[Weighted, ...]:
    """Keep everyday words together lighter than a term of the field: the report may put them otherwise."""
    words = sum(item.weight for item in beside if item.concept.kind == "word")
    most = WORDS_SHARE * focus.weight
    if not focus.concept.is_term or words <= most:
        return tuple(beside)
    return tuple(
        replace(item, weight=item.weight * most / words) if item.concept.kind == "word" else item for item in beside
    )
