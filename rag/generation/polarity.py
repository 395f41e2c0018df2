"""Whether a statement says of a thing what its evidence says: has it, lacks it, too little of it, or plans it."""

from __future__ import annotations

from collections.abc import Sequence

from rag import lexicon
from rag.folding import fold
from rag.generation.overlap import LIGHT, concepts_of
from rag.questions import Concept
from rag.retrieval import Sentence
from rag.survey.stance import Stance, says_none, stance_towards
from rag.types import Language, SectionKind

DENYING = frozenset({Stance.DENIES})
SHORT = frozenset({Stance.DENIES, Stance.DEFICIENT})
AFFIRMING = frozenset({Stance.AFFIRMS, Stance.SUFFICIENT})


def polarity_fault(segment: str, whole: str, evidence: Sequence[Sentence], language: Language) -> str | None:
    """Return ``polarity`` where the evidence says the contrary, ``planned`` where a plan is told as done.

    Args:
        segment: The part of a statement that is about one office and year.
        whole: The whole statement.
        evidence: The sentences it rests on.
        language: The statement's language.
    """
    denials: list[bool] = []
    for concept in concepts_of(segment, language):
        if concept.kind in LIGHT:
            continue
        stated = _stated(concept, evidence)
        if not stated:
            continue
        claimed = _claimed(concept, segment, language)
        if claimed is Stance.DENIES:
            denials.append(bool(stated & (DENYING if language == "zh" else SHORT)))
        elif claimed is Stance.DEFICIENT and language == "zh" and stated <= {Stance.SUFFICIENT}:
            return "polarity"
        elif claimed in AFFIRMING and stated <= DENYING:
            return "polarity"
        elif claimed is Stance.SUFFICIENT and stated <= SHORT:
            return "polarity"
        elif claimed in AFFIRMING and stated <= {Stance.PLANNED} and not _tells_plan(whole, language):
            return "planned"
    return "polarity" if denials and not any(denials) else None


def _stated(concept: Concept, evidence: Sequence[Sentence]) -> set[Stance]:
    """Return what the evidence says of a concept; a rule or another's affair says nothing."""
    found = set()
    for sentence in evidence:
        stance = stance_towards(concept, sentence.folded, sentence.passage.paragraph.section_kind)
        if stance is not None and says_none(concept, sentence.folded):
            stance = Stance.DENIES
        if stance not in (None, Stance.RULE, Stance.OTHERS):
            found.add(stance)
    return {stance for stance in found if stance is not None}


def _claimed(concept: Concept, segment: str, language: Language) -> Stance | None:
    folded = fold(segment)
    if language == "zh":
        if says_none(concept, folded):
            return Stance.DENIES
        return stance_towards(concept, folded, SectionKind.MEASURES)
    if lexicon.cue("generation", "english_denial").search(folded):
        return Stance.DENIES
    if lexicon.cue("generation", "english_shortage").search(folded):
        return Stance.DEFICIENT
    return Stance.AFFIRMS


def _tells_plan(text: str, language: Language) -> bool:
    return bool(lexicon.cue("generation", "plan" if language == "zh" else "english_plan").search(fold(text)))
