"""Which figure of a sentence is the one asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rag import lexicon
from rag.answering.asked_for import (
    COUNT_ASKED,
    SHARE_ASKED,
    SHARE_PHRASE,
    asked_parts,
    asked_unit_class,
    counted_concept,
    outcome_concept,
    preferred_units,
    unit_class,
)
from rag.figures import Figure, convertible, figure_spans
from rag.folding import fold
from rag.questions import Concept, Question
from rag.retrieval.matching import Weighted, mention_strength
from rag.retrieval.passages import Sentence
from rag.survey.stance import clause_around, says_none
from rag.types import Fact

HEAVY_SHARE = 0.5
MOST_OF_HEAVY = 0.45
ADJACENT = 3.0
ARTICLE = lexicon.cue("asked", "article")
"""A Chinese 一 before a measure word is an article more often than a count: 一架飞机."""
THRESHOLD = lexicon.cue("asked", "threshold")
"""After a figure: it sets a bound (5000元以上的案件) and counts nothing."""
WHOLE = lexicon.cue("asked", "whole")
PART = lexicon.cue("asked", "part")
WHOLE_BONUS, PART_LOSS = 0.3, 0.4
"""What it adds to a figure's nearness that it counts a whole year, and what it takes that it counts only a part."""
QUALITY_OF_NONE = 0.5
"""How surely a sentence without a figure answers that says that there was none."""
FARTHEST = 30
"""The gap, in characters, between a figure and a concept that its clause does not mention."""
BEST_QUALITY = 1.0 + WHOLE_BONUS
"""The most that ``FigureFinder.quality`` gives for any sentence."""
PART_FROM = lexicon.cue("asked", "part_from")
PART_SHARE = 0.7
"""A figure after 其中 counts so much less than one before it, all else being equal."""
LAW_TITLE = lexicon.cue("asked", "law_title")
ONE_THING = lexicon.cue("asked", "one_thing")
RATE = lexicon.cue("asked", "rate")


def fitting(figures: Sequence[Figure], wanted: str | None) -> list[Figure]:
    """Return the figures whose unit may answer; 人次 and 个 may count what is asked for as 件 or 次."""
    figures = [figure for figure in figures if not ARTICLE.match(figure.text)]
    if wanted is None:
        return figures
    loose = {
        "people": {"people"},
        "count": {"count", "people"},
        "money": {"money"},
        "share": {"share"},
        "time": {"time"},
    }
    return [figure for figure in figures if unit_class(figure.unit) in loose[wanted]]


def heaviest_of(weighted: Sequence[Weighted]) -> Weighted | None:
    """Return the concept with a Chinese form that counts most; one carried over only if there is no other."""
    known = [item for item in weighted if item.concept.words]
    own = [item for item in known if item.present and item.concept.kind != "context"]
    return max(own or known, key=lambda item: item.weight, default=None)


def heavy_of(weighted: Sequence[Weighted]) -> list[Weighted]:
    """Return the concepts that a figure must belong to: those that weigh at least half of the heaviest."""
    heaviest = heaviest_of(weighted)
    if heaviest is None:
        return []
    return [
        item
        for item in weighted
        if (item.present or item.concept.is_term)
        and item.concept.kind not in ("light", "translated", "context")
        and item.weight >= HEAVY_SHARE * heaviest.weight
    ] or [heaviest]


