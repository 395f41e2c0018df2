"""Extractive answers: sentences of the reports, verbatim, in the question's language around them."""

from rag.answering.compare import answer_by_comparison, tabulate
from rag.answering.draft import Draft
from rag.answering.passage import answer_from_passages
from rag.answering.refusal import refuse, refuse_scope
from rag.answering.survey import answer_from_survey
from rag.answering.wording import phrase

__all__ = [
    "Draft",
    "answer_by_comparison",
    "answer_from_passages",
    "answer_from_survey",
    "phrase",
    "refuse",
    "refuse_scope",
    "tabulate",
]
