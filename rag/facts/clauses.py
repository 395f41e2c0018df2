"""The clause that a figure stands in, and the text before and after the figure that may name what it counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.figures import Figure

BORDER = re.compile(r"[,，。;；:：!！?？\n]|——|-{2,}")
BRACKETED = re.compile(r"[(（][^()（）]*[)）]")
SHIELDED = re.compile(r"《[^》]*》|“[^”]*”|\"[^\"]*\"|‘[^’]*’")
JOINT = re.compile(r"、|和|及|与|以及|或")


@dataclass(frozen=True, slots=True)
class Place:
    """A figure in its clause.

    Attributes:
        figure: The figure.
        left: Where its clause begins, in the sentence.
        right: Where its clause ends.
        before: Text of the clause before the figure, from the figure before it on.
        after: Text of the clause after the figure, up to what names the next figure.
        shared: True if ``after`` runs on to the next figure of the clause, so that it may name that one.
        follows: True if another figure of the same clause stands before it.
    """

    figure: Figure
    left: int
    right: int
    before: str
    after: str
    shared: bool
    follows: bool


def places(folded: str, figures: Sequence[Figure]) -> list[Place]:
    """Return each figure of a sentence in its clause."""
    borders = _borders(folded, figures)
    found = []
    for index, figure in enumerate(figures):
        left = max((end for _, end in borders if end <= figure.start), default=0)
        right = min((start for start, _ in borders if start >= figure.end), default=len(folded))
        earlier = figures[index - 1].end if index and figures[index - 1].end > left else None
        later = figures[index + 1].start if index + 1 < len(figures) and figures[index + 1].start < right else None
        after, shared = _after(folded[figure.end : right if later is None else later], later is not None)
        before = folded[left if earlier is None else earlier : figure.start].lstrip("、 ")
        found.append(Place(figure, left, right, before, after, shared, earlier is not None))
    return found


def _after(text: str, runs_on: bool) -> tuple[str, bool]:
    """Cut the text between two figures where a 、 or 和 parts them."""
    if not runs_on:
        return text, False
    cut = text.rfind("、")
    if cut >= 0:
        return text[:cut], False
    joint = re.search(r"(?:以及|和|及|与|或)$", text.rstrip())
    return (text[: joint.start()], False) if joint else (text, True)


def _borders(folded: str, figures: Sequence[Figure]) -> list[tuple[int, int]]:
    """Return what parts clauses: punctuation outside names, and brackets that hold a figure."""
    shields = [match.span() for match in SHIELDED.finditer(folded)]
    shields = [span for span in shields if not any(span[0] < figure.start < span[1] for figure in figures)]
    borders = []
    for match in BRACKETED.finditer(folded):
        if any(match.start() < figure.start < match.end() for figure in figures):
            borders += [(match.start(), match.start() + 1), (match.end() - 1, match.end())]
        else:
            shields.append(match.span())
    inside = [*shields, *((figure.start, figure.end) for figure in figures)]
    for match in BORDER.finditer(folded):
        if not any(start < match.end() and match.start() < end for start, end in inside):
            borders.append(match.span())
    return sorted(borders)
