"""How much of a statement its evidence bears out, by what both speak of. Pure functions."""

from __future__ import annotations

import re
from functools import lru_cache

from rag import lexicon
from rag.folding import fold
from rag.questions.concepts import Concept, find_concepts
from rag.retrieval.matching import mention_strength
from rag.types import Language

ENOUGH_CLAUSE = 0.34
"""Share of a clause's content that the evidence must hold."""
FEWEST_PAIRS = 2
LIGHT = ("light", "section")


@lru_cache(maxsize=4096)
def pairs(text: str) -> frozenset[str]:
    """Return the pairs of neighbouring Chinese characters that carry content."""
    words = lexicon.load("generation")
    empty = set(words["function_characters"])
    plain = lexicon.cue("generation", "filler").sub(" ", fold(text))
    found = {plain[index : index + 2] for index in range(len(plain) - 1)}
    return frozenset(pair for pair in found if re.fullmatch("[一-鿿]{2}", pair) and not empty & set(pair))


@lru_cache(maxsize=4096)
def concepts_of(text: str, language: Language) -> tuple[Concept, ...]:
    """Return what a text speaks of, with a Chinese form."""
    folded = fold(text)
    if language == "en":
        folded = lexicon.cue("generation", "english_filler").sub(" ", folded)
    else:
        folded = lexicon.cue("generation", "filler").sub(" ", folded)
    return tuple(concept for concept in find_concepts(folded, language)[0] if concept.words)


def says_nothing(text: str, language: Language) -> bool:
    """Tell whether a text only introduces or connects: it names nothing that could be true or false."""
    return not pairs(text) and not [item for item in concepts_of(text, language) if item.kind not in LIGHT]


def borne_out(clause: str, evidence: str, language: Language) -> float:
    """Return the share of a clause's content that stands in the evidence, 0–1; 1 for a clause without content.

    Args:
        clause: A clause of a statement, office names and quotes already taken out.
        evidence: The evidence, folded.
        language: The statement's language.
    """
    concepts = [concept for concept in concepts_of(clause, language) if concept.kind not in LIGHT]
    named = [mention_strength(concept, evidence) for concept in concepts]
    by_concept = sum(named) / len(named) if named else 0.0
    if language == "en":
        return by_concept if named else 1.0
    wanted = pairs(clause)
    if len(wanted) < FEWEST_PAIRS and not named:
        return 1.0
    by_pair = sum(pair in evidence for pair in wanted) / len(wanted) if wanted else 0.0
    return max(by_pair, by_concept)


def absent_terms(text: str, evidence: str, language: Language) -> list[str]:
    """Return the terms of the field that a statement names and the evidence does not, under no name."""
    return [
        concept.name
        for concept in concepts_of(text, language)
        if concept.kind == "lexicon" and not mention_strength(concept, evidence)
    ]
