"""How well a sentence answers a question, by the concepts it mentions. Pure functions."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

from rag import lexicon
from rag.questions import Concept, Question
from rag.retrieval.passages import Passage, Sentence
from rag.retrieval.report_text import ReportText
from rag.types import ParagraphKind, SectionKind

KIND_WEIGHT = {
    "lexicon": 1.0,
    "quoted": 1.3,
    "word": 0.8,
    "light": 0.25,
    "section": 0.0,
    "translated": 0.5,
    "context": 0.4,
}
SYNONYM = 0.95
IMPLIED = 0.9
PART = 0.5
"""Share of a word's pairs of characters that makes a mention in part."""
SOFT = 0.7
ALL_CHARACTERS = SOFT * 0.7
"""Strength of a mention by all characters of a word, wherever they stand (红黄蓝 for 红色…黄色…蓝色)."""
NEARBY = 0.45
LEAST_TERM_WEIGHT = 1.0
"""A term of the field counts, even where every report mentions it."""
ABSENT_SHARE = 0.6
ABSENT_TERM_WEIGHT = 7.0
ABSENT_WORD_WEIGHT = {"word": 2.0, "light": 0.5, "translated": 0.8, "context": 0.4}
"""Weights of what stands in no report: it can't be met, so it lowers trust."""
DATE = lexicon.cue("asked", "date")
PERSON = lexicon.cue("asked", "person")
FREQUENCY = lexicon.cue("asked", "frequency")
LISTING = lexicon.cue("asked", "listing")
TYPE_CUES = {"when": DATE, "person": PERSON, "frequency": FREQUENCY}
FIGURE_BONUS, LISTING_BONUS, TYPE_BONUS = 0.15, 0.15, 0.1
ROUNDING = 1e-9
"""What sums of the same terms in another order may differ by, and much more."""


@dataclass(frozen=True)
class Weighted:
    """A concept, how much it counts in this corpus, and whether any report mentions it."""

    concept: Concept
    weight: float
    present: bool = True


@dataclass(frozen=True)
class Match:
    """A sentence scored.

    Attributes:
        sentence: The sentence.
        coverage: Share of the question's weight that it meets, itself or through its surroundings, 0–1.
        direct: Share that it meets by its own words, 0–1.
        score: Coverage with what its form and place add; comparable within one question.
    """

    sentence: Sentence
    coverage: float
    direct: float
    score: float


def weigh(question: Question, rarity: Callable[[Concept], float | None]) -> tuple[Weighted, ...]:
    """Weigh a question's concepts by kind and rarity.

    A word of everyday language that stands in no report says little: the reports may put it otherwise. A term of
    the field, or a quoted one, that stands in none says that they do not speak of it.
    """
    weighted = []
    for concept in question.concepts:
        if concept.kind == "section":
            continue
        known = rarity(concept) if concept.words else None
        if known is not None:
            least = LEAST_TERM_WEIGHT if concept.is_term else 0.0
            weight = KIND_WEIGHT[concept.kind] * max(known, least)
        else:
            weight = ABSENT_TERM_WEIGHT if concept.is_term else ABSENT_WORD_WEIGHT[concept.kind]
        weighted.append(Weighted(concept, weight, known is not None))
    heaviest = max((item.weight for item in weighted if item.present), default=ABSENT_TERM_WEIGHT)
    return tuple(_no_heavier_than_known(item, heaviest) for item in weighted)


def _no_heavier_than_known(item: Weighted, heaviest: float) -> Weighted:
    """Keep an absent everyday word lighter than the heaviest that is known, in a small corpus too."""
    if item.present or item.concept.is_term:
        return item
    return Weighted(item.concept, min(item.weight, ABSENT_SHARE * heaviest), present=False)


