"""What the page asks of the library, so that it can be shown over anything that answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from rag.fact_listing import CitedFact
from rag.types import Answer, CitedParagraph, Filters, QuoteMatch, Report, ReportMeta, Route, Turn


class Assistant(Protocol):
    """The part of ``rag.pipeline.Rag`` that the page uses; called from several threads."""

    def ask(self, question: str) -> Answer:
        """Answer a question; a refusal where the reports do not say."""
        ...

    def stream(
        self,
        question: str,
        *,
        filters: Filters = ...,
        history: Sequence[Turn] = ...,
        route: Route | None = ...,
        extractive: bool = ...,
    ) -> Iterator[str | Answer]:
        """Yield the answer's text piece by piece, and the whole answer last."""
        ...

    def cite(self, citation_id: str) -> CitedParagraph:
        """Open a citation."""
        ...

    def find(self, quote: str) -> Sequence[QuoteMatch]:
        """Return the places where a quote stands."""
        ...

    def facts(self, filters: Filters = ..., indicator: str = ...) -> Sequence[CitedFact]:
        """Return the figures that reports state."""
        ...

    def reports(self) -> Sequence[ReportMeta]:
        """Return the inventory."""
        ...

    def report(self, report_id: str) -> Report:
        """Return one report with its paragraphs."""
        ...

    def identity(self) -> dict[str, object]:
        """Return what gives the answers: model, corpus hash, engine."""
        ...
