"""What the API takes: requests, checked and with examples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from rag.types import Filters, Route, SectionKind, Turn

LONGEST_TEXT = 20_000
"""Characters of a question or quote; a question beyond what can be answered is refused in words."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Year = Annotated[int, Field(ge=1900, le=2200)]
AskableRoute = Literal["passage", "survey", "count", "compare"]


class Scope(BaseModel):
    """What a question is restricted to; an empty list restricts nothing."""

    model_config = ConfigDict(extra="forbid")

    offices: list[Name] = Field(default=[], max_length=500, description="Office names, short or long")
    regions: list[Name] = Field(default=[], max_length=500, description="Districts, counties or cities")
    years: list[Year] = Field(default=[], max_length=100, description="Years that the reports are about")
    section_kinds: list[SectionKind] = Field(default=[], max_length=5, description="Kinds of top-level section")

    def filters(self) -> Filters:
        """Return it as the library takes it."""
        return Filters(
            offices=tuple(self.offices),
            regions=tuple(self.regions),
            years=tuple(self.years),
            section_kinds=tuple(self.section_kinds),
        )


class EarlierTurn(BaseModel):
    """A question asked before, with its answer."""

    model_config = ConfigDict(extra="forbid")

    question: Text
    answer: Annotated[str, StringConstraints(max_length=200_000)] = ""


class SurveyRequest(Scope):
    """A question put to every report in scope."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"question": "哪些街道不具备行政执法权？", "years": [2023]}]}
    )

    question: Text


class AskRequest(Scope):
    """A question, with what it is restricted to and what was said before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"question": "哪些街道不具备行政执法权？"},
                {"question": "受理了多少件信访案件？", "offices": ["青石街道"], "years": [2023]},
                {
                    "question": "2022年呢？",
                    "history": [{"question": "青石街道2023年受理了多少件信访案件？", "answer": "28件。[1]"}],
                },
            ]
        }
    )

    question: Text
    route: AskableRoute | None = Field(default=None, description="Overrides the route that the wording suggests")
    history: list[EarlierTurn] = Field(default=[], max_length=50, description="Earlier turns, oldest first")
    extractive: bool = Field(default=False, description="Answer without the chat model, even where there is one")

    def chosen_route(self) -> Route | None:
        """Return the route as the library takes it."""
        return Route(self.route) if self.route else None

    def turns(self) -> tuple[Turn, ...]:
        """Return the history as the library takes it."""
        return tuple(Turn(turn.question, turn.answer) for turn in self.history)