class FigureFinder:
    """Finds in a sentence the figure that one question asks for.

    Args:
        question: The question.
        weighted: Its concepts with their weights.
    """

    def __init__(self, question: Question, weighted: Sequence[Weighted]) -> None:
        folded = fold(question.text)
        self._question = question
        self._known = [item for item in weighted if item.concept.words]
        self._heavy = heavy_of(weighted)
        self._heavy_weight = sum(item.weight for item in self._heavy)
        # What is counted comes last in Chinese, first in English.
        self._counted = self._heavy[-1 if question.language == "zh" else 0] if self._heavy else None
        self._parts = asked_parts(question)
        self._unit_class = asked_unit_class(question)
        self._units = preferred_units(question)
        self._asks_share = SHARE_ASKED.search(folded) is not None
        self._asks_both = self._asks_share and COUNT_ASKED.search(SHARE_PHRASE.sub("", folded)) is not None
        self._takes_rates = "frequency" in question.asked and COUNT_ASKED.search(folded) is None
        self._counted_in_question = [
            (concept, [item.concept for item in self._known if item.concept != concept])
            for concept in (outcome_concept(question), counted_concept(question))
            if concept is not None
        ]

    def figures(self, sentence: Sentence) -> list[Figure]:
        """Return the figures that the question asks for: a count, a share, or one of each if it asks both."""
        if len(self._parts) > 1 and self._belongs(sentence) and not self.states_none(sentence):
            found = self._one_for_each_part(sentence)
            if len(found) > 1:
                return found
        if not self._asks_both:
            figure = self.figure(sentence)
            return [figure] if figure else []
        if not self._belongs(sentence):
            return []
        figures = fitting(sentence.figures, None)
        shares = [figure for figure in figures if unit_class(figure.unit) == "share"]
        counts = [figure for figure in figures if unit_class(figure.unit) != "share"]
        nearest = [self._nearest(group, sentence, share) for group, share in ((counts, False), (shares, True)) if group]
        return sorted(nearest, key=lambda figure: figure.start)

    def figure(self, sentence: Sentence, year: int | None = None, unit: str | None = None) -> Figure | None:
        """Return the one figure that the question asks for, or None.

        The nearest one to what is counted: right after it in its clause (发放宣传资料1000余份), or right before it
        (26件信访案件). With a year, the figure of the clause that names the year; with a unit, one that can be read
        in it.
        """
        figures = fitting(sentence.figures, self._unit_class)
        if unit is not None:
            figures = [figure for figure in figures if convertible(figure.unit, unit) is not None]
        figures = [figure for figure in figures if not _is_threshold(figure, sentence.folded)]
        figures = [figure for figure in figures if not ONE_THING.match(sentence.folded, figure.start)]
        if not self._takes_rates:
            figures = [figure for figure in figures if not RATE.search(sentence.folded[: figure.start])] or figures
        if self._asks_share:
            figures = [figure for figure in figures if unit_class(figure.unit) == "share"] or figures
        figures = [figure for figure in figures if figure.unit in self._units] or figures
        if not figures or not self._belongs(sentence) or self.states_none(sentence):
            return None
        own = sentence.passage.report.year
        if own is not None and own in (self._question.years if year is None else (year,)):
            # 受理2015件，上年为1846件: the report's own year is asked for.
            earlier = _of_year(figures, sentence, own - 1)
            figures = [figure for figure in figures if figure not in earlier] or figures
        of_years = (_of_year(figures, sentence, wanted) for wanted in _years_wanted(sentence, self._question, year))
        figures = next((found for found in of_years if found), figures)
        for concept, others in self._counted_in_question:
            near = [figure for figure in figures if _in_clause_of(concept, figure, sentence.folded, others)]
            figures = near or figures
        return self._nearest(figures, sentence, self._asks_share)

    def states_none(self, sentence: Sentence) -> bool:
        """Tell whether a sentence says that there was none of a heavy concept (无败诉)."""
        return any(says_none(item.concept, sentence.folded) for item in self._heavy)

    def quality(self, sentence: Sentence, figure: Figure) -> float:
        """Return how surely a figure counts what is asked: 1 where it stands next to it, more if it counts a whole."""
        if figure.label:
            return 1.0
        left, right = clause_around(sentence.folded, figure.start, figure.end)
        clause = sentence.folded[left:right]
        met = [item for item in self._known if mention_strength(item.concept, clause)]
        near = max((_adjacency(figure, left, clause, item.concept) for item in met), default=0.0)
        before = sentence.folded[left : figure.start]
        return near + (WHOLE_BONUS if WHOLE.search(before) else 0.0) - (PART_LOSS if PART.search(before) else 0.0)

    def qualities_at_most(self, sentence: Sentence) -> Iterator[float]:
        """Yield what ``quality`` gives at most for a figure of a sentence: at once, then closer by how near one stands.

        A sentence without a figure that says that there was none counts 0.5 (``QUALITY_OF_NONE``).
        """
        folded = sentence.folded
        whole = WHOLE_BONUS if WHOLE.search(folded) else 0.0
        yield 1.0 + whole
        if sentence.passage.header:
            return
        mentions = [span for item in self._known for word in item.concept.words for span in _spans(word, folded)]
        gaps = [_gap(start, end, mention) for start, end in figure_spans(folded) for mention in mentions]
        yield max(_closeness(gaps) + whole, QUALITY_OF_NONE)

    def _belongs(self, sentence: Sentence) -> bool:
        """Tell whether a sentence is about what is counted.

        It is if it meets every heavy concept, by its own words, its heading, or the sentence before it or the first of
        its paragraph; or by its own words most of them, the counted one among them.
        """
        siblings = sentence.passage.sentences
        place = siblings.index(sentence)
        before = siblings[place - 1].folded if place else ""
        own = LAW_TITLE.sub("", sentence.folded)
        around = f"{sentence.passage.heading} {siblings[0].folded if place else ''} {before} {own}"
        met = [item for item in self._heavy if mention_strength(item.concept, own) > 0]
        if self._counted in met and sum(item.weight for item in met) >= MOST_OF_HEAVY * self._heavy_weight:
            return True
        return all(mention_strength(item.concept, around) > 0 for item in self._heavy) and (
            bool(sentence.passage.header)
            or bool(met)
            or all(mention_strength(item.concept, sentence.passage.heading) > 0 for item in self._heavy)
        )

    def _one_for_each_part(self, sentence: Sentence) -> list[Figure]:
        """Return the figure for each part of the question that a sentence settles, in the sentence's order."""
        chosen: list[Figure] = []
        for part in self._parts:
            fit = fitting(sentence.figures, part.unit_class)
            figures = [item for item in fit if item not in chosen and not _is_threshold(item, sentence.folded)]
            for other in self._parts:
                if other.counted is not None and other is not part:
                    apart = [item for item in figures if not _in_clause_of(other.counted, item, sentence.folded, ())]
                    figures = apart or figures
            if part.counted is not None:
                others = [item.concept for item in self._known if item.concept != part.counted]
                near = [figure for figure in figures if _in_clause_of(part.counted, figure, sentence.folded, others)]
                figures = near or ([] if not part.units and part.unit_class is None else figures)
            figures = [figure for figure in figures if figure.unit in part.units] or figures
            if figures and (part.counted or part.units or part.unit_class):
                chosen.append(self._nearest(figures, sentence, part.unit_class == "share"))
        return sorted(chosen, key=lambda figure: figure.start)

    def _nearest(self, figures: Sequence[Figure], sentence: Sentence, share: bool) -> Figure:
        if len(figures) == 1:
            return figures[0]
        return max(figures, key=lambda figure: (_nearness(figure, sentence.folded, self._known, share), -figure.start))