def mention_strength(concept: Concept, folded: str) -> float:
    """Return 1 for the very form asked for, a little less for a synonym, a share for part of a word, else 0."""
    words = concept.words
    if not words:
        return 0.0
    if words[0] in folded:
        return 1.0
    for word in words[1:]:  # not any(): a generator for each would cost more than the searching
        if word in folded:
            return SYNONYM
    if (concept.affirms and concept.affirms.search(folded)) or (concept.denies and concept.denies.search(folded)):
        return IMPLIED
    if _counts_in_part(concept):
        share = share_named(words[0], folded)
        if share >= PART:
            return SOFT * share
        # 红黄蓝 for 红色…黄色…蓝色, 五步法 for 五步工作法
        return ALL_CHARACTERS if all(character in folded for character in words[0]) else 0.0
    return 0.0


def mention_strengths(concept: Concept, text: ReportText) -> dict[int, float]:
    """Return what ``mention_strength`` gives for each statement of a report, by its place, where that is not 0."""
    words = concept.words
    if not words:
        return {}
    strengths: dict[int, float] = {}
    if _counts_in_part(concept):
        pairs = bigrams(words[0])
        counts = Counter(place for pair in pairs for place in text.places_of([pair]))
        if all(character in text.folded for character in words[0]):
            everywhere = set.intersection(*(text.places_of([character]) for character in words[0]))
            strengths = dict.fromkeys(everywhere, ALL_CHARACTERS)
        for place, count in counts.items():
            share = count / len(pairs)
            if share >= PART:
                strengths[place] = SOFT * share
    for pattern in concept.stated:
        strengths.update(dict.fromkeys(text.places_matching(pattern), IMPLIED))
    strengths.update(dict.fromkeys(text.places_of(words[1:]), SYNONYM))
    strengths.update(dict.fromkeys(text.places_of(words[:1]), 1.0))
    return strengths


def share_named(word: str, folded: str) -> float:
    """Return how much of a word a folded text names: the share of its pairs of neighbouring characters, 0–1."""
    pairs = bigrams(word)
    return sum(pair in folded for pair in pairs) / len(pairs) if pairs else 0.0


@lru_cache(maxsize=4096)
def bigrams(word: str) -> frozenset[str]:
    """Return the pairs of neighbouring characters of a word."""
    return frozenset(word[index : index + 2] for index in range(len(word) - 1))


def _counts_in_part(concept: Concept) -> bool:
    """Tell whether a part of the concept's first form is a mention too."""
    return concept.kind in ("word", "quoted") and len(concept.words[0]) >= 3


@dataclass(frozen=True, slots=True)
class Prospect:
    """A statement that meets a question in part, before its sentences are looked at.

    Attributes:
        text: The report.
        place: The statement's place in it.
        around: How strongly it mentions each concept, 0–1.
        least: How strongly each of its sentences counts as mentioning it at least, through its surroundings.
        most: None of its sentences scores more.
    """

    text: ReportText
    place: int
    around: Sequence[float]
    least: Sequence[float]
    most: float

    @property
    def number(self) -> int:
        """Its paragraph number."""
        return self.text.row(self.place)[0]


@dataclass(frozen=True, slots=True)
class Met:
    """A sentence with what it meets of a question, before its form is looked at.

    Attributes:
        sentence: The sentence.
        coverage: As in ``Match``.
        direct: As in ``Match``.
        most: It does not score more.
    """

    sentence: Sentence
    coverage: float
    direct: float
    most: float


