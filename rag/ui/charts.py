"""Figures side by side as bars: drawn as SVG from escaped text, so that it needs no script and prints as it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.wording import phrases
from rag.figures import convertible
from rag.types import Answer, Fact, Language, Route
from rag.ui.labels import office_label, year_label
from rag.ui.markup import escape, tag
from rag.ui.texts import say

_LINE = 46  # pixels a bar takes with its words
_OPEN_UP_TO = 12  # more bars than this are folded away: the table above says the same in less room
_QUALIFIERS = frozenset({"over", "about", "at_least", "under"})


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure: what it is of, as written, and its value in the unit that all bars share."""

    label: str
    written: str
    value: float


def chart_html(answer: Answer, language: Language) -> str:
    """Return a bar chart of a comparison's or total's figures; nothing where they cannot stand side by side."""
    bars = bars_of(answer, language)
    if not bars:
        return ""
    unit = _unit(answer.facts[0].unit, language)
    heading = say("chart_heading", language, indicator=_indicator(answer.facts, language), unit=unit)
    drawing = _drawing(bars, heading)
    if len(bars) <= _OPEN_UP_TO:
        return tag("figure", tag("figcaption", escape(heading)) + drawing, class_="chart")
    return tag("details", tag("summary", escape(heading)) + tag("figure", drawing, class_="chart"), class_="reports")


def bars_of(answer: Answer, language: Language) -> tuple[Bar, ...]:
    """Return a bar for each figure in the unit of the first; none where units differ or there is one figure."""
    if answer.route not in (Route.COMPARE, Route.COUNT):
        return ()
    facts = list(dict.fromkeys(answer.facts))
    factors = [convertible(fact.unit, facts[0].unit) for fact in facts]
    values = [fact.value * factor for fact, factor in zip(facts, factors, strict=True) if factor is not None]
    if len(facts) < 2 or len(values) < len(facts) or min(values) < 0:
        return ()
    labels = _labels(answer, facts, language)
    written = [_written(fact, language) for fact in facts]
    return tuple(Bar(*parts) for parts in zip(labels, written, values, strict=True))


def _labels(answer: Answer, facts: Sequence[Fact], language: Language) -> list[str]:
    """Name each figure by what tells it apart: its year, its office, or both; the region where offices share a name."""
    cited = {citation.marker: citation for citation in answer.citations}
    found = [cited.get(fact.citation) for fact in facts]
    regions = [citation.region if citation else None for citation in found]
    sources = [citation.source if citation else "" for citation in found]
    offices = [office_label(fact.office, source, language) for fact, source in zip(facts, sources, strict=True)]
    years = [year_label(fact.year, language) for fact in facts]
    shared = {
        office
        for office in offices
        if len({region for other, region in zip(offices, regions, strict=True) if other == office and region}) > 1
    }
    names = [
        f"{office} ({region})" if office in shared and region else office
        for office, region in zip(offices, regions, strict=True)
    ]
    if len(set(names)) == 1:
        return years
    if len(set(years)) == 1:
        return names
    return [f"{name} · {year}" for name, year in zip(names, years, strict=True)]


def _written(fact: Fact, language: Language) -> str:
    number = f"{fact.value:,.10g}{fact.unit}"
    return say(f"qualifier_{fact.qualifier}", language, figure=number) if fact.qualifier in _QUALIFIERS else number


def _indicator(facts: Sequence[Fact], language: Language) -> str:
    named = list(dict.fromkeys(fact.indicator for fact in facts if fact.indicator))
    return named[0] if len(named) == 1 else say("chart_figures", language)


def _unit(unit: str, language: Language) -> str:
    """Return a unit as written, on an English page with what it means."""
    meaning = phrases("en", "units").get(unit, "") if language == "en" else ""
    return f"{unit}, {meaning}" if meaning and meaning != unit else unit


def _drawing(bars: Sequence[Bar], heading: str) -> str:
    # Widths in per cent and no viewBox: words keep their size on a phone, only the bars grow shorter.
    longest = max(bar.value for bar in bars) or 1.0
    told = "; ".join(f"{bar.label}: {bar.written}" for bar in bars)
    content = tag("title", escape(f"{heading} — {told}"))
    content += "".join(_bar(bar, number * _LINE, longest) for number, bar in enumerate(bars))
    return tag("svg", content, role="img", width="100%", height=str(len(bars) * _LINE), aria_label=f"{heading}: {told}")


def _bar(bar: Bar, top: int, longest: float) -> str:
    ground = tag("rect", class_="ground", x="0", y=str(top + 26), width="100%", height="10", rx="3")
    share = f"{100 * bar.value / longest:.2f}%"
    length = tag("rect", class_="length", x="0", y=str(top + 26), width=share, height="10", rx="3")
    label = tag("text", escape(bar.label), class_="label", x="0", y=str(top + 18))
    figure = tag("text", escape(bar.written), class_="figure", x="100%", y=str(top + 18), text_anchor="end")
    return tag("g", ground + length + label + figure)
