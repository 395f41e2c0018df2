"""The fact: a figure as a report states it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StatedFact:
    """A figure with what it counts, as a report states it.

    Attributes:
        report_id: The report that states it.
        office: The report's canonical office, or None.
        region: The report's region, or None.
        year: The year the figure is for; None where it is an earlier state of unknown year (由92名增加到115名).
        indicator: What is counted, in the report's words; where a clause only says what became of a thing
            told before it (结案20件), the thing and the clause's words.
        value: The number in ``unit``; for a range its lower end.
        high: Upper end of a range, else None.
        unit: Unit as written, folded; empty where a table gives none.
        qualifier: ``exact``, ``over``, ``about``, ``at_least``, ``under``, ``percent`` or ``range``.
        planned: True if it is meant for later.
        paragraph: Number of the paragraph it stands in.
        start: Offset of the first character of the clause that states it, in the paragraph.
        end: Offset after the clause's last character.
        text: The figure as written.
    """

    report_id: str
    office: str | None
    region: str | None
    year: int | None
    indicator: str
    value: float
    high: float | None
    unit: str
    qualifier: str
    planned: bool
    paragraph: int
    start: int
    end: int
    text: str
