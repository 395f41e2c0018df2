"""Answers, citations and the inventory as text for a terminal, and how a command writes to it."""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from rag.catalog import InventoryRow
from rag.types import Answer, Citation, CitedParagraph, QuoteMatch, ReportMeta


class _OneLine(logging.Formatter):
    """Writes of an exception what it says, not where in the program it was raised."""

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """Return the exception as a line."""
        return f"  {ei[0].__name__}: {ei[1]}" if ei[0] else ""


def write_plainly() -> None:
    """Let a command's log come as lines without tracebacks, and no file name stop its output."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)  # some libraries let more through than they are asked for
    handler.setFormatter(_OneLine("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for stream in (sys.stdout, sys.stderr):
        _escape_unwritable(stream)


def _escape_unwritable(stream: TextIO) -> None:
    """Write what the stream's encoding cannot hold, such as bytes of a file name that are no text, as escapes."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure:
        reconfigure(errors="backslashreplace")


def plain_name(text: object) -> str:
    """Return a file name or path on one line, with escapes for what a terminal would act on."""
    return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in str(text))


def show_answer(answer: Answer) -> str:
    """Return an answer with its citations listed below it."""
    parts = [answer.answer, ""]
    if answer.citations:
        parts += ["—" * 20, *(_citation_line(citation) for citation in answer.citations)]
    parts += [f"! {note}" for note in answer.notes]
    timing = f"{answer.elapsed_ms['total']} ms" if answer.elapsed_ms else ""
    parts.append(" · ".join(part for part in (answer.route.value, answer.engine, timing) if part))
    return "\n".join(parts)


def _citation_line(citation: Citation) -> str:
    place = " > ".join((citation.source, *citation.section))
    return f"[{citation.marker}] {citation.id}  {place}"


def show_cited_paragraph(cited: CitedParagraph) -> str:
    """Return a cited paragraph in its place, the quote between »«."""
    citation, text = cited.citation, cited.paragraph.text
    marked = f"{text[: citation.start]}»{citation.quote}«{text[citation.end :]}"
    lines = [_report_line(cited.report), " > ".join(cited.paragraph.path)]
    lines += [f"  {paragraph.number}  {paragraph.text}" for paragraph in cited.before]
    lines.append(f"▸ {cited.paragraph.number}  {marked}")
    lines += [f"  {paragraph.number}  {paragraph.text}" for paragraph in cited.after]
    return "\n".join(lines)


def show_matches(matches: Sequence[QuoteMatch]) -> str:
    """Return the places where a quote stands, exact ones told from near ones."""
    if not matches:
        return "The quote stands in no report, not even with other width, punctuation or script."
    return "\n".join(
        f"{match.match:8}{_citation_line(match.citation)}\n        “{match.citation.quote}”" for match in matches
    ).replace("[0] ", "")


def show_inventory(rows: Sequence[InventoryRow]) -> str:
    """Return the reports, the duplicates, and the years missing between an office's first and last."""
    lines = [f"{row.meta.id}  {_report_line(row.meta)}  {row.paragraphs} paragraphs  {row.path}" for row in rows]
    for row in rows:
        lines += [f"duplicate: {path} has the same content as {Path(row.path).name}" for path in row.duplicates]
        lines += [f"note: {row.meta.source}: {note}" for note in row.meta.notes]
    lines += [f"missing: {name} {year}" for name, year in missing_years([row.meta for row in rows])]
    lines.append(f"{len(rows)} reports")
    return "\n".join(lines)


def missing_years(metas: Sequence[ReportMeta]) -> list[tuple[str, int]]:
    """Return (office, year) for every year between an office's first and last report that has none."""
    regions: dict[str, set[str]] = defaultdict(set)
    for meta in metas:
        if meta.office and meta.region:
            regions[meta.office].add(meta.region)
    years: dict[tuple[str, str], set[int]] = defaultdict(set)
    for meta in metas:
        if meta.office and meta.year:
            # A report that leaves its region out is its only namesake's.
            known = next(iter(regions[meta.office])) if len(regions[meta.office]) == 1 else ""
            years[(meta.region or known, meta.office)].add(meta.year)
    return [
        (region + office, year)
        for (region, office), known in sorted(years.items())
        for year in range(min(known), max(known))
        if year not in known
    ]


def _report_line(meta: ReportMeta) -> str:
    office = f"{meta.region or ''}{meta.office or '(office unknown)'}"
    return f"{office} {meta.year or '(year unknown)'}  {meta.source}"