def _in_clause_of(concept: Concept, figure: Figure, folded: str, others: Sequence[Concept]) -> bool:
    """Tell whether a figure's own clause, or its label, mentions a concept, not only inside another one's name."""
    left, right = clause_around(folded, figure.start, figure.end)
    clause = figure.label or folded[left:right]
    covered = [span for other in others for span in other.positions(clause)]
    return any(
        not any(start <= first and last <= end and end - start > last - first for start, end in covered)
        for first, last in concept.positions(clause)
    )


def _years_wanted(sentence: Sentence, question: Question, year: int | None) -> list[int]:
    """Return the years whose figure is wanted, the surest first; a table's columns may be the report's own year."""
    if year is not None:
        return [year]
    own = sentence.passage.report.year
    if own in question.years:
        return [own] if own else []
    return [*question.years, *([own] if sentence.passage.header and own else [])]


def _is_threshold(figure: Figure, folded: str) -> bool:
    bounded = figure.text.endswith(("以上", "以下", "以内"))
    return bounded and THRESHOLD.match(folded, figure.end) is not None


def _of_year(figures: Sequence[Figure], sentence: Sentence, year: int) -> list[Figure]:
    """Return the figures that stand after a year's name and before another's; in a table, under it."""
    labelled = [figure for figure in figures if str(year) in figure.label]
    named = sentence.names_year(year)
    if labelled or named is None or sentence.passage.header:
        return labelled
    following = re.search(r"20\d\d", sentence.folded[named[1] :])
    end = named[1] + following.start() if following else len(sentence.folded)
    return [figure for figure in figures if named[0] <= figure.start < end]


def _nearness(figure: Figure, folded: str, weighted: Sequence[Weighted], share_asked: bool) -> float:
    left, right = clause_around(folded, figure.start, figure.end)
    clause = figure.label or folded[left:right]
    score, nearest = 0.0, 0.0
    for item in weighted:
        strength = mention_strength(item.concept, clause)
        if strength:
            score += item.weight * strength
            nearest = max(nearest, 1.0 if figure.label else _adjacency(figure, left, clause, item.concept))
    # What is counted stands next to its number, whatever its weight: 收徒5名, 调处纠纷251件.
    score += ADJACENT * nearest
    if (unit_class(figure.unit) == "share") != share_asked:
        score *= 0.5
    if not figure.label and (PART_FROM.search(folded[: figure.start]) or PART.search(folded[left : figure.start])):
        score *= PART_SHARE
    return score


def _adjacency(figure: Figure, left: int, clause: str, concept: Concept) -> float:
    """1 where the figure touches the mention, less with distance."""
    return _closeness(_gap(figure.start - left, figure.end - left, mention) for mention in concept.positions(clause))


def _gap(start: int, end: int, mention: tuple[int, int]) -> int:
    """Return how far a figure stands from a mention, a little more if it stands before it; less than 0 if within."""
    return start - mention[1] if mention[1] <= start else mention[0] - end + 1


def _closeness(gaps: Iterable[int]) -> float:
    """Return 1 for a gap of nothing, less for the least of larger ones."""
    nearest = min((gap for gap in gaps if gap >= 0), default=FARTHEST)
    return 1.0 / (1.0 + 0.3 * nearest)


def _spans(word: str, folded: str) -> Iterator[tuple[int, int]]:
    """Yield wherever a word stands, in others too."""
    start = folded.find(word)
    while start >= 0:
        yield start, start + len(word)
        start = folded.find(word, start + 1)


def fact_of(figure: Figure, sentence: Sentence, question: Question, year: int | None, marker: int) -> Fact:
    """Return a figure brought forward as a fact; its indicator is what the question calls it.

    Args:
        figure: A figure of the sentence.
        sentence: The sentence that states it.
        question: The question.
        year: The year that the figure is for.
        marker: Marker of the citation whose quote holds it.
    """
    indicator = next((concept.name for concept in question.concepts if concept.mentioned(sentence.folded)), "")
    office = sentence.passage.report.office
    return Fact(office, year, indicator, figure.value, figure.unit, figure.qualifier, marker)
