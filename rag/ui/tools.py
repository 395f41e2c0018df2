"""What programs may call on the page: Gradio's API, and through it the MCP server.

The docstrings are what a caller's model reads, so they say what an argument may hold. Results are JSON as text, since
Gradio would hand a model the Python notation of anything else.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, Literal, ParamSpec

import gradio as gr
from gradio.events import api

from rag.access import asked
from rag.errors import QuestionError, RagError
from rag.fact_listing import fact_to_dict
from rag.serialising import answer_to_dict, cited_paragraph_to_dict, quote_match_to_dict, report_to_dict
from rag.types import Answer, Filters, Route
from rag.ui.assistant import Assistant

_MOST_FACTS = 500
_ROUTES = tuple(route.value for route in Route if route is not Route.REFUSED)

Given = ParamSpec("Given")


class Tools:
    """The functions, over one assistant."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def register(self) -> None:
        """Offer them from the page being built; they bypass the page's queue."""
        for tool in (self.ask, self.cite, self.find, self.list_reports, self.facts):
            api(_told(tool), api_name=tool.__name__, queue=False)

    def ask(  # noqa: D417 - Gradio hands the request in; callers read the docstring
        self,
        question: str,
        request: gr.Request,
        offices: list[str] | None = None,
        regions: list[str] | None = None,
        years: list[int] | None = None,
        route: Literal["", "passage", "survey", "count", "compare"] = "",
    ) -> str:
        """Answer a question from the annual rule-of-law reports, with verbatim citations, or say that they are silent.

        Args:
            question: In Chinese or English, as a person types it.
            offices: Only these offices, by long or short name; leave out for all.
            regions: Only these districts, counties or cities; leave out for all.
            years: Only reports about these years; leave out for all.
            route: "survey" gives every report a verdict, "count" counts them, "compare" sets figures side by side,
                "passage" quotes what answers; leave empty to let the wording decide.

        Returns:
            JSON: the answer in Markdown with [n] markers, citations by marker, the survey's verdicts, figures, notes.
        """
        asked(request, question)
        filters = _filters(offices, regions, years)
        pieces = self._assistant.stream(question, filters=filters, route=_route(route))
        return _json(next(answer_to_dict(piece) for piece in pieces if isinstance(piece, Answer)))

    def cite(self, citation_id: str) -> str:
        """Open a citation: its quote, its paragraph in the report, the headings over it and its neighbours.

        Args:
            citation_id: The id of a citation, such as 3f9ac1d2b07e-p14-s120-e141.
        """
        return _json(cited_paragraph_to_dict(self._assistant.cite(citation_id)))

    def find(self, quote: str) -> str:
        """Find where a quote stands in the reports, exactly or but for width, punctuation and script.

        Args:
            quote: Words of a report.
        """
        return _json([quote_match_to_dict(match) for match in self._assistant.find(quote)])

    def list_reports(self) -> str:
        """List the reports: id, office, region, year, title and file name of each."""
        return _json([report_to_dict(report) for report in self._assistant.reports()])

    def facts(
        self,
        indicator: str = "",
        offices: list[str] | None = None,
        regions: list[str] | None = None,
        years: list[int] | None = None,
    ) -> str:
        """List figures that the reports state, with unit, year and citation; 500 at most, so narrow it down.

        Args:
            indicator: What is counted, such as 信访案件, in these or other words; leave empty for everything.
            offices: Only these offices, by long or short name; leave out for all.
            regions: Only these districts, counties or cities; leave out for all.
            years: Only figures for these years; leave out for all.
        """
        found = self._assistant.facts(_filters(offices, regions, years), indicator)
        return _json([fact_to_dict(fact) for fact in found[:_MOST_FACTS]])


def _filters(offices: list[str] | None, regions: list[str] | None, years: list[int] | None) -> Filters:
    try:
        numbers = tuple(int(year) for year in years or ())
    except (TypeError, ValueError) as error:
        raise QuestionError(f"{years!r} are no years. Give a list of numbers such as [2022, 2023].") from error
    return Filters(offices=tuple(map(str, offices or ())), regions=tuple(map(str, regions or ())), years=numbers)


def _route(name: str) -> Route | None:
    if name not in ("", *_ROUTES):
        raise QuestionError(f"{name!r} is no route. Give one of {', '.join(_ROUTES)}, or leave it empty.")
    return Route(name) if name else None


def _json(value: Any) -> str:  # noqa: ANN401 - JSON values
    return json.dumps(value, ensure_ascii=False)


def _told(tool: Callable[Given, str]) -> Callable[Given, str]:
    """Pass our errors on to the caller; Gradio keeps any other to itself."""

    @functools.wraps(tool)
    def calling(*given: Given.args, **named: Given.kwargs) -> str:
        try:
            return tool(*given, **named)
        except RagError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return calling
