"""The extractive engine: takes a question's route over the reports in scope."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial

from rag import lexicon
from rag.answering.compare import answer_by_comparison, tabulate
from rag.answering.draft import Draft
from rag.answering.passage import REPORTS, answer_from_passages
from rag.answering.refusal import refuse
from rag.answering.survey import answer_from_survey, fills_contexts
from rag.folding import fold
from rag.questions import Question, distinct_offices
from rag.retrieval import Corpus, Passage, Retrieval, Retriever, Scope
from rag.retrieval.retriever import WHOLE_SCOPE_REPORTS
from rag.survey import candidates, judge_report, predicate_of
from rag.types import ReportMeta, Route, SectionKind


class _Search:
    """A search that takes place when its result is first asked for, and the seconds that it took."""

    def __init__(self, run: Callable[[], Retrieval]) -> None:
        self._run = run
        self.seconds = 0.0

    @cached_property
    def result(self) -> Retrieval:
        started = time.perf_counter()
        found = self._run()
        self.seconds = time.perf_counter() - started
        return found


class ExtractiveEngine:
    """Answers from the reports' own sentences, without a chat model."""

    def __init__(self, corpus: Corpus, retriever: Retriever) -> None:
        self._corpus = corpus
        self._retriever = retriever

    def answer(self, question: Question, scope: Scope, kinds: Sequence[SectionKind] = ()) -> tuple[Draft, float]:
        """Answer a question from the reports in scope.

        Args:
            question: The question.
            scope: At least one report.
            kinds: Only sections of these kinds; empty: all.

        Returns:
            The draft, and the seconds that retrieval took.
        """
        search = _Search(lambda: self._retriever.retrieve(question, scope, kinds))
        return self._by_route(question, scope, kinds, search), search.seconds

    def _by_route(self, question: Question, scope: Scope, kinds: Sequence[SectionKind], search: _Search) -> Draft:
        if question.route in (Route.SURVEY, Route.COUNT) and not question.total:
            return self._survey(question, scope, kinds, search)
        retrieval = search.result
        if question.route in (Route.COMPARE, Route.COUNT):
            rows = tabulate(question, scope, retrieval)
            known = sum(row.value is not None for row in rows)
            measured = "number" in question.asked or lexicon.cue("asked", "more_or_less").search(fold(question.text))
            if known < 2 and not measured and distinct_offices(question.offices) > 1:
                # 新华和嘉祥哪个有执法权: nothing is counted, each is asked whether it is so.
                return self._survey(question, scope, kinds, search)
            if known and len(rows) >= (1 if question.total else 2):
                return answer_by_comparison(question, scope, retrieval, rows)
        quotable = cache(partial(self._quotable, scope, kinds, retrieval))
        return answer_from_passages(question, scope, retrieval, quotable)

    def _survey(self, question: Question, scope: Scope, kinds: Sequence[SectionKind], search: _Search) -> Draft:
        """Judge every report; search only where that does not give paragraphs enough to show by itself."""
        predicate = predicate_of(question, self._retriever.weigh(question, scope))
        if predicate is None:
            return refuse(question, scope, search.result)
        judged = [
            (text.meta, judge_report(predicate, _of_kinds(candidates(predicate, text), kinds)))
            for text in self._corpus.texts(scope.metas)
        ]
        contexts = () if fills_contexts(judged, self._retriever.top_k) else search.result.contexts
        return answer_from_survey(question, predicate, judged, contexts)

    def _quotable(self, scope: Scope, kinds: Sequence[SectionKind], retrieval: Retrieval) -> list[Passage]:
        """Return the passages of the reports in scope, report by report; of many reports, those that were found."""
        metas = scope.metas if len(scope.metas) <= WHOLE_SCOPE_REPORTS else _found_reports(retrieval)
        return [passage for passages in self._corpus.passages(metas) for passage in _of_kinds(passages, kinds)]


def _found_reports(retrieval: Retrieval) -> list[ReportMeta]:
    """Return the reports whose paragraphs retrieval found best, then those of the sentences that match best."""
    found = {context.report.id: context.report for context in retrieval.contexts}
    matching: dict[str, ReportMeta] = {}
    for match in retrieval.matches:
        matching.setdefault(match.sentence.passage.report.id, match.sentence.passage.report)
        if len(matching) == REPORTS:
            break
    return list((found | matching).values())


def _of_kinds(passages: Sequence[Passage], kinds: Sequence[SectionKind]) -> Sequence[Passage]:
    if not kinds:
        return passages
    return [passage for passage in passages if passage.paragraph.section_kind in kinds]
