"""Surveys with a model: it judges the reports that the rules left open, or all; its quotes are checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from rag.answering import Draft
from rag.answering.survey import answer_from_survey
from rag.answering.wording import report_name
from rag.generation.cache import JudgementCache, cache_key
from rag.generation.failure import ModelFailure
from rag.generation.model import ChatModel, Meter
from rag.generation.prompts import Messages, Prompt
from rag.generation.sources import Source, fenced, fit, number_sources
from rag.generation.understanding import json_object
from rag.generation.wording import failure_reason, reason, told
from rag.questions import Question
from rag.quotes import occurrences, prepare_quote
from rag.retrieval import Corpus, Match, Passage, ReportText, Retrieval, Retriever, Scope, Weighted
from rag.retrieval.matching import PassageMatcher, best_first, is_instruction
from rag.survey import Evidence, Judgement, Predicate, candidates, judge_report, predicate_of, stance_towards
from rag.survey.stance import Stance
from rag.types import Language, ReportMeta, SectionKind, Verdict

PASSAGES_SHOWN = 8
"""Paragraphs of a report that the model is shown, the nearest first."""
NEAR_THE_LINE = 0.7
"""A verdict whose best evidence meets no more of the question is judged again."""
WORTH_ASKING = 0.4
"""A report that the rules find silent is judged where a sentence meets so much of the question."""
RELATED = 0.2
"""Share of the question's weight that a quote's paragraph must meet to bear on it."""
FIRM = (Verdict.YES, Verdict.NO)

Judged = tuple[ReportMeta, Judgement]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A survey after the model's review.

    Attributes:
        draft: The survey.
        replies: Number of reports that the model said anything of, usable or not.
    """

    draft: Draft
    replies: int


