"""Extractive answers: sentences of the reports, verbatim, in the question's language around them."""

from rag.answering.draft import Draft
from rag.answering.extractive import ExtractiveEngine
from rag.answering.refusal import refuse_scope
from rag.answering.wording import phrase

__all__ = ["Draft", "ExtractiveEngine", "phrase", "refuse_scope"]
