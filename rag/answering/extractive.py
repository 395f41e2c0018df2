"""The extractive engine: takes a question's route over the reports in scope."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rag import lexicon
from rag.answering.compare import answer_by_comparison, tabulate
from rag.answering.draft import Draft
from rag.answering.passage import answer_from_passages
from rag.answering.refusal import refuse
from rag.answering.survey import answer_from_survey
from rag.folding import fold
from rag.questions import Question, distinct_offices
from rag.retrieval import Corpus, Passage, Retrieval, Retriever, Scope
from rag.survey import candidates, judge_report, predicate_of
from rag.types import Route, SectionKind

PASSAGES_KEPT = 300
"""Up to so many reports in scope, every passage may be quoted; beyond, those that retrieval found."""


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
        started = time.perf_counter()
        retrieval = self._retriever.retrieve(question, scope, kinds)
        seconds = time.perf_counter() - started
        return self._by_route(question, scope, kinds, retrieval), seconds

    def _by_route(self, question: Question, scope: Scope, kinds: Sequence[SectionKind], retrieval: Retrieval) -> Draft:
        if question.route in (Route.SURVEY, Route.COUNT) and not question.total:
            return self._survey(question, scope, kinds, retrieval)
        if question.route in (Route.COMPARE, Route.COUNT):
            rows = tabulate(question, scope, retrieval)
            known = sum(row.value is not None for row in rows)
            measured = "number" in question.asked or lexicon.cue("asked", "more_or_less").search(fold(question.text))
            if known < 2 and not measured and distinct_offices(question.offices) > 1:
                # 新华和嘉祥哪个有执法权: nothing is counted, each is asked whether it is so.
                return self._survey(question, scope, kinds, retrieval)
            if known and len(rows) >= (1 if question.total else 2):
                return answer_by_comparison(question, scope, retrieval, rows)
        return answer_from_passages(question, scope, retrieval, self._quotable(scope, kinds, retrieval))

    def _survey(self, question: Question, scope: Scope, kinds: Sequence[SectionKind], retrieval: Retrieval) -> Draft:
        predicate = predicate_of(question, retrieval.weighted)
        if predicate is None:
            return refuse(question, scope, retrieval)
        judged = [
            (text.meta, judge_report(predicate, _of_kinds(candidates(predicate, text), kinds)))
            for text in self._corpus.texts(scope.metas)
        ]
        return answer_from_survey(question, predicate, judged, retrieval.contexts)

    def _quotable(self, scope: Scope, kinds: Sequence[SectionKind], retrieval: Retrieval) -> list[Passage]:
        if len(scope.metas) > PASSAGES_KEPT:
            return [match.sentence.passage for match in retrieval.matches]
        return [passage for passages in self._corpus.passages(scope.metas) for passage in _of_kinds(passages, kinds)]


def _of_kinds(passages: Sequence[Passage], kinds: Sequence[SectionKind]) -> Sequence[Passage]:
    if not kinds:
        return passages
    return [passage for passage in passages if passage.paragraph.section_kind in kinds]
