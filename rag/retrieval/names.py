"""Chinese names that a question writes in pinyin (Yingfeng community, "Lao Qin"), found in the text itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from rag.questions import Concept, Question
from rag.retrieval.passages import Passage

CAPITALISED = re.compile(r"[A-Z][a-z]+(?:[ '’-]?[A-Z][a-z]+)*")
SHORTEST, LONGEST = 2, 4
"""Characters of a name."""


def with_pinyin_names(question: Question, passages: Iterable[Passage]) -> Question:
    """Give the question's capitalised words with no known meaning the Chinese names that sound like them.

    Args:
        question: The question; one in Chinese is returned as it is.
        passages: The text to look for names in.

    Returns:
        The question, with a quoted concept for each name found.
    """
    if question.language != "en":
        return question
    unknown = {concept.name for concept in question.concepts if concept.kind == "translated"}
    wanted = {}
    for match in CAPITALISED.finditer(question.text):
        words = [word for word in re.split(r"[ '’-]", match[0].lower()) if word in unknown]
        if words and len("".join(words)) >= 4:
            wanted["".join(words)] = words
    if not wanted:
        return question
    found = _names_that_sound(tuple(wanted), passages)
    concepts = list(question.concepts)
    for sound, names in found.items():
        concepts = [concept for concept in concepts if concept.name not in wanted[sound]]
        concepts.append(Concept(sound.capitalize(), names, "quoted"))
    return replace(question, concepts=tuple(concepts))


def _names_that_sound(sounds: Sequence[str], passages: Iterable[Passage]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for passage in passages:
        text = passage.folded
        syllables = [_syllable(character) for character in text]
        for start in range(len(text)):
            sound = syllables[start]
            for length in range(SHORTEST, LONGEST + 1):
                if not sound or start + length > len(text) or not syllables[start + length - 1]:
                    break
                sound += syllables[start + length - 1]
                if sound in sounds:
                    found.setdefault(sound, {}).setdefault(text[start : start + length])
    return {sound: tuple(names) for sound, names in found.items()}


@lru_cache(maxsize=10_000)
def _syllable(character: str) -> str:
    from pypinyin import lazy_pinyin

    return lazy_pinyin(character)[0] if "一" <= character <= "鿿" else ""