class PassageMatcher:
    """Scores the sentences of passages by one question's concepts.

    Args:
        weighted: The question's concepts with their weights.
        question: The question.
    """

    def __init__(self, weighted: Sequence[Weighted], question: Question) -> None:
        self._question = question
        self._concepts = [item.concept for item in weighted]
        self._weights = [item.weight for item in weighted]
        self._total = sum(self._weights)
        self._counts_in_part = [bool(concept.words) and _counts_in_part(concept) for concept in self._concepts]
        self._nothing = [0.0] * len(self._concepts)
        self._headings: dict[str, list[float]] = {}
        self._form_at_most = (
            (FIGURE_BONUS if "number" in question.asked else 0.0)
            + (LISTING_BONUS if "list" in question.asked else 0.0)
            + TYPE_BONUS * len(TYPE_CUES.keys() & question.asked)
        )

    def prospects(self, text: ReportText, kinds: Collection[SectionKind] = ()) -> list[Prospect]:
        """Return in order the statements of a report that meet the question, by their own text or by their heading.

        Args:
            text: The report.
            kinds: Of sections of these kinds; none named: of all.
        """
        if self._total <= 0:
            return []
        around: dict[int, list[float]] = {}
        for number, concept in enumerate(self._concepts):
            for place, strength in mention_strengths(concept, text).items():
                if place not in around:
                    around[place] = self._nothing.copy()
                around[place][number] = strength
        above: dict[int, list[float]] = {}
        known = self._headings
        for heading, places in text.headings.items():
            mentioned = known[heading] if heading in known else self._above(heading)
            if mentioned is not self._nothing:
                above.update(dict.fromkeys(places, mentioned))
        return [
            self._prospect(text, place, around.get(place, self._nothing), above.get(place, self._nothing))
            for place in sorted(around.keys() | above.keys())
            if not kinds or text.row(place)[-2] in kinds
        ]

    def _prospect(self, text: ReportText, place: int, around: Sequence[float], above: Sequence[float]) -> Prospect:
        _, written, kind, *_, section_kind, header = text.row(place)
        around, least = _with_heading(around, above, is_cell=bool(header) and header != written)
        coverage = 0.0
        for weight, near, nearby, in_part in zip(self._weights, around, least, self._counts_in_part, strict=True):
            # Of a word met in part, one of the sentences may hold all characters.
            own = ALL_CHARACTERS if in_part and 0 < near < ALL_CHARACTERS and not header else near
            coverage += weight * (own if own > nearby else nearby)
        by_form = self._form_at_most if any(around) else 0.0
        most = coverage / self._total + by_form + _place_bonus(section_kind, kind, self._question) + ROUNDING
        return Prospect(text, place, around, least, most)

    def met_by(self, prospect: Prospect) -> list[Met]:
        """Tell of every sentence of a statement how much of the question it meets; those that meet nothing are out."""
        return self._met(prospect.text.passage(prospect.place), prospect.around, prospect.least)

    def match(self, met: Met) -> Match:
        """Score a sentence."""
        score = met.coverage + _form(met.sentence, self._question, met.direct)
        return Match(met.sentence, met.coverage, met.direct, score)

    def matches_in(self, passage: Passage) -> list[Match]:
        """Score every sentence of one passage; none if it doesn't meet the question."""
        if self._total <= 0:
            return []
        around = [mention_strength(concept, passage.folded) for concept in self._concepts]
        is_cell = bool(passage.header) and passage.header != passage.paragraph.text
        return [
            self.match(met)
            for met in self._met(passage, *_with_heading(around, self._above(passage.heading), is_cell=is_cell))
        ]

    def _met(self, passage: Passage, around: Sequence[float], least: Sequence[float]) -> list[Met]:
        place_bonus = _place_bonus(passage.paragraph.section_kind, passage.paragraph.kind, self._question)
        found = []
        for sentence in passage.sentences:
            own = around if passage.header else self._own(sentence.folded, around)
            coverage = direct = 0.0
            for weight, strength, nearby in zip(self._weights, own, least, strict=True):
                coverage += weight * max(strength, nearby)
                direct += weight * strength
            coverage, direct = coverage / self._total, direct / self._total
            if coverage > 0:
                most = coverage + (self._form_at_most if direct > 0 else 0.0) + place_bonus + ROUNDING
                found.append(Met(sentence, coverage, direct, most))
        return found

    def _above(self, heading: str) -> list[float]:
        """Return how strongly a heading mentions each concept, ``_nothing`` itself if it mentions none.

        Many paragraphs share one.
        """
        if heading not in self._headings:
            mentioned = [mention_strength(concept, heading) for concept in self._concepts]
            self._headings[heading] = mentioned if any(mentioned) else self._nothing
        return self._headings[heading]

    def _own(self, folded: str, around: Sequence[float]) -> list[float]:
        """Return how strongly a sentence mentions each concept; what its whole paragraph lacks it lacks too."""
        return [
            mention_strength(concept, folded) if near else 0.0
            for concept, near in zip(self._concepts, around, strict=True)
        ]


