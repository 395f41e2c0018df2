"""Figures as facts: every figure of a report with what it counts, which year it is for and where it stands."""

from __future__ import annotations

from rag.facts.extraction import extract_facts
from rag.facts.stated import StatedFact

__all__ = ["StatedFact", "extract_facts"]
