"""What a question is about: the field's concepts it names, and the words it uses beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

import rjieba

from rag import lexicon
from rag.folding import fold
from rag.questions.dictionary import translations
from rag.types import Language

LATIN = re.compile("[a-z]")
ConceptKind = Literal["lexicon", "quoted", "word", "light", "section", "translated", "context"]
ASKING = lexicon.cue("scope", "asking")
MEASURED = lexicon.cue("scope", "measured")
CONTENT_TAGS = ("n", "v", "a", "i", "l", "j", "z", "eng", "m")
"""First letters of rjieba's part-of-speech tags that carry content (nouns, verbs, adjectives, idioms, numerals)."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing a question is about.

    Attributes:
        name: As worded in the question.
        words: Folded Chinese forms; any of them in a text is a mention. Empty if no Chinese form is known.
        kind: ``lexicon`` from the field's vocabulary, ``quoted`` from quotation marks, ``word`` any other
            content word, ``light`` a verb that says little by itself, ``section`` a word that only points at a
            kind of section (不足, 计划), ``translated`` an English word by what a general dictionary says,
            ``context`` carried over from an earlier question.
        affirms: Sentences matching it affirm the concept without naming it, or None.
        denies: Sentences matching it deny the concept without naming it, or None.
        stated: The alternatives of both, each by itself: over a long text three times as fast to look for.
        start: Where it stands in the question, or -1.
    """

    name: str
    words: tuple[str, ...]
    kind: ConceptKind
    affirms: re.Pattern[str] | None = None
    denies: re.Pattern[str] | None = None
    stated: tuple[re.Pattern[str], ...] = field(default=(), compare=False)
    start: int = field(default=-1, compare=False)

    @property
    def is_term(self) -> bool:
        """True if it is a term of the field, or quoted, and no everyday word."""
        return self.kind in ("lexicon", "quoted")

    def mentioned(self, folded: str) -> bool:
        """Tell whether a folded text mentions the concept by name."""
        return any(word in folded for word in self.words)

    def positions(self, folded: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of the mentions in a folded text, longest form first, without overlaps."""
        taken: list[tuple[int, int]] = []
        for word in self.words:
            start = folded.find(word)
            while start >= 0:
                end = start + len(word)
                if all(end <= other_start or start >= other_end for other_start, other_end in taken):
                    taken.append((start, end))
                    yield start, end
                start = folded.find(word, end)


@dataclass(frozen=True, slots=True)
class _Entry:
    words: tuple[str, ...]
    kind: ConceptKind
    requires: re.Pattern[str] | None
    affirms: re.Pattern[str] | None
    denies: re.Pattern[str] | None
    stated: tuple[re.Pattern[str], ...]

    def concept(self, name: str) -> Concept:
        # The very form asked for comes first: it decides between places that use different forms.
        words = (name, *(word for word in self.words if word != name)) if name in self.words else self.words
        return Concept(name, words, self.kind, self.affirms, self.denies, self.stated)