def _with_heading(
    around: Sequence[float], above: Sequence[float], *, is_cell: bool
) -> tuple[Sequence[float], Sequence[float]]:
    """Return how strongly a passage mentions each concept, and how strongly each sentence counts as doing so at least.

    Args:
        around: How strongly the passage's own text mentions each concept.
        above: How strongly its heading does.
        is_cell: It is a table row below the first: a cell means what its row and its column say together.
    """
    if is_cell:
        around = [max(strength, heading) for strength, heading in zip(around, above, strict=True)]
    least = [NEARBY * (near if near > heading else heading) for near, heading in zip(around, above, strict=True)]
    return around, least


def _form(sentence: Sentence, question: Question, direct: float) -> float:
    """What a sentence's form and place add: the kind of thing asked for, the section pointed at, done or planned."""
    paragraph = sentence.passage.paragraph
    bonus = _place_bonus(paragraph.section_kind, paragraph.kind, question)
    if direct > 0:
        if "number" in question.asked and sentence.states_figure:
            bonus += FIGURE_BONUS
        if "list" in question.asked and LISTING.search(sentence.folded):
            bonus += LISTING_BONUS
        bonus += sum(
            TYPE_BONUS for kind, cue in TYPE_CUES.items() if kind in question.asked and cue.search(sentence.folded)
        )
    return bonus


def _place_bonus(section_kind: str, kind: ParagraphKind, question: Question) -> float:
    bonus = 0.0
    if question.sections:
        bonus += 0.2 if section_kind in question.sections else -0.1
    elif section_kind == SectionKind.PLAN and not question.planned:
        bonus -= 0.08
    if kind in ("heading", "title"):
        bonus -= 0.12
    return bonus


def best_first(prospects: Iterable[Prospect], matcher: PassageMatcher) -> Iterator[Match]:
    """Yield the matches of statements best first, equal ones in the order of their statements and sentences.

    A statement's sentences are looked at only when none that is known scores as much as one of them might, and so is
    the form of a sentence.

    Args:
        prospects: The statements.
        matcher: What they are prospects of.
    """
    in_order = list(prospects)
    # Where scores are equal, what is not known comes before what is: it may be, or hold, the one that stands earlier.
    statement, sentence, known = range(3)
    queue = [(-prospect.most, statement, order, 0) for order, prospect in enumerate(in_order)]
    heapq.heapify(queue)
    met: dict[tuple[int, int], Met] = {}
    found: dict[tuple[int, int], Match] = {}
    while queue:
        _, kind, order, place = heapq.heappop(queue)
        if kind == known:
            yield found.pop((order, place))
        elif kind == sentence:
            match = found[order, place] = matcher.match(met.pop((order, place)))
            heapq.heappush(queue, (-match.score, known, order, place))
        else:
            for place, item in enumerate(matcher.met_by(in_order[order])):
                met[order, place] = item
                heapq.heappush(queue, (-item.most, sentence, order, place))


class Matches(Iterable[Match]):
    """Matches in the order in which they are worked out, each when it is first asked for."""

    def __init__(self, source: Iterator[Match]) -> None:
        self._source = source
        self._known: list[Match] = []

    def __iter__(self) -> Iterator[Match]:
        """Yield all, those known already first."""
        for place in count():
            if place == len(self._known):
                following = next(self._source, None)
                if following is None:
                    return
                self._known.append(following)
            yield self._known[place]


def is_instruction(folded: str) -> bool:
    """Tell whether a text addresses the reader's software; it is quoted as text, never taken as evidence."""
    return lexicon.cue("polarity", "instruction").search(folded) is not None
