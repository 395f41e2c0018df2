"""What may be wrong with a statement, given the sources it rests on. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import rjieba

from rag import lexicon
from rag.folding import fold
from rag.generation.claim_words import misattributed, strange_claims
from rag.generation.numbers import YEAR, number_fault, numbers_in
from rag.generation.overlap import ENOUGH_CLAUSE, absent_terms, borne_out
from rag.generation.polarity import polarity_fault
from rag.generation.quotations import without_quotations
from rag.generation.sources import Source
from rag.questions import Gazetteer, short_name
from rag.questions.dictionary import translations
from rag.questions.scope import find_mentions
from rag.quotes import occurrences, prepare_quote
from rag.retrieval import Sentence
from rag.retrieval.matching import is_instruction
from rag.types import Language, SectionKind

SEGMENT = re.compile(r"[，;；]\s*|,(?!\d)\s*|\s+(?:and|but|while|whereas)\s+")
LINK = re.compile(r"(?:https?://|www\.)[^\s，。）)]+", re.IGNORECASE)
NAME_TAGS = ("nr", "ns", "nt", "eng")
LEAST_COPIED = 6
"""Characters from which a clause counts as copied; fewer may be anybody's words."""
CAPITALISED = re.compile(r"[A-Z][\w’'-]*(?:\s+[A-Z][\w’'-]*)*")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a statement; ``kind`` is a key of the reasons in ``wording.yaml``."""

    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a statement that is about one office and year.

    Attributes:
        text: The part.
        bare: The part with names of offices, years and quotations blanked out, folded.
        sources: The cited sources that are of that office and year.
    """

    text: str
    bare: str
    sources: tuple[Source, ...]

    @property
    def sentences(self) -> list[Sentence]:
        """What its sources say."""
        return [sentence for source in self.sources for sentence in source.sentences]

    @property
    def evidence(self) -> str:
        """What its sources say, folded, with headings, offices and years."""
        return " ".join(source.folded for source in self.sources)


def faults_of(
    text: str, cited: Sequence[Source], gazetteer: Gazetteer, language: Language, planned: bool = False
) -> list[Fault]:
    """Return what is wrong with a statement that rests on the sources given; quotations are checked elsewhere.

    Args:
        text: The statement.
        cited: The sources; at least one.
        gazetteer: The names of the corpus.
        language: The statement's language.
        planned: True if plans are asked for, so that one may be told without saying that it is one.
    """
    found = list(_of_whole(text, cited))
    segments, scope_faults = _segments(text, cited, gazetteer, language)
    found.extend(scope_faults)
    if scope_faults:
        return found
    for segment in segments:
        found.extend(_of_segment(segment, text, language))
    return [fault for fault in dict.fromkeys(found) if not (planned and fault.kind == "planned")]


def _of_whole(text: str, cited: Sequence[Source]) -> Iterator[Fault]:
    folded, evidence = fold(text), " ".join(source.folded for source in cited)
    if is_instruction(folded):
        yield Fault("instruction")
    if any(link[0].lower() not in evidence for link in LINK.finditer(text)):
        yield Fault("link")
    universal = lexicon.cue("generation", "universal").search(fold(without_quotations(text)))
    if universal and universal[0] not in evidence:
        yield Fault("universal")


def _of_segment(segment: Segment, whole: str, language: Language) -> Iterator[Fault]:
    sentences = segment.sentences
    polarity = polarity_fault(segment.bare, whole, sentences, language)
    if any(_stands_whole(segment.text, source) or _stands_whole(whole, source) for source in segment.sources):
        # Copied clause by clause: only a plan copied as if it were done can mislead.
        if polarity == "planned":
            yield Fault(polarity)
        return
    for number in numbers_in(segment.text, language):
        fault = number_fault(segment.text, number, sentences, language)
        if fault and segment.text[number.start : number.end] not in _headings(segment.sources):
            yield Fault(f"number_{fault}", segment.text[number.start : number.end])
    for term in absent_terms(segment.bare, segment.evidence, language):
        yield Fault("term", term)
    for claim in strange_claims(segment.bare, segment.evidence, language):
        yield Fault("term", claim)
    for term in misattributed(segment.bare, sentences, language):
        yield Fault("term", term)
    for name in _strange_names(segment, language):
        yield Fault("name", name)
    if polarity:
        yield Fault(polarity)
    if borne_out(segment.bare, segment.evidence, language) < ENOUGH_CLAUSE:
        yield Fault("no_evidence")


