"""What a sentence says of a thing it mentions: has it, lacks it, has too little, plans it, or only states a rule.

Pure functions over folded text; the cues stand in ``rag/lexicon/polarity.yaml``.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial

from rag import lexicon
from rag.questions import Concept
from rag.types import SectionKind

CLAUSE_END = lexicon.cue("asked", "clause_end")
OUTCOMES = frozenset(lexicon.load("asked")["outcomes"])
"""What became of a thing, or of one of several."""
RULE_REACH = 6
"""Characters after a clause in which its rule may be told (…的，不得…)."""
DENIAL_REACH = 16
"""Characters between a denial and the thing it denies, at most."""


class Stance(StrEnum):
    """What a sentence says of a thing."""

    AFFIRMS = "affirms"
    DENIES = "denies"
    DEFICIENT = "deficient"
    SUFFICIENT = "sufficient"
    PLANNED = "planned"
    RULE = "rule"
    OTHERS = "others"


_cue = partial(lexicon.cue, "polarity")


def clause_around(folded: str, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of the clause that holds ``start:end``."""
    left = max((match.end() for match in CLAUSE_END.finditer(folded, 0, start) if match.end() <= start), default=0)
    following = CLAUSE_END.search(folded, end)
    return left, following.start() if following else len(folded)


def stance_towards(concept: Concept, folded: str, section: SectionKind) -> Stance | None:
    """Return what a sentence says of a concept, or None if it does not mention it.

    A sentence that mentions it several times says the strongest of what it says: a denial outweighs a
    shortage, a shortage an assertion.

    Args:
        concept: The concept.
        folded: The sentence, folded.
        section: Kind of the top-level section it stands in.
    """
    stances = [_at(folded, start, end, section) for start, end in concept.positions(folded)]
    affirmed = concept.affirms.search(folded) if concept.affirms and not stances else None
    if affirmed:
        stances.append(_at(folded, *affirmed.span(), section))
    if concept.denies and concept.denies.search(folded):
        if OUTCOMES & set(concept.words) and Stance.AFFIRMS in stances:
            return Stance.AFFIRMS  # 4件驳回原告请求，1件败诉: one of several is enough
        denied = Stance.SUFFICIENT if _cue("resolved").search(folded) else Stance.DENIES
        return _framed(denied, folded, 0, len(folded), section)
    for stance in (Stance.DENIES, Stance.DEFICIENT, Stance.SUFFICIENT, Stance.AFFIRMS, Stance.PLANNED, Stance.OTHERS):
        if stance in stances:
            return stance
    return stances[0] if stances else None


def _at(folded: str, start: int, end: int, section: SectionKind) -> Stance:
    left, right = clause_around(folded, start, end)
    clause = folded[left:right]
    if _denied(folded[left:start], folded[end:right], folded[right:]) and not _cue("double_denial").search(clause):
        stance = Stance.DENIES
    elif _cue("deficient").search(clause) or _cue("deficient_next").search(folded[right:]):
        stance = Stance.SUFFICIENT if _cue("resolved").search(folded[left:]) else Stance.DEFICIENT
    elif _cue("sufficient").search(clause) or _cue("sufficient_next").match(folded[right:]):
        stance = Stance.SUFFICIENT
    else:
        stance = Stance.AFFIRMS
    return _framed(stance, folded, left, right, section)


def _framed(stance: Stance, folded: str, left: int, right: int, section: SectionKind) -> Stance:
    """Let a rule, another subject or a plan decide before what is said inside it."""
    clause, before = folded[left:right], folded[:right]
    if _cue("rule").search(folded[left : right + RULE_REACH]):
        return Stance.RULE
    if _cue("others").search(before) or _cue("superior").search(clause):
        return Stance.OTHERS
    if section is SectionKind.PLAN and stance is not Stance.DENIES and not _cue("already").search(clause):
        return Stance.PLANNED
    if stance is Stance.AFFIRMS and _cue("planned").search(before[max(0, left - 24) :]):
        return Stance.PLANNED
    return stance


def says_none(concept: Concept, folded: str) -> bool:
    """Tell whether a sentence says that there was none of a concept: 无败诉案件, 败诉0件."""
    for start, end in concept.positions(folded):
        left, right = clause_around(folded, start, end)
        before, after = folded[left:start], folded[end:right]
        if _cue("none_before").search(before) or _cue("none_after").search(after) or _cue("not_occurred").search(after):
            return True
    return False


def _denied(before: str, after: str, following: str) -> bool:
    denials = list(_cue("denied_before").finditer(before))
    if denials and len(before) - denials[-1].end() <= DENIAL_REACH and not _cue("qualifies").search(after):
        return True
    return bool(
        _cue("denied_after").search(after)
        or _cue("not_occurred").search(after)
        or _cue("denied_next").search(following)
        or _cue("denied_later").match(following)
    )
