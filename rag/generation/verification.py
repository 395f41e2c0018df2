"""The verified form of what a model wrote: each statement borne out by the sources it cites, or marked, or left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rag import lexicon
from rag.answering.quoting import quote_span
from rag.citations import Marker
from rag.folding import fold
from rag.generation.checks import Fault, faults_of
from rag.generation.numbers import number_fault, numbers_in
from rag.generation.overlap import ENOUGH_CLAUSE, borne_out, concepts_of, pairs, says_nothing
from rag.generation.quotations import Quotation, quotations, repaired
from rag.generation.sources import Source
from rag.generation.statements import Line, Statement, read_lines
from rag.generation.wording import reason, short, told
from rag.questions import Gazetteer
from rag.questions.scope import find_mentions
from rag.retrieval import Sentence
from rag.retrieval.matching import mention_strength
from rag.types import Citation, Language, Paragraph, ReportMeta, StatementCheck

ENOUGH_TO_MATCH = 0.5
"""Share of a statement's content that a source must hold to be cited for it where the model cites no right one."""
MATCHES_TRIED = 4
LONGEST_STATEMENT = 1000
"""Characters; a sentence beyond them is a model that repeats itself, and takes long to check."""
TERMINAL = "。！？!?.；;，,：:"


@dataclass(frozen=True, slots=True)
class Verified:
    """A statement checked.

    Attributes:
        text: Its text, quotations repaired.
        claims: False if it states nothing and only introduces.
        sources: What bears it out; empty where it failed or claims nothing.
        faults: What is wrong with it.
        matched: True if its sources are not those that the model cited.
        quotations: Its quotations with their places.
        repairs: (as written, as stored) of every quotation repaired.
    """

    text: str
    claims: bool
    sources: tuple[Source, ...]
    faults: tuple[Fault, ...] = ()
    matched: bool = False
    quotations: tuple[Quotation, ...] = ()
    repairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class VerifiedReply:
    """A reply checked.

    Attributes:
        text: Markdown with [n] markers.
        citations: Citations by marker.
        notes: What was marked, left out, matched or repaired.
        statements: How many statements claim something, and how many of those failed.
    """

    text: str
    citations: tuple[Citation, ...]
    notes: tuple[str, ...]
    statements: StatementCheck


def verify(
    reply: str,
    sources: Mapping[str, Source],
    gazetteer: Gazetteer,
    language: Language,
    unverified: Literal["flag", "drop"] = "flag",
    *,
    planned: bool = False,
) -> VerifiedReply:
    """Check a reply, statement by statement.

    Args:
        reply: What the model wrote.
        sources: What it was shown, by id.
        gazetteer: The names of the corpus.
        language: The language of the answer.
        unverified: Statements that fail are marked as unverified, or left out.
        planned: True if plans are asked for.
    """
    lines = read_lines(reply)
    checked = [
        [_checked(statement, sources, gazetteer, language, planned) for statement in line.statements] for line in lines
    ]
    marker = Marker()
    shown = [_line(line, verified, marker, language, unverified) for line, verified in zip(lines, checked, strict=True)]
    every = [verified for line in checked for verified in line]
    unknown = [name for line in lines for statement in line.statements for name in statement.ids if name not in sources]
    notes = [told(language, "unknown_markers", ids=", ".join(dict.fromkeys(unknown)))] if unknown else []
    for verified in every:
        notes.extend(_notes(verified, language, unverified))
    return VerifiedReply(
        text=_joined(shown),
        citations=marker.citations,
        notes=tuple(dict.fromkeys(notes)),
        statements=StatementCheck(
            made=sum(verified.claims for verified in every),
            unverified=sum(bool(verified.faults) for verified in every),
        ),
    )


def _checked(
    statement: Statement, sources: Mapping[str, Source], gazetteer: Gazetteer, language: Language, planned: bool
) -> Verified:
    if len(statement.text) > LONGEST_STATEMENT:
        return Verified(statement.text, True, (), (Fault("length"),))
    cited = [sources[name] for name in statement.ids if name in sources]
    others = [source for source in sources.values() if source not in cited]
    found = tuple(quotations(statement.text, cited, others))
    altered = tuple(Fault("quote", short(quotation.text)) for quotation in found if quotation.source is None)
    text = repaired(statement.text, found)
    if altered:
        return Verified(text, True, (), altered)
    repairs = tuple((item.text, item.stored) for item in found if item.stored and item.stored != item.text)
    found = tuple(quotations(text, cited, others))
    quoted = [quotation.source for quotation in found if quotation.source]
    if _introduces(statement, text, found, gazetteer, language):
        return Verified(text, False, ())
    given = list(dict.fromkeys([*cited, *quoted]))
    faults = faults_of(text, given, gazetteer, language, planned) if given else [Fault("no_evidence")]
    if not faults:
        return Verified(
            text, True, _needed(text, given, quoted, gazetteer, language, planned), (), not cited, found, repairs
        )
    match = None if quoted else _match(text, others if cited else list(sources.values()), gazetteer, language, planned)
    if match:
        return Verified(text, True, (match,), (), True, found)
    return Verified(text, True, (), tuple(faults))


def _introduces(
    statement: Statement, text: str, found: Sequence[Quotation], gazetteer: Gazetteer, language: Language
) -> bool:
    """Tell whether a statement only introduces (青石街道2023年的情况如下：) and has nothing to be checked."""
    if statement.ids or found or not text.strip():
        return not text.strip()
    mention = find_mentions(text, gazetteer, language)
    if mention.unknown_offices or lexicon.cue("generation", "universal").search(fold(text)):
        return False
    return not numbers_in(text, language) and says_nothing(mention.rest, language) and text.rstrip()[-1:] in "：:"