def _stands_whole(text: str, source: Source) -> bool:
    """Tell whether a text is copied from one clause border of a source to another, so that no 不 before it is lost."""
    copied = prepare_quote(text)
    if len(copied.core) < LEAST_COPIED:
        return False
    shown = source.text
    return any(
        not (shown[start].isalnum() and shown[max(0, start - 1) : start].isalnum())
        and not (shown[end - 1].isalnum() and shown[end : end + 1].isalnum())
        for start, end, _ in occurrences(copied, shown)
    )


def _headings(sources: Sequence[Source]) -> str:
    return " ".join(" ".join(source.passage.paragraph.path) for source in sources)


def _segments(
    text: str, cited: Sequence[Source], gazetteer: Gazetteer, language: Language
) -> tuple[list[Segment], list[Fault]]:
    """Cut a statement into segments, each with the sources of the office and year that it or the one before names."""
    mention = find_mentions(text, gazetteer, language)
    faults = [Fault("office", name) for name in mention.unknown_offices if not _said(name, cited)]
    whole_years = _years(text)
    offices: tuple[tuple[str, str | None], ...] = mention.offices if len(mention.offices) == 1 else ()
    years: tuple[int, ...] = whole_years if len(whole_years) == 1 else ()
    segments = []
    for start, end in _parts(text):
        part = text[start:end]
        named = find_mentions(part, gazetteer, language)
        offices, years = named.offices or offices, _years(part) or years
        of_office = [source for source in cited if _of_office(source, offices)]
        of_year = tuple(source for source in of_office if _of_year(source, years))
        if not of_office:
            faults.append(Fault("office", short_name(offices[0][0])))
        elif not of_year:
            faults.append(Fault("year", str(years[0])))
        bare = YEAR.sub(lambda match: " " * len(match[0]), fold(without_quotations(named.rest)))
        segments.append(Segment(part, bare, of_year))
    return segments, faults


def _parts(text: str) -> list[tuple[int, int]]:
    borders = [0, *(match.end() for match in SEGMENT.finditer(text)), len(text)]
    return [(start, end) for start, end in zip(borders, borders[1:], strict=False) if start < end]


def _years(text: str) -> tuple[int, ...]:
    return tuple(int(match[1]) for match in YEAR.finditer(fold(text)))


def _said(name: str, cited: Sequence[Source]) -> bool:
    return any(fold(name) in source.folded for source in cited)


def _of_office(source: Source, offices: Sequence[tuple[str, str | None]]) -> bool:
    report = source.passage.report
    return not offices or any(
        (report.office == office and region in (None, report.region)) or short_name(office) in source.folded
        for office, region in offices
    )


def _of_year(source: Source, years: Sequence[int]) -> bool:
    return not years or any(_tells_of(source, year) for year in years)


def _tells_of(source: Source, year: int) -> bool:
    """Tell whether a source is about a year: its report's, one it names, or next year in a plan."""
    report, paragraph = source.passage.report, source.passage.paragraph
    return (
        report.year == year
        or str(year) in fold(source.text) + source.passage.heading
        or any(sentence.names_year(year) for sentence in source.sentences)
        or (report.year == year - 1 and paragraph.section_kind is SectionKind.PLAN)
    )


def _strange_names(segment: Segment, language: Language) -> Iterator[str]:
    """Yield names of persons, places and bodies that the evidence does not hold."""
    evidence = segment.evidence
    if language == "zh":
        for word, tag in rjieba.tag(segment.bare):
            if tag in NAME_TAGS and len(word) > 1 and word.lower() not in evidence:
                yield word
        return
    for match in CAPITALISED.finditer(segment.text):
        blanked = not segment.bare[match.start() : match.end()].strip()
        if not blanked and match.start() and not _known_english(match[0], evidence):
            yield match[0]


def _known_english(name: str, evidence: str) -> bool:
    joined = re.sub(r"[^a-z]", "", name.lower())
    if joined in evidence or joined in _pinyin(evidence):
        return True
    filler = lexicon.cue("generation", "english_filler")
    return all(filler.fullmatch(word.lower()) or translations(word.lower()) for word in re.findall(r"[\w-]+", name))


@lru_cache(maxsize=512)
def _pinyin(text: str) -> str:
    from pypinyin import lazy_pinyin

    return "".join(lazy_pinyin(text)).lower()