@dataclass(frozen=True)
class Case:
    """A report to be judged.

    Attributes:
        meta: The report.
        ruled: The verdict by rule.
        nearest: What comes nearest in the report, to be cited where it is left for review.
        sources: What the model is shown.
        messages: What is sent.
        key: Under which its reply is kept.
        reply: The reply kept from before, or None.
    """

    meta: ReportMeta
    ruled: Judgement
    nearest: Evidence
    sources: Mapping[str, Source]
    messages: Messages
    key: str
    reply: str | None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What became of one report in the review.

    Attributes:
        case: The report.
        judgement: The verdict that stands.
        note: What the reader should know of it; None where the model's judgement is taken as it is.
        replied: True if the model said anything.
    """

    case: Case
    judgement: Judgement
    note: str | None
    replied: bool

    @property
    def tells(self) -> bool:
        """True if the model found, with a verified quote, that the report speaks of the matter."""
        return self.note is None and self.judgement.verdict is not Verdict.NOT_MENTIONED


class SurveyReview:
    """Judges reports by the model, in parallel up to its bound.

    Args:
        model: The chat model.
        prompts: The prompts by name.
        corpus: The reports' text.
        retriever: Finds and weighs what is asked.
        cache: Keeps replies.
        everything: Judge every report that mentions the matter, not only those that the rules leave open.
    """

    def __init__(
        self,
        model: ChatModel,
        prompts: Mapping[str, Prompt],
        corpus: Corpus,
        retriever: Retriever,
        cache: JudgementCache,
        *,
        everything: bool,
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._corpus = corpus
        self._retriever = retriever
        self._cache = cache
        self._everything = everything

    def stream(
        self, question: Question, draft: Draft, scope: Scope, kinds: Sequence[SectionKind]
    ) -> Iterator[str | Reviewed]:
        """Yield lines that tell the progress, then the survey; the draft given if nothing was to be judged."""
        retrieval = self._retriever.retrieve(question, scope, kinds)
        predicate = predicate_of(question, retrieval.weighted)
        judged, cases = self._cases(question, predicate, retrieval, scope, kinds) if predicate else ({}, [])
        if not predicate or not cases:
            yield Reviewed(draft, 0)
            return
        language = question.language
        asked = [case for case in cases if case.reply is None]
        tokens = sum(case.messages.tokens for case in asked)
        known = len(cases) - len(asked)
        yield told(language, "survey_before", reports=len(cases), cached=known, calls=len(asked), tokens=tokens) + "\n"
        meter, opinions = Meter(), []
        for opinion in self._judge(cases, predicate, retrieval.weighted, question, meter):
            opinions.append(opinion)
            judged[opinion.case.meta.id] = (opinion.case.meta, opinion.judgement)
            yield told(language, "survey_progress", done=len(opinions), reports=len(cases)) + "\n"
        made = draft
        if not draft.refused or any(opinion.tells for opinion in opinions):
            # What can't be used does not turn "the reports do not say" into a list of reports to review.
            made = answer_from_survey(question, predicate, list(judged.values()), retrieval.contexts)
        cost = told(
            language,
            "survey_after",
            reports=len(cases),
            calls=meter.calls,
            cached=known,
            tokens_in=meter.tokens_in,
            tokens_out=meter.tokens_out,
        )
        notes = sorted(opinion.note for opinion in opinions if opinion.note)
        replies = sum(opinion.replied for opinion in opinions)
        yield Reviewed(replace(made, notes=(*made.notes, *notes, cost)), replies)

    def _cases(
        self,
        question: Question,
        predicate: Predicate,
        retrieval: Retrieval,
        scope: Scope,
        kinds: Sequence[SectionKind],
    ) -> tuple[dict[str, Judged], list[Case]]:
        judged: dict[str, Judged] = {}
        cases = []
        for text in self._corpus.texts(scope.metas):
            meta = text.meta
            ruled = judge_report(predicate, _of_kinds(candidates(predicate, text), kinds))
            judged[meta.id] = (meta, ruled)
            matches = _matches(text, kinds, retrieval.weighted, question)
            if matches and (self._everything or _open(ruled, matches)):
                case = self._case(question, meta, ruled, matches)
                cases.extend([case] if case else [])
        return judged, cases

    def _case(self, question: Question, meta: ReportMeta, ruled: Judgement, matches: Sequence[Match]) -> Case | None:
        language = question.language
        passages = [evidence.sentence.passage for evidence in ruled.evidence]
        passages += [match.sentence.passage for match in matches]
        shown = list(dict.fromkeys(passages))[:PASSAGES_SHOWN]
        report = report_name(meta, language)
        prompt = self._prompts[f"judge.{language}"]
        empty = prompt.fill(question=question.text, report=report, sources="")
        sources = fit(number_sources(shown), language, self._model.room(empty))
        if not sources:
            return None
        messages = prompt.fill(question=question.text, report=report, sources=fenced(sources, language))
        key = cache_key(meta.id, question.text, self._model.name, messages.system, messages.user)
        nearest = Evidence(matches[0].sentence, Stance.AFFIRMS, matches[0].coverage)
        return Case(meta, ruled, nearest, sources, messages, key, self._cache.get(key))

    def _judge(
        self,
        cases: Sequence[Case],
        predicate: Predicate,
        weighted: Sequence[Weighted],
        question: Question,
        meter: Meter,
    ) -> Iterator[Opinion]:
        deadline = self._model.deadline()

        def ask(case: Case) -> str | ModelFailure:
            try:
                return case.reply or self._model.complete(case.messages, deadline, meter)
            except ModelFailure as failure:
                return failure

        with ThreadPoolExecutor(self._model.parallel, thread_name_prefix="judge") as pool:
            under_way = {pool.submit(ask, case): case for case in cases}
            for future in as_completed(under_way):
                case, reply = under_way[future], future.result()
                if isinstance(reply, ModelFailure):
                    why = failure_reason(question.language, reply)
                    note = told(question.language, "survey_failed", source=case.meta.source, reason=why)
                    yield Opinion(case, case.ruled, note, replied=False)
                    continue
                if json_object(reply):
                    self._cache.put(case.key, reply)
                yield Opinion(case, *judgement_of(reply, case, predicate, weighted, question), replied=True)


def _of_kinds(passages: Iterable[Passage], kinds: Sequence[SectionKind]) -> list[Passage]:
    return [passage for passage in passages if not kinds or passage.paragraph.section_kind in kinds]


def _matches(
    text: ReportText, kinds: Sequence[SectionKind], weighted: Sequence[Weighted], question: Question
) -> list[Match]:
    matcher = PassageMatcher(weighted, question)
    found = best_first(matcher.prospects(text, kinds), matcher)
    return [match for match in found if not is_instruction(match.sentence.folded)]


def _open(ruled: Judgement, matches: Sequence[Match]) -> bool:
    """Tell whether the rules left a report open, or decided it near the line."""
    if ruled.verdict is Verdict.NOT_MENTIONED:
        return max(match.direct for match in matches) >= WORTH_ASKING
    if ruled.verdict in (Verdict.NEEDS_REVIEW, Verdict.MIXED):
        return True
    return max(evidence.coverage for evidence in ruled.evidence) < NEAR_THE_LINE


def judgement_of(
    reply: str, case: Case, predicate: Predicate, weighted: Sequence[Weighted], question: Question
) -> tuple[Judgement, str | None]:
    """Return the judgement that a reply makes, its quote verified; an unusable one leaves the report for review."""
    language = question.language
    told_of = json_object(reply)
    verdict = next((item for item in Verdict if item.value == told_of.get("verdict")), None)
    if verdict is None:
        return _unusable(case, language, "malformed")
    if verdict is Verdict.NOT_MENTIONED:
        # Silence can't be quoted; what the rules found, stays.
        return (case.ruled, None) if case.ruled.evidence else (Judgement(verdict, (), case.ruled.instruction), None)
    wanted = ["quote", "quote_against"] if verdict is Verdict.MIXED else ["quote"]
    found = []
    for name in wanted:
        quote = told_of.get(name)
        if not isinstance(quote, str) or not quote.strip():
            return _unusable(case, language, "no_quote")
        evidence = _evidence(quote, case.sources, predicate, weighted, question)
        if evidence is None:
            return _unusable(case, language, "quote")
        if evidence.coverage < RELATED:
            return _unusable(case, language, "unrelated")
        found.append(evidence)
    if _opposed(verdict, found, predicate):
        return _unusable(case, language, "opposite")
    if verdict in FIRM and case.ruled.verdict in FIRM and verdict is not case.ruled.verdict:
        both = (*found, *case.ruled.evidence[:1])
        return (
            Judgement(Verdict.NEEDS_REVIEW, both, case.ruled.instruction),
            told(language, "survey_differs", source=case.meta.source),
        )
    return Judgement(verdict, tuple(found), case.ruled.instruction), None


def _unusable(case: Case, language: Language, why: str) -> tuple[Judgement, str]:
    note = told(language, "survey_unusable", source=case.meta.source, reason=reason(language, "judgement", why))
    evidence = case.ruled.evidence or (case.nearest,)
    return Judgement(Verdict.NEEDS_REVIEW, evidence, case.ruled.instruction), note


def _evidence(
    quote: str,
    sources: Mapping[str, Source],
    predicate: Predicate,
    weighted: Sequence[Weighted],
    question: Question,
) -> Evidence | None:
    """Return the sentence that a quote stands in, of those shown; None if it stands in none."""
    searched = prepare_quote(quote.strip('“”"「」'))
    for source in sources.values():
        place = next(occurrences(searched, source.text), None)
        if place is None:
            continue
        offset = source.start + place[0]
        sentence = next(item for item in source.sentences if item.start <= offset < item.end or item.start >= offset)
        stance = stance_towards(predicate.focus, sentence.folded, source.passage.paragraph.section_kind)
        matches = PassageMatcher(weighted, question).matches_in(source.passage)
        met = [match.coverage for match in matches if match.sentence == sentence]
        return Evidence(sentence, stance or Stance.AFFIRMS, max(met, default=0.0))
    return None


def _opposed(verdict: Verdict, found: Sequence[Evidence], predicate: Predicate) -> bool:
    """Tell whether a quote says, of the very thing asked, the contrary of the verdict, or only that it is planned."""
    mentioning = [item for item in found if predicate.focus.mentioned(item.sentence.folded)]
    if verdict not in FIRM or not mentioning:
        return False
    # A plan is no fact, whatever the model makes of it.
    plan = not predicate.planned and all(item.stance is Stance.PLANNED for item in mentioning)
    contrary = predicate.contradicts if verdict is Verdict.YES else predicate.supports
    return plan or any(contrary(item.stance) for item in mentioning)
