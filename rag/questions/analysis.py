"""A question as a whole: what it asks, of which reports, in which language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from rag import lexicon
from rag.errors import QuestionError
from rag.folding import fold
from rag.questions.concepts import Concept, find_concepts
from rag.questions.gazetteer import Gazetteer
from rag.questions.scope import find_mentions, named_regions
from rag.types import Language, Route, SectionKind, Turn

LONGEST_QUESTION = 2_000
"""Characters beyond which a question is refused: nobody asks one thing in so many words."""
CARRY_OVER = lexicon.cue("scope", "carry_over")
EXCLUDED = lexicon.cue("asked", "excluded")
EXAMPLES = lexicon.cue("asked", "examples")


@dataclass(frozen=True, slots=True)
class Question:
    """A question understood.

    Attributes:
        text: As typed, without surrounding white space.
        language: Language to answer in.
        route: How to answer it.
        offices: (office, region) pairs that it names.
        regions: Regions that it names without naming an office in them.
        years: Years that it names.
        unknown_offices: Names that look like an office and are not in the corpus.
        unnamed: True if it is about reports that do not name their office.
        concepts: What it is about.
        asked: Kinds of thing asked for: number, frequency, person, when, list, how, why, whether.
        lack: True if it asks for a lack (不具备, without).
        lack_of_degree: True if it asks for too little of something (不足, short of).
        planned: True if it asks for plans.
        mention: True if a mere mention is enough (which reports mention …).
        sections: Section kinds that it points at.
        superlative: ``most``, ``least`` or None.
        total: True if it asks for a total over reports.
    """

    text: str
    language: Language
    route: Route
    offices: tuple[tuple[str, str | None], ...] = ()
    regions: tuple[str, ...] = ()
    years: tuple[int, ...] = ()
    unknown_offices: tuple[str, ...] = ()
    unnamed: bool = False
    concepts: tuple[Concept, ...] = ()
    asked: frozenset[str] = frozenset()
    lack: bool = False
    lack_of_degree: bool = False
    planned: bool = False
    mention: bool = False
    sections: tuple[SectionKind, ...] = ()
    superlative: str | None = None
    total: bool = False


@cache
def question_patterns() -> dict[str, Any]:
    """Return the patterns of ``rag/lexicon/questions.yaml`` as they are grouped there, compiled."""
    words = lexicon.load("questions")
    return {name: _compiled(group) for name, group in words.items() if name not in ("stop", "light_verbs")}


def _compiled(group: Any) -> Any:  # noqa: ANN401 - a pattern, or a list or a mapping of such groups
    if isinstance(group, dict):
        return {name: _compiled(inner) for name, inner in group.items()}
    return [re.compile(pattern) for pattern in group] if isinstance(group, list) else re.compile(group)


def language_of(text: str) -> Language:
    """Return ``en`` if most letters are Latin, else ``zh``; a name in the other script does not decide."""
    chinese = len(re.findall(r"[一-鿿]", text))
    latin_words = len(re.findall(r"[A-Za-z]{2,}", text))
    return "en" if latin_words > chinese else "zh"


def analyse(
    text: str,
    gazetteer: Gazetteer,
    *,
    history: Sequence[Turn] = (),
    route: Route | None = None,
) -> Question:
    """Understand a question against the reports at hand.

    Args:
        text: The question as typed.
        gazetteer: The names of the corpus.
        history: Earlier turns, oldest first; offices, years and topic carry over where the question leaves them out.
        route: Overrides the route that the wording suggests.

    Raises:
        QuestionError: the question is empty or longer than 2,000 characters.
    """
    text = text.strip()
    if not re.search(r"\w", text):
        raise QuestionError("The question is empty. Type a question, for example 哪些街道不具备行政执法权?")
    if len(text) > LONGEST_QUESTION:
        raise QuestionError(
            f"The question has {len(text):,} characters; the limit is {LONGEST_QUESTION:,}. "
            "Ask one thing in fewer words."
        )
    alone = question = _analyse_alone(text, gazetteer)
    earlier = [asked for turn in history if 0 < len(asked := turn.question.strip()) <= LONGEST_QUESTION]
    if earlier:
        question = _carry_over(alone, [_analyse_alone(asked, gazetteer) for asked in earlier])
        reported = {meta.year for meta in gazetteer.metas if (meta.office, meta.region) in question.offices}
        if not set(question.years) & reported and not alone.years and reported:
            # The year was another office's; this one has no report for it.
            relative = question_patterns()["year_before"][question.language].search(fold(text))
            question = question if relative else replace(question, years=())
    return replace(question, route=route) if route else question


def _analyse_alone(text: str, gazetteer: Gazetteer) -> Question:
    language = language_of(text)
    mention = find_mentions(text, gazetteer, language)
    patterns = question_patterns()
    lowered = fold(mention.rest)
    concepts, manner = find_concepts(_asking(mention.rest, language), language)
    sections = tuple(SectionKind(kind) for kind, cues in patterns["sections"].items() if cues[language].search(lowered))
    route = _route(fold(text), lowered, mention.offices, mention.years, language)
    return Question(
        text=text,
        language=language,
        route=route,
        offices=mention.offices,
        regions=() if mention.offices else named_regions(text, gazetteer),
        years=_with_year_before(mention.years, lowered, route, language),
        unknown_offices=mention.unknown_offices,
        unnamed=mention.unnamed,
        concepts=concepts,
        asked=frozenset(kind for kind, cues in patterns["asked"].items() if cues[language].search(lowered)),
        lack=bool(patterns["lack"][language].search(manner)),
        lack_of_degree=bool(patterns["lack_of_degree"][language].search(manner)),
        planned=bool(patterns["planned"][language].search(lowered)),
        mention=bool(patterns["mention"][language].search(lowered)),
        sections=sections,
        superlative=_superlative(lowered, language),
        total=_asks_total(lowered, language),
    )


def _asking(text: str, language: Language) -> str:
    """Return the text as far as the sentence that asks; before it, and for what it excludes or exemplifies, spaces.

    Of several sentences the first asks, and the others tell how to answer (请逐个说明依据), unless a later one asks
    for offices or reports.
    """
    sentences = [match.span() for match in re.finditer(r"[^?？]*\w{4}[^?？]*[?？]?", text)]
    routes = question_patterns()["routes"]
    cues = [*routes["survey"][language], *routes["count"][language]]
    surveying = [(start, end) for start, end in sentences if _matches(fold(text[start:end]), cues)]
    if not sentences:
        return text
    start, end = (surveying or sentences)[0]
    asking = " " * start + text[start:end]
    if not surveying:
        return asking
    for aside in (EXCLUDED, EXAMPLES):
        asking = aside.sub(lambda match: " " * len(match[0]), asking)
    return asking


def _with_year_before(years: tuple[int, ...], text: str, route: Route, language: Language) -> tuple[int, ...]:
    """Add the year before the one named, where a comparison with it is asked for."""
    if route is Route.COMPARE and len(years) == 1 and question_patterns()["year_before"][language].search(text):
        return (years[0] - 1, years[0])
    return years


def _matches(text: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    return any(pattern.search(text) for pattern in patterns)


def _asks_total(text: str, language: Language) -> bool:
    """Tell whether figures are to be summed, not reports or offices counted (一共有几份报告提到…)."""
    return _matches(text, question_patterns()["routes"]["total"][language]) and not _counts_reports(text, language)


def _counts_reports(text: str, language: Language) -> bool:
    """Tell whether the one number asked for is that of reports or offices."""
    counted = _matches(text, question_patterns()["routes"]["count"][language])
    return counted and len(lexicon.cue("asked", "asking_part").findall(text)) == 1


def _superlative(text: str, language: Language) -> str | None:
    for name, cues in question_patterns()["superlative"].items():
        if cues[language].search(text):
            return str(name)
    return None


def _route(
    whole: str,
    rest: str,
    offices: Sequence[tuple[str, str | None]],
    years: Sequence[int],
    language: Language,
) -> Route:
    """Choose the route; a modest route (one passage) wins where the wording is not clear."""
    routes = question_patterns()["routes"]
    if _matches(rest, routes["count"][language]) and distinct_offices(offices) != 1:
        return Route.COUNT
    comparing = _matches(rest, routes["compare"][language]) or _matches(whole, routes["compare"][language])
    several = distinct_offices(offices) > 1
    if comparing and (several or len(years) > 1):
        return Route.COMPARE
    if _matches(rest, routes["survey"][language]) and (
        not offices or several or lexicon.cue("scope", "over_years").search(rest)
    ):
        return Route.COMPARE if comparing and _superlative(rest, language) else Route.SURVEY
    if comparing:
        return Route.COMPARE
    if several or len(years) > 1:
        return Route.COMPARE
    if not offices and _matches(rest, routes["total"][language]):
        return Route.COUNT
    return Route.PASSAGE


def distinct_offices(offices: Sequence[tuple[str, str | None]]) -> int:
    """Return how many offices the pairs stand for; one without a region is the same as its only namesake."""
    regions: dict[str, set[str]] = {}
    for office, region in offices:
        regions.setdefault(office, set()).update({region} if region else set())
    return sum(max(1, len(known)) for known in regions.values())


def _years_relative(question: Question, years: tuple[int, ...]) -> tuple[int, ...]:
    """Return the years that a follow-up means: those of the turn before, the year before or the year after them."""
    folded = fold(question.text)
    if question_patterns()["year_before"][question.language].search(folded):
        return (min(years) - 1,)
    if question_patterns()["year_after"][question.language].search(folded) and not question.planned:
        return (max(years) + 1,)
    return years


def _topic_of(question: Question) -> list[Concept]:
    """Return what a question was about: its terms if it has any, else all its words."""
    terms = [concept for concept in question.concepts if concept.kind in ("lexicon", "quoted", "word")]
    return terms or [concept for concept in question.concepts if concept.kind != "section"]


def _carry_over(question: Question, earlier: Sequence[Question]) -> Question:
    """Take offices, years and topic from earlier turns where the question leaves them out."""
    last = earlier[-1]
    leans = bool(CARRY_OVER.search(fold(question.text))) or len(question.text) < 12
    offices = question.offices or next((turn.offices for turn in reversed(earlier) if turn.offices), ())
    years = question.years
    if not years and not (question.offices and question.offices != last.offices and not leans):
        years = next((turn.years for turn in reversed(earlier) if turn.years), ())
    topic = tuple(concept for concept in question.concepts if concept.kind != "light")
    if question.route in (Route.SURVEY, Route.COUNT) and topic and not leans:
        return question
    if not question.years and years:
        years = _years_relative(question, years)
    single = distinct_offices(offices) == 1
    if topic:
        route = Route.PASSAGE if single and question.route in (Route.SURVEY, Route.COUNT) else question.route
        carried = tuple(replace(concept, kind="context") for concept in _topic_of(last))
        known = {concept.words for concept in question.concepts}
        concepts = question.concepts + tuple(concept for concept in carried if concept.words not in known)
        return replace(
            question, offices=offices, years=years, concepts=concepts if leans else question.concepts, route=route
        )
    return replace(
        question,
        offices=offices,
        years=years,
        concepts=tuple(replace(concept, kind="word") for concept in question.concepts) + last.concepts,
        asked=question.asked or last.asked,
        lack=question.lack or last.lack,
        lack_of_degree=question.lack_of_degree or last.lack_of_degree,
        sections=question.sections or last.sections,
        route=last.route if question.route is Route.PASSAGE and last.route is not Route.REFUSED else question.route,
    )
