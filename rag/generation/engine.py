"""Answers phrased by a chat model and held to the evidence, over the extractive draft that stands in where it fails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rag import lexicon
from rag.answering import Draft, phrase
from rag.folding import fold
from rag.generation.cache import JudgementCache
from rag.generation.failure import ModelFailure
from rag.generation.judging import Reviewed, SurveyReview
from rag.generation.markers import MARKER, THOUGHT, resolved
from rag.generation.model import ChatModel, Meter
from rag.generation.overturning import answers_question
from rag.generation.prompts import Messages, load_prompts
from rag.generation.quotations import without_quotations
from rag.generation.sources import Source, fenced, fit, number_sources
from rag.generation.understanding import rewrite, translate_terms
from rag.generation.verification import VerifiedReply, verify
from rag.generation.wording import failure_reason, told
from rag.questions import Gazetteer, Question
from rag.questions.analysis import language_of
from rag.retrieval import Corpus, Passage, Retriever, Scope
from rag.settings import Settings
from rag.types import Citation, Fact, Language, Route, SectionKind, StatementCheck, Turn

WORDS: Mapping[Language, re.Pattern[str]] = {"zh": re.compile("[一-鿿]"), "en": re.compile("[A-Za-z]{2}")}
"""What a reply in a language has at least one of."""


@dataclass(frozen=True, slots=True)
class Generated:
    """An answer with what gave it.

    Attributes:
        draft: The answer.
        engine: The chat model's name, or ``extractive``.
        statements: What became of the model's statements; None if it made none, or phrased nothing.
    """

    draft: Draft
    engine: str
    statements: StatementCheck | None = None


class Generation:
    """The chat model's part in answers.

    Args:
        settings: With ``llm_model`` set.
        corpus: The reports' text.
        retriever: Finds what a survey is about.

    Raises:
        SettingsError: the model or a prompt is unusable.
    """

    def __init__(self, settings: Settings, corpus: Corpus, retriever: Retriever) -> None:
        self._model = ChatModel(settings)
        self._prompts = load_prompts()
        self._corpus = corpus
        self._unverified = settings.llm_unverified
        cache = JudgementCache(settings.store)
        self._review = SurveyReview(
            self._model, self._prompts, corpus, retriever, cache, everything=settings.llm_survey == "all"
        )
        self._reviews = settings.llm_survey != "off"

    @property
    def name(self) -> str:
        """The chat model's name."""
        return self._model.name

    def rewrite(self, text: str, history: Sequence[Turn], gazetteer: Gazetteer) -> tuple[str | None, tuple[str, ...]]:
        """Rewrite a follow-up so that it stands alone; None where the rules must carry over, with a note why."""
        return rewrite(self._model, self._prompts[f"rewrite.{language_of(text)}"], text, history, gazetteer)

    def translate(self, question: Question) -> tuple[Question, tuple[str, ...]]:
        """Give terms that no dictionary knows their Chinese words."""
        return translate_terms(self._model, self._prompts["terms.en"], question)

    def stream(
        self, question: Question, draft: Draft, scope: Scope, kinds: Sequence[SectionKind], gazetteer: Gazetteer
    ) -> Iterator[str | Generated]:
        """Yield the answer as it is written, markers as [n], and its verified form last.

        Tables, totals and the texts of surveys are computed, and stay as they are; in a survey the model judges
        reports. Where the model fails, the draft is the answer, with a note why.

        Args:
            question: The question.
            draft: The extractive answer to it.
            scope: The reports searched.
            kinds: The kinds of section searched; empty: all.
            gazetteer: The names of the corpus.
        """
        if draft.survey is not None:
            yield from self._surveyed(question, draft, scope, kinds)
        elif draft.route in (Route.PASSAGE, Route.REFUSED) and draft.contexts:
            yield from self._phrased(question, draft, scope, gazetteer)
        else:
            yield from draft.text.splitlines(keepends=True)
            yield Generated(draft, "extractive")

    def _surveyed(
        self, question: Question, draft: Draft, scope: Scope, kinds: Sequence[SectionKind]
    ) -> Iterator[str | Generated]:
        reviewed = Reviewed(draft, 0)
        for step in self._review.stream(question, draft, scope, kinds) if self._reviews else ():
            if isinstance(step, str):
                yield step
            else:
                reviewed = step
        yield from reviewed.draft.text.splitlines(keepends=True)
        yield Generated(reviewed.draft, self.name if reviewed.replies else "extractive")

    def _phrased(
        self, question: Question, draft: Draft, scope: Scope, gazetteer: Gazetteer
    ) -> Iterator[str | Generated]:
        said: list[str] = []
        try:
            messages, sources = self._messages(question, draft, scope)
            pieces = self._model.stream(messages, self._model.deadline(), Meter())
            yield from resolved(_kept(pieces, said), sources)
            planned = question.planned or SectionKind.PLAN in question.sections
            accepted = self._accepted("".join(said), question)
            reply = verify(accepted, sources, gazetteer, question.language, self._unverified, planned=planned)
            unverified = reply.statements.unverified
            overturned = not draft.refused or (not unverified and answers_question(question, reply, sources))
            if unverified == reply.statements.made or not overturned:
                fallen_back = _with_failure(draft, ModelFailure("unverified", ""), question, reply.notes)
                yield Generated(fallen_back, "extractive", reply.statements)
            else:
                yield Generated(_composed(draft, reply, sources, question), self.name, reply.statements)
        except ModelFailure as failure:
            yield Generated(_with_failure(draft, failure, question), "extractive")

    def _messages(self, question: Question, draft: Draft, scope: Scope) -> tuple[Messages, dict[str, Source]]:
        """Return what is sent: the paragraphs of the draft's evidence first, then what retrieval found, cut to fit."""
        prompt = self._prompts[f"answer.{question.language}"]
        every = number_sources(self._passages(draft, scope))
        if not every:
            raise ModelFailure("silent", "no paragraph to answer from")
        values = {
            "question": question.text,
            "refusal": phrase(question.language, "refusal"),
            "example": every[0].id,
        }
        sources = fit(every, question.language, self._model.room(prompt.fill(sources="", **values)))
        if not sources:
            raise ModelFailure("overflow", "no paragraph fits beside the question")
        return prompt.fill(sources=fenced(sources, question.language), **values), sources

    def _passages(self, draft: Draft, scope: Scope) -> list[Passage]:
        places = [(citation.report_id, citation.paragraph) for citation in draft.citations]
        places += [
            (context.report.id, context.paragraph.number)
            for context in draft.contexts
            if context.paragraph.kind in ("body", "table_row")
        ]
        wanted = {report_id for report_id, _ in places}
        passages = {
            (passage.report.id, passage.paragraph.number): passage
            for found in self._corpus.passages([meta for meta in scope.metas if meta.id in wanted])
            for passage in found
        }
        return [passages[place] for place in dict.fromkeys(places) if place in passages]

    @staticmethod
    def _accepted(reply: str, question: Question) -> str:
        """Return a reply that answers.

        Raises:
            ModelFailure: it says that the reports do not say, refuses to answer, or is in another language.
        """
        plain = THOUGHT.sub("", reply).strip()
        refusal = phrase(question.language, "refusal")
        if plain.strip("*_ 。.") in (refusal.strip("。."), ""):
            raise ModelFailure("silent" if plain else "empty", "no answer in the paragraphs")
        if lexicon.cue("generation", "model_refusal").search(fold(plain)):
            raise ModelFailure("declined", "the model will not answer")
        own_words = without_quotations(MARKER.sub("", plain))
        other: Language = "en" if question.language == "zh" else "zh"
        if WORDS[other].search(own_words) and not WORDS[question.language].search(own_words):
            raise ModelFailure("language", f"it is in {other}")
        return reply


