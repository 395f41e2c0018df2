"""Words that alone make a claim (most, only, rose, rejected, the whole city), and must be the evidence's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

import rjieba

from rag import lexicon
from rag.folding import fold
from rag.generation.overlap import absent_terms, concepts_of
from rag.retrieval import Sentence
from rag.types import Language

CLAUSE = re.compile(r"[，,；;。]")
PERSON_TAG = "nr"
LONGEST_NAME = 4


@cache
def _groups(language: Language) -> list[tuple[re.Pattern[str], re.Pattern[str]]]:
    """Return pairs: what makes a claim in a language, and what in a report bears it out."""
    return [
        (re.compile(group[language]), re.compile(group["zh"]))
        for group in lexicon.load("generation")["claim_words"]
        if language in group
    ]


def strange_claims(text: str, evidence: str, language: Language) -> Iterator[str]:
    """Yield the words of a statement that make a claim which the evidence makes in no words.

    Args:
        text: A part of a statement, folded, names and quotations blanked out.
        evidence: The evidence, folded.
        language: The statement's language.
    """
    for claim, borne_out_by in _groups(language):
        match = claim.search(text)
        if match and not borne_out_by.search(evidence):
            yield match[0].strip()
    for match in lexicon.cue("generation", f"literal_{language}").finditer(text):
        if match[0] not in evidence:
            yield match[0]


def misattributed(text: str, evidence: Sequence[Sentence], language: Language) -> Iterator[str]:
    """Yield the terms that a statement ties to a person, and the clauses about that person do not.

    A report may name a person and a legal adviser in one sentence without saying that the one is the other.
    """
    if language == "en":
        return
    for name in _persons(text):
        told = " ".join(_clauses_about(name, evidence))
        if told:
            yield from absent_terms(text.replace(name, " "), told, language)


def _persons(text: str) -> Iterator[str]:
    """Yield what is tagged as a person's name; a surname cut off from its given name is put together with it."""
    words = rjieba.tag(text)
    for (word, tag), (following, _) in zip(words, [*words[1:], ("", "")], strict=True):
        name = word + following if len(word) == 1 else word
        if (
            tag == PERSON_TAG
            and 2 <= len(name) <= LONGEST_NAME
            and not any(concept.kind == "lexicon" for concept in concepts_of(name, "zh"))
        ):
            yield name


def _clauses_about(name: str, evidence: Sequence[Sentence]) -> Iterator[str]:
    """Yield each clause that names a person with the one after it, and the headings it stands under."""
    for sentence in evidence:
        clauses = CLAUSE.split(sentence.folded)
        for place, clause in enumerate(clauses):
            if fold(name) in clause:
                yield sentence.passage.heading
                yield from clauses[place : place + 2]
