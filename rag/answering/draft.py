"""What an answering route hands back, before the pipeline adds the rest."""

from __future__ import annotations

from dataclasses import dataclass

from rag.types import Citation, Context, Fact, Route, Survey


@dataclass(frozen=True)
class Draft:
    """An answer without its timing and question.

    Attributes:
        text: Markdown with [n] markers.
        route: Route taken; ``refused`` for a refusal.
        citations: Citations by marker.
        contexts: Paragraphs found, best first.
        survey: Verdicts, on the survey and count routes.
        facts: Figures brought forward.
        notes: What the reader should know beside the answer.
    """

    text: str
    route: Route
    citations: tuple[Citation, ...] = ()
    contexts: tuple[Context, ...] = ()
    survey: Survey | None = None
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """True if the reports do not say."""
        return self.route is Route.REFUSED