def _kept(pieces: Iterator[str], said: list[str]) -> Iterator[str]:
    for piece in pieces:
        said.append(piece)
        yield piece


def _with_failure(draft: Draft, failure: ModelFailure, question: Question, notes: Sequence[str] = ()) -> Draft:
    if failure.kind == "silent" and draft.refused:
        return draft
    reason = told(question.language, "fallback", reason=failure_reason(question.language, failure))
    return replace(draft, notes=(*draft.notes, reason, *notes))


def _composed(draft: Draft, reply: VerifiedReply, sources: dict[str, Source], question: Question) -> Draft:
    instructed = dict.fromkeys(
        phrase(question.language, "instruction_note", source=source.passage.report.source)
        for source in sources.values()
        if source.instruction
    )
    return Draft(
        text=reply.text,
        route=Route.PASSAGE,
        citations=reply.citations,
        contexts=draft.contexts,
        facts=_facts(draft, reply.citations),
        notes=(*draft.notes, *reply.notes, *instructed),
    )


def _facts(draft: Draft, citations: Sequence[Citation]) -> tuple[Fact, ...]:
    """Return the draft's figures that the new citations hold, with the new markers."""
    old = {citation.marker: citation for citation in draft.citations}
    moved = ((fact, _same_place(old.get(fact.citation), citations)) for fact in draft.facts)
    return tuple(replace(fact, citation=marker) for fact, marker in moved if marker is not None)


def _same_place(citation: Citation | None, citations: Sequence[Citation]) -> int | None:
    if citation is None:
        return None
    return next(
        (
            other.marker
            for other in citations
            if (other.report_id, other.paragraph) == (citation.report_id, citation.paragraph)
            and other.start < citation.end
            and citation.start < other.end
        ),
        None,
    )
