"""The verdict of one report on a predicate, with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from rag import lexicon
from rag.questions import Concept
from rag.retrieval import Passage, ReportText, Sentence
from rag.retrieval.matching import NEARBY, PART, is_instruction, mention_strength, share_named
from rag.survey.predicate import CHANGES, Predicate
from rag.survey.stance import Stance, clause_around, stance_towards
from rag.types import Verdict

ENOUGH_COVERAGE = 0.55
"""Share of the question's weight that a sentence with its surroundings must meet to count."""
EVIDENCE_SHOWN = 2
LONGEST_QUOTE = 120
EVENT_TOLD = lexicon.cue("asked", "event_told")
NAMES_ANOTHER = lexicon.cue("asked", "names_another")
UNIVERSAL_TOLD = lexicon.cue("asked", "universal_told")
CHANGE_TOLD = {change: lexicon.cue("asked", f"{change}_told") for change in CHANGES}
OF_YEAR_BEFORE = lexicon.cue("asked", "of_year_before")
EVENT_UNITS = frozenset(lexicon.load("asked")["event_units"])


@dataclass(frozen=True)
class Evidence:
    """A sentence that bears on the predicate.

    Attributes:
        sentence: The sentence.
        stance: What it says of the focus.
        coverage: Share of the question's weight that it meets.
        whole: True if every essential term of the question stands in its paragraph or its heading.
    """

    sentence: Sentence
    stance: Stance
    coverage: float
    whole: bool = True


@dataclass(frozen=True)
class Judgement:
    """A report's verdict and the evidence to cite for it, best first."""

    verdict: Verdict
    evidence: tuple[Evidence, ...]
    instruction: bool = False


def judge_report(predicate: Predicate, passages: Iterable[Passage]) -> Judgement:
    """Judge a report by every sentence that mentions what is asked; the ``candidates`` hold them all.

    The verdict is ``mixed`` when the report says both, ``needs_review`` when it bears on the matter without
    deciding it (a mere plan, say), and ``not_mentioned`` when it is silent.
    """
    found: list[Evidence] = []
    instruction = False
    for passage in passages:
        if predicate.sections and passage.paragraph.section_kind not in predicate.sections:
            continue
        for sentence in passage.sentences:
            evidence = _examine(predicate, sentence)
            if evidence and is_instruction(sentence.folded):
                instruction = True
            elif evidence:
                found.append(evidence)
    return Judgement(*_verdict(predicate, found), instruction=instruction)


def candidates(predicate: Predicate, text: ReportText) -> list[Passage]:
    """Return the passages of a report in which a sentence may name, affirm or deny what decides, and few others."""
    return text.matching(predicate.focus.words, predicate.focus.stated)


def _examine(predicate: Predicate, sentence: Sentence) -> Evidence | None:
    stance = stance_towards(predicate.focus, sentence.folded, sentence.passage.paragraph.section_kind)
    if stance is None:
        return None
    total = predicate.focus_weight + sum(item.weight for item in predicate.beside)
    met = predicate.focus_weight
    around = f"{sentence.passage.heading} {sentence.passage.folded}"
    for item in predicate.beside:
        near = mention_strength(item.concept, around)
        met += item.weight * max(mention_strength(item.concept, sentence.folded), NEARBY * near)
    coverage = met / total if total else 0.0
    if coverage < ENOUGH_COVERAGE:
        return None
    if predicate.figure and not _gives_amount(predicate, sentence):
        return None
    if predicate.event and stance is not Stance.DENIES and not _tells_event(predicate.focus, sentence):
        return None
    if predicate.change:
        told = _change_told(predicate.focus, sentence)
        if not told:
            return None
        if stance not in (Stance.PLANNED, Stance.RULE, Stance.OTHERS):
            stance = Stance.AFFIRMS if told == predicate.change else Stance.DENIES
    whole = all(mention_strength(item, around) or _named_in_part(item, around) for item in predicate.essential) and (
        not predicate.telling or any(mention_strength(item, around) for item in predicate.telling)
    )
    if predicate.universal and stance is Stance.AFFIRMS:
        whole = whole and UNIVERSAL_TOLD.search(sentence.folded) is not None
    return Evidence(sentence, stance, coverage, whole)


def _named_in_part(concept: Concept, folded: str) -> bool:
    """Tell whether more than half of one of a term's forms is named: 人民调解 for 人民调解员."""
    return any(share_named(word, folded) > PART for word in concept.words)


def _gives_amount(predicate: Predicate, sentence: Sentence) -> bool:
    """Tell whether a sentence gives a figure in a clause, or a cell, that names what is asked for."""
    for figure in sentence.figures:
        left, right = clause_around(sentence.folded, figure.start, figure.end)
        if predicate.focus.mentioned(f"{figure.label} {sentence.folded[left:right]}"):
            return True
    return False


def _change_told(focus: Concept, sentence: Sentence) -> str:
    """Return ``rise`` or ``fall`` as a sentence tells it of the focus, as near as may be; empty if neither."""
    folded = sentence.folded
    for _, left, right, following in _mentions(focus, folded):
        for until in (right, following, len(folded)):
            for change, told in CHANGE_TOLD.items():
                if told.search(folded, left, until):
                    return change
        known = [figure for figure in sentence.figures if figure.start >= left]
        for figure, before in pairwise(known):
            if figure.unit == before.unit and OF_YEAR_BEFORE.search(folded, figure.end, before.start):
                return "rise" if figure.value > before.value else "fall" if figure.value < before.value else ""
    return ""


def _tells_event(focus: Concept, sentence: Sentence) -> bool:
    """Tell whether a sentence speaks of the focus as something that happened: counted, or with what became of it."""
    folded = sentence.folded
    mentions = list(_mentions(focus, folded))
    for end, left, right, following in mentions:
        if NAMES_ANOTHER.match(folded, end):
            continue
        if EVENT_TOLD.search(folded, left, right):
            return True
        if any(left <= figure.start < following and figure.unit in EVENT_UNITS for figure in sentence.figures):
            return True
    return not mentions  # what says so without naming it tells what happened


def _mentions(focus: Concept, folded: str) -> Iterator[tuple[int, int, int, int]]:
    """Yield where each mention ends, where its clause begins and ends, and where the next clause ends."""
    for start, end in focus.positions(folded):
        left, right = clause_around(folded, start, end)
        yield end, left, right, clause_around(folded, right + 1, right + 1)[1]


def _verdict(predicate: Predicate, found: list[Evidence]) -> tuple[Verdict, tuple[Evidence, ...]]:
    ranked = sorted(found, key=lambda item: (-item.coverage, len(item.sentence.text) > LONGEST_QUOTE))
    whole = [item for item in ranked if item.whole]
    saying = [item for item in whole if predicate.supports(item.stance)]
    denying = [item for item in whole if predicate.contradicts(item.stance)]
    undecided = [item for item in whole if predicate.undecided(item.stance)]
    undecided += [item for item in ranked if not item.whole and predicate.supports(item.stance)]
    if predicate.silence:
        # Asked for silence, a mention is the contrary, and silence is what was asked for.
        return (Verdict.NO, tuple(saying[:EVIDENCE_SHOWN])) if saying else (Verdict.YES, ())
    if saying and denying:
        return Verdict.MIXED, (saying[0], denying[0])
    if saying:
        return Verdict.YES, tuple(saying[:EVIDENCE_SHOWN])
    if denying:
        return Verdict.NO, tuple(denying[:EVIDENCE_SHOWN])
    if undecided:
        return Verdict.NEEDS_REVIEW, tuple(undecided[:EVIDENCE_SHOWN])
    return Verdict.NOT_MENTIONED, ()