def _needed(
    text: str,
    given: Sequence[Source],
    quoted: Sequence[Source],
    gazetteer: Gazetteer,
    language: Language,
    planned: bool,
) -> tuple[Source, ...]:
    """Return the sources without those that a statement does not need and has nothing in common with."""
    kept = list(given)
    for source in given:
        rest = [other for other in kept if other is not source]
        alone = borne_out(fold(text), source.folded, language)
        if (
            rest
            and source not in quoted
            and alone < ENOUGH_CLAUSE
            and not faults_of(text, rest, gazetteer, language, planned)
        ):
            kept = rest
    return tuple(kept)


def _match(
    text: str, sources: Sequence[Source], gazetteer: Gazetteer, language: Language, planned: bool
) -> Source | None:
    """Return the source that bears a statement out whole, the likeliest first."""
    bare = find_mentions(text, gazetteer, language).rest
    likely = sorted(sources, key=lambda source: -borne_out(bare, source.folded, language))
    for source in likely[:MATCHES_TRIED]:
        if borne_out(bare, source.folded, language) < ENOUGH_TO_MATCH:
            return None
        if not says_nothing(bare, language) and not faults_of(text, [source], gazetteer, language, planned):
            return source
    return None


def _line(
    line: Line, verified: Sequence[Verified], marker: Marker, language: Language, unverified: Literal["flag", "drop"]
) -> str | None:
    """Return a line as shown; None if all it said is left out."""
    kept = [item for item in verified if not (item.faults and unverified == "drop")]
    if verified and not kept:
        return None
    return line.prefix + "".join(_shown(item, marker, language) for item in kept).rstrip()


def _shown(verified: Verified, marker: Marker, language: Language) -> str:
    text = verified.text.rstrip()
    space = verified.text[len(text) :]
    stop = len(text) - len(text.rstrip(TERMINAL))
    body, end = (text[:-stop], text[-stop:]) if stop else (text, "")
    if verified.faults:
        return f"{body}{told(language, 'flag')}{end}{space}"
    numbers = [marker.cite(*place).marker for place in _places(verified, language)]
    markers = "".join(f"[{number}]" for number in dict.fromkeys(numbers))
    gap = " " if language == "en" and markers else ""
    return f"{body}{gap}{markers}{end}{space}"


def _places(verified: Verified, language: Language) -> list[tuple[ReportMeta, Paragraph, int, int]]:
    """Return what to cite for a statement: in each source its quotations, its numbers, or the nearest sentence."""
    places = []
    for source in verified.sources:
        for sentence, around in _cited_sentences(verified, source, language):
            start, end = quote_span(sentence, around)
            places.append((source.passage.report, source.passage.paragraph, start, end))
    return places


def _cited_sentences(verified: Verified, source: Source, language: Language) -> list[tuple[Sentence, tuple[int, int]]]:
    chosen: dict[Sentence, tuple[int, int]] = {}
    for quotation in verified.quotations:
        if quotation.source is source:
            for sentence in source.sentences:
                start, end = max(sentence.start, quotation.place[0]), min(sentence.end, quotation.place[1])
                if start < end:
                    chosen.setdefault(sentence, (start - sentence.start, end - sentence.start))
    for number in numbers_in(verified.text, language):
        holding = [item for item in source.sentences if number_fault(verified.text, number, [item], language) is None]
        if holding and not any(sentence in chosen for sentence in holding):
            best = max(holding, key=lambda sentence: _nearness(verified.text, sentence, language))
            place = best.text.find(verified.text[number.start : number.end])
            chosen[best] = (max(0, place), max(1, place + number.end - number.start))
    if not chosen:
        best = max(source.sentences, key=lambda sentence: _nearness(verified.text, sentence, language))
        chosen[best] = _focus(verified.text, best, language)
    return sorted(chosen.items(), key=lambda item: item[0].start)


def _nearness(text: str, sentence: Sentence, language: Language) -> float:
    wanted = pairs(text)
    by_pair = sum(pair in sentence.folded for pair in wanted) / len(wanted) if wanted else 0.0
    return by_pair + sum(mention_strength(concept, sentence.folded) for concept in concepts_of(text, language))


def _focus(text: str, sentence: Sentence, language: Language) -> tuple[int, int]:
    places = (place for concept in concepts_of(text, language) for place in concept.positions(sentence.folded))
    return next(places, (0, 1))


def _notes(verified: Verified, language: Language, unverified: Literal["flag", "drop"]) -> list[str]:
    notes = []
    if verified.faults:
        separator = "；" if language == "zh" else "; "
        reasons = separator.join(reason(language, "reasons", fault.kind, fault.detail) for fault in verified.faults)
        key = "unverified" if unverified == "flag" else "dropped"
        notes.append(told(language, key, statement=short(verified.text), reasons=reasons))
    elif verified.matched:
        notes.append(told(language, "matched", statement=short(verified.text)))
    notes.extend(told(language, "repaired", quote=quote, stored=stored) for quote, stored in verified.repairs)
    return notes


def _joined(lines: Sequence[str | None]) -> str:
    """Join lines; empty lines left over by what is left out fall together."""
    text = "\n".join(line for line in lines if line is not None).strip()
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text
