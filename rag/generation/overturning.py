"""Whether a reply may overturn a refusal by rule: true statements about something else are no answer."""

from __future__ import annotations

from collections.abc import Mapping

from rag.answering.asked_for import asked_unit_class
from rag.answering.figures import fitting
from rag.generation.sources import Source
from rag.generation.verification import VerifiedReply
from rag.questions import Question
from rag.retrieval import Sentence
from rag.retrieval.matching import mention_strength
from rag.survey.stance import says_none

MOST_MISSED = 1 / 3
"""Share of the words asked about that a reply may put otherwise where it overturns a refusal by rule."""


def answers_question(question: Question, reply: VerifiedReply, sources: Mapping[str, Source]) -> bool:
    """Tell whether a sentence that a reply cites answers what is asked."""
    return any(_answers(sentence, question) for sentence in _cited_sentences(reply, sources))


def _answers(sentence: Sentence, question: Question) -> bool:
    """Tell whether a sentence, with its heading and the sentence before it, speaks of what is asked.

    Every term of the field and every quoted word must be there and most other words; where a number is asked for, the
    sentence must give one of what is counted, or say that there was none.
    """
    asked = [item for item in question.concepts if item.words and item.kind not in ("light", "section", "context")]
    around = _with_what_stands_before(sentence)
    missed = [item for item in asked if not mention_strength(item, around)]
    if not asked or len(missed) > MOST_MISSED * len(asked) or any(item.kind != "word" for item in missed):
        return False
    if "number" not in question.asked:
        return True
    # What is counted comes last in Chinese, first in English.
    counted = asked[-1 if question.language == "zh" else 0]
    figures = fitting(sentence.figures, asked_unit_class(question))
    return says_none(counted, sentence.folded) or bool(figures and mention_strength(counted, sentence.folded))


def _with_what_stands_before(sentence: Sentence) -> str:
    siblings = sentence.passage.sentences
    place = siblings.index(sentence)
    before = siblings[place - 1].folded if place else ""
    return f"{sentence.passage.heading} {before} {sentence.folded}"


def _cited_sentences(reply: VerifiedReply, sources: Mapping[str, Source]) -> list[Sentence]:
    return [
        sentence
        for source in sources.values()
        for sentence in source.sentences
        if any(
            (cited.report_id, cited.paragraph) == (source.passage.report.id, source.passage.paragraph.number)
            and cited.start < sentence.end
            and sentence.start < cited.end
            for cited in reply.citations
        )
    ]