def _alternation(patterns: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None


@cache
def _vocabulary() -> tuple[dict[str, _Entry], dict[str, _Entry]]:
    """Return the concepts by their Chinese and by their English question forms."""
    chinese: dict[str, _Entry] = {}
    english: dict[str, _Entry] = {}
    for group in lexicon.load("concepts"):
        words = tuple(sorted({fold(word) for word in group["words"]}, key=lambda word: (-len(word), word)))
        kind: ConceptKind = "section" if "section" in group else group.get("kind", "lexicon")
        requires = re.compile(group["requires"]) if "requires" in group else None
        affirms, denies = group.get("affirms", []), group.get("denies", [])
        stated = tuple(map(re.compile, (*affirms, *denies)))
        entry = _Entry(words, kind, requires, _alternation(affirms), _alternation(denies), stated)
        for form in (*words, *(fold(form) for form in group.get("ask", ()))):
            chinese.setdefault(form, entry)
        for form in group.get("en", ()):
            english.setdefault(form.lower(), entry)
    return chinese, english


def load_vocabulary() -> None:
    """Build what a first question would wait for: patterns of the field's terms, the segmenter's unknown words."""
    find_concepts("件工单 law", "en")  # 工单 is in no dictionary of the segmenter


def field_concepts() -> list[Concept]:
    """Return the concepts of the field's vocabulary, each once."""
    chinese, english = _vocabulary()
    entries = {id(entry): entry for entry in (*chinese.values(), *english.values())}
    return [entry.concept(entry.words[0]) for entry in entries.values() if entry.words]


@cache
def _chinese() -> tuple[dict[str, _Entry], re.Pattern[str]]:
    """Return the concepts by Chinese form, and a pattern that prefers longer ones."""
    forms, _ = _vocabulary()
    return forms, re.compile("|".join(map(re.escape, _longest_first(forms))))


@cache
def _english() -> tuple[list[_Entry], re.Pattern[str]]:
    """Return the concepts in the order of their groups in a pattern of the English forms; longer ones come first."""
    _, entries = _vocabulary()
    forms = _longest_first(entries)
    return [entries[form] for form in forms], _english_pattern(forms)


@cache
def _unlettered() -> list[str]:
    """Return the English forms without a letter (12345)."""
    return [form for form in _vocabulary()[1] if not LATIN.search(form)]


def _longest_first(forms: Iterable[str]) -> list[str]:
    return sorted(forms, key=len, reverse=True)


def _english_pattern(forms: Sequence[str]) -> re.Pattern[str]:
    """Match each form as whole words, hyphens and spaces alike, the last word in singular or plural.

    Only forms that begin with the character at hand are tried, in their order.
    """
    alternatives: dict[str, list[str]] = {}
    for index, form in enumerate(forms):
        stem, ending = (form[:-1], "(?:y|ies)") if form.endswith("y") else (form, "(?:s|es|ed|d|ing)?")
        text = re.sub(r"(\\ |\\-|-| )", r"[\\s-]", re.escape(stem))
        alternatives.setdefault(re.escape(form[0]), []).append(rf"(?P<f{index}>{text}{ending}\b)")
    return re.compile(
        r"\b(?:" + "|".join(f"(?={first})(?:{'|'.join(some)})" for first, some in alternatives.items()) + ")"
    )


def find_concepts(text: str, language: Language) -> tuple[tuple[Concept, ...], str]:
    """Return the concepts of a question in order, and the question without the field's concepts in it.

    In the rest stand the words that say how the concepts are asked about (没有, lack), not those inside a
    concept's own name (首违不罚, short-staffed); words that only point at a kind of section stay.

    Args:
        text: The question, with what names its scope replaced by spaces.
        language: The question's language; Chinese words inside an English question are found too.
    """
    folded = fold(text)
    found: list[tuple[int, Concept]] = []
    folded = _take_quoted(folded, found)
    folded = _take_chinese(folded, found)
    if language == "en":
        folded = _take_english(folded, found)
    else:
        _take_english(folded, found)
    rest = fold(text)
    for start, concept in found:
        if concept.kind == "lexicon":
            rest = _blank(rest, start, start + len(concept.name))
    found.extend(_remaining_words(folded, language))
    return _unique(found), rest


def _take_quoted(folded: str, found: list[tuple[int, Concept]]) -> str:
    """Take what stands in quotation marks or 《》 as one concept each."""
    for match in re.finditer(r"[\"']([^\"']*[一-鿿][^\"']*)[\"']|《([^》]+)》", folded):
        content = (match[1] or match[2]).strip()
        if content:
            found.append((match.start(), Concept(content, (content,), "quoted")))
            folded = _blank(folded, match.start(), match.end())
    return folded


def _take_chinese(folded: str, found: list[tuple[int, Concept]]) -> str:
    forms, pattern = _chinese()
    for match in pattern.finditer(folded):
        found.append((match.start(), forms[match[0]].concept(match[0])))
        folded = _blank(folded, match.start(), match.end())
    return folded


def _take_english(folded: str, found: list[tuple[int, Concept]]) -> str:
    if not (LATIN.search(folded) or any(form in folded for form in _unlettered())):
        return folded  # compiling the pattern takes 0.1 s
    entries, pattern = _english()
    whole = folded
    for match in pattern.finditer(whole):
        # Plural and spelling may differ from the form, so the group that matched tells it.
        entry = entries[int((match.lastgroup or "f0")[1:])]
        if entry.requires and not entry.requires.search(whole):
            continue
        found.append((match.start(), entry.concept(match[0])))
        folded = _blank(folded, match.start(), match.end())
    return folded


def _remaining_words(folded: str, language: Language) -> Iterator[tuple[int, Concept]]:
    """Yield the content words that no lexicon entry covers."""
    words = lexicon.load("questions")
    stop, light = set(words["stop"]["zh"]), set(words["light_verbs"]["zh"])
    folded = lexicon.cue("scope", "noise").sub(lambda match: " " * len(match[0]), folded)
    position = 0
    for word, tag in rjieba.tag(folded):
        start = folded.find(word, position)
        position = start + len(word)
        if not re.search(r"[一-鿿]|\d", word) or word in stop or not tag.startswith(CONTENT_TAGS):
            continue
        if ASKING.search(word):
            continue
        if len(word) > 2 and MEASURED.search(folded[: start + 1]):
            start, word = start + 1, word[1:]
        if tag.startswith("m") and not re.search(r"\d{2,}|[一-鿿]{2,}", word):
            continue
        if len(word) == 1 and not tag.startswith("n"):
            continue
        verb = tag.startswith(("v", "a", "d", "m")) and not tag.startswith(("vn", "an"))
        yield start, Concept(word, (word,), "light" if verb or word in light else "word")
    if language == "en":
        yield from _english_words(folded)


def _english_words(folded: str) -> Iterator[tuple[int, Concept]]:
    """Yield the English content words, pairs that the dictionary knows as one meaning first."""
    stop = {str(word) for word in lexicon.load("questions")["stop"]["en"]}
    words = [
        (match.start(), match[0])
        for match in re.finditer(r"[a-z][a-z-]{2,}", folded.replace("'s", "  "))
        if match[0].strip("-") not in stop
    ]
    index = 0
    while index < len(words):
        start, word = words[index]
        pair = f"{word} {words[index + 1][1]}" if index + 1 < len(words) else ""
        adjacent = pair and folded[start : start + len(pair)] == pair
        meanings = translations(pair) if adjacent else ()
        index += 2 if meanings else 1
        yield start, Concept(pair if meanings else word, meanings or translations(word), "translated")


def _unique(found: list[tuple[int, Concept]]) -> tuple[Concept, ...]:
    unique: dict[tuple[str, ...] | str, Concept] = {}
    for start, concept in sorted(found, key=lambda item: item[0]):
        key = tuple(sorted(concept.words)) or concept.name
        unique.setdefault(key, replace(concept, start=start))
    return tuple(unique.values())


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]
