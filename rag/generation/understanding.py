"""A question made easier to look up by the model: a follow-up rewritten to stand alone, foreign terms translated."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag.folding import fold
from rag.generation.failure import ModelFailure
from rag.generation.model import ChatModel, Meter
from rag.generation.prompts import Prompt
from rag.generation.sources import FENCES
from rag.generation.wording import failure_reason, told
from rag.questions import Gazetteer, Question
from rag.questions.analysis import LONGEST_QUESTION, language_of
from rag.questions.scope import find_mentions
from rag.types import Turn

TURNS_SHOWN = 4
LONGEST_TURN = 400
TERM_WORDS = 4
OBJECT = re.compile(r"\{.*\}", re.DOTALL)


def rewrite(
    model: ChatModel, prompt: Prompt, text: str, history: Sequence[Turn], gazetteer: Gazetteer
) -> tuple[str | None, tuple[str, ...]]:
    """Rewrite a follow-up so that it stands alone.

    Returns:
        The question and a note of how it was understood; None for the question where the rules must carry over.
    """
    language = language_of(text)
    shown = "\n".join(
        f"- {turn.question[:LONGEST_TURN]}\n  {turn.answer[:LONGEST_TURN]}" for turn in history[-TURNS_SHOWN:]
    )
    try:
        reply = model.complete(prompt.fill(history=shown.translate(FENCES), question=text), model.deadline(), Meter())
        rewritten = _usable(reply, text, history, gazetteer)
    except ModelFailure as failure:
        return None, (told(language, "not_rewritten", reason=failure_reason(language, failure)),)
    if rewritten == text:
        # What the rules carry over is kept: a model that leaves 2023年呢 as it is has understood nothing.
        return None, ()
    return rewritten, (told(language, "rewritten", question=rewritten),)


def _usable(reply: str, text: str, history: Sequence[Turn], gazetteer: Gazetteer) -> str:
    """Return the rewritten question if it names no office or year that was not named before, in the same language."""
    lines = [line.strip().strip('"“”') for line in reply.strip().splitlines() if line.strip()]
    if len(lines) != 1 or len(lines[0]) > LONGEST_QUESTION or language_of(lines[0]) != language_of(text):
        raise ModelFailure("malformed", "no single question")
    known_offices: set[str] = set()
    known_years: set[int] = set()
    for said in (text, *(turn.question for turn in history), *(turn.answer for turn in history)):
        mention = find_mentions(said, gazetteer, language_of(said))
        known_offices |= {office for office, _ in mention.offices}
        known_years |= set(mention.years)
    mention = find_mentions(lines[0], gazetteer, language_of(lines[0]))
    # "The year before" is next to a year that was named.
    near = known_years | {year + step for year in known_years for step in (-1, 1)}
    if not {office for office, _ in mention.offices} <= known_offices or (near and not set(mention.years) <= near):
        raise ModelFailure("malformed", "an office or year that nobody named")
    if not re.search(r"\w", lines[0]):
        raise ModelFailure("empty", "no question")
    return lines[0]


def translate_terms(model: ChatModel, prompt: Prompt, question: Question) -> tuple[Question, tuple[str, ...]]:
    """Give the terms of an English question that no dictionary knows the Chinese words that the model has for them."""
    unknown = [concept.name for concept in question.concepts if not concept.words]
    if question.language != "en" or not unknown:
        return question, ()
    try:
        reply = model.complete(
            prompt.fill(question=question.text, terms="\n".join(f"- {term}" for term in unknown)),
            model.deadline(),
            Meter(),
        )
    except ModelFailure:
        return question, ()
    words = _translations(reply, unknown)
    concepts = tuple(
        replace(concept, words=words[concept.name], kind="translated") if concept.name in words else concept
        for concept in question.concepts
    )
    notes = [told("en", "translated", term=term, words="、".join(found)) for term, found in words.items()]
    return replace(question, concepts=concepts), tuple(notes)


def _translations(reply: str, terms: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the Chinese words of each term; anything else in a reply is left out."""
    found = json_object(reply)
    words: dict[str, tuple[str, ...]] = {}
    for term in terms:
        given = found.get(term)
        listed = [given] if isinstance(given, str) else given if isinstance(given, list) else []
        chinese = [fold(word.strip()) for word in listed if isinstance(word, str)]
        usable = [word for word in chinese if re.fullmatch("[一-鿿]{2,8}", word)][:TERM_WORDS]
        if usable:
            words[term] = tuple(usable)
    return words


def json_object(reply: str) -> Mapping[str, object]:
    """Return the JSON object in a reply, whatever stands around it; empty if there is none."""
    match = OBJECT.search(reply)
    try:
        value = json.loads(match[0]) if match else {}
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
