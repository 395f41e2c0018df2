"""What the model is shown: paragraphs under distinctive ids, fenced, without text addressed to software, cut to fit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rag.answering.wording import report_name
from rag.chunking import count_tokens
from rag.folding import fold
from rag.retrieval import Passage, Sentence
from rag.retrieval.matching import is_instruction
from rag.types import Language

ID_DIGITS = 4
FENCES = str.maketrans({"<": "〈", ">": "〉"})
"""Text that looks like a fence can't close one."""


@dataclass(frozen=True)
class Source:
    """A paragraph as the model sees it.

    Attributes:
        id: ``S`` and hexadecimal digits, from what it is, so that a model can't guess it by counting.
        passage: The paragraph.
        sentences: The sentences shown; text addressed to software, and what follows it, is not among them.
        instruction: True if something was left out for that.
    """

    id: str
    passage: Passage
    sentences: tuple[Sentence, ...]
    instruction: bool = False

    @property
    def start(self) -> int:
        """Offset in the paragraph of the first character shown."""
        return self.sentences[0].start

    @property
    def end(self) -> int:
        """Offset in the paragraph after the last character shown."""
        return self.sentences[-1].end

    @property
    def text(self) -> str:
        """The text shown."""
        return self.passage.paragraph.text[self.start : self.end]

    @cached_property
    def folded(self) -> str:
        """All that may bear out a statement: text, headings, office, region and year, folded."""
        report = self.passage.report
        told = " ".join(filter(None, (report.office, *report.office_variants, report.region, str(report.year or ""))))
        return f"{fold(self.text)} {self.passage.heading} {fold(told)}"

    def shown(self, language: Language) -> str:
        """Return it fenced."""
        title = "｜".join((report_name(self.passage.report, language), *self.passage.paragraph.path))
        header = f"{self.passage.header}\n" if self.passage.header not in ("", self.passage.paragraph.text) else ""
        body = f"{title}\n{header}{self.text}".translate(FENCES)
        return f"<<<{self.id}\n{body}\n{self.id}>>>"


def number_sources(passages: Iterable[Passage]) -> tuple[Source, ...]:
    """Return sources with ids of their own, in the order given; a paragraph that shows nothing is left out."""
    found: dict[str, Source] = {}
    seen: set[tuple[str, int]] = set()
    for passage in passages:
        place = (passage.report.id, passage.paragraph.number)
        sentences = _reporting(passage)
        if place in seen or not sentences:
            continue
        seen.add(place)
        digest = hashlib.sha256(f"{place[0]}-p{place[1]}".encode()).hexdigest()
        digits = next(n for n in range(ID_DIGITS, len(digest)) if f"S{digest[:n]}" not in found)
        name = f"S{digest[:digits]}"
        found[name] = Source(name, passage, sentences, len(sentences) < len(passage.sentences))
    return tuple(found.values())


def fit(sources: Sequence[Source], language: Language, budget: int) -> dict[str, Source]:
    """Return as many sources, first first, as a token budget holds; the last one is cut between sentences."""
    kept: dict[str, Source] = {}
    for source in sources:
        cost = count_tokens(source.shown(language)) + 2
        while cost > budget and len(source.sentences) > 1:
            source = Source(source.id, source.passage, source.sentences[:-1], source.instruction)
            cost = count_tokens(source.shown(language)) + 2
        if cost > budget:
            break
        kept[source.id] = source
        budget -= cost
    return kept


def fenced(sources: Mapping[str, Source], language: Language) -> str:
    """Return sources as they stand in a prompt."""
    return "\n\n".join(source.shown(language) for source in sources.values())


def _reporting(passage: Passage) -> tuple[Sentence, ...]:
    """Return the sentences before any that addresses software: what follows one in its paragraph may belong to it."""
    sentences = passage.sentences
    place = next((n for n, sentence in enumerate(sentences) if is_instruction(sentence.folded)), len(sentences))
    return sentences[:place]
