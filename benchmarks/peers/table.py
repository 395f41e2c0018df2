"""The comparison as one table: systems side by side, a figure for each corpus; as text, as Markdown, in the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BEGIN, END = "<!-- peers:begin -->", "<!-- peers:end -->"
NOTHING = "–"

Figures = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Column:
    """A system's figures.

    Attributes:
        title: What it is called.
        answers: What it gives without a chat model.
        figures: Its figures by name, one mapping for each corpus; None where it was not run.
    """

    title: str
    answers: str
    figures: Sequence[Figures | None]


ROWS = (
    ("evidence among the first 10 contexts", "recall_10", "{:.2f}"),
    ("evidence among the first 5", "recall_5", "{:.2f}"),
    ("evidence of facts and numbers, first 10", "single_passage", "{:.2f}"),
    ("evidence in the first 1,000 characters", "budget_1000", "{:.2f}"),
    ("evidence in the first 3,000 characters", "budget_3000", "{:.2f}"),
    ("characters in the first 10 contexts", "characters", "{:,.0f}"),
    ("query, median", "query_ms", "{:.0f} ms"),
    ("query, processor, mean", "query_processor_ms", "{:.0f} ms"),
    ("ingest, clock", "ingest_seconds", "{:.1f} s"),
    ("of it embedding", "embedding_seconds", "{:.1f} s"),
    ("ingest, processor", "processor_seconds", "{:.1f} s"),
    ("peak memory, ingest", "ingest_memory_mib", "{:,.0f} MiB"),
    ("peak memory, asking", "ask_memory_mib", "{:,.0f} MiB"),
    ("store on disk", "store_mib", "{:.1f} MiB"),
)


def cells(columns: Sequence[Column]) -> list[list[str]]:
    """Return the table's rows, the first being its head."""
    rows = [["", *(column.title for column in columns)]]
    rows += [[label, *(cell(column, name, form) for column in columns)] for label, name, form in ROWS]
    return [*rows, ["without a chat model", *(column.answers for column in columns)]]


def cell(column: Column, name: str, form: str) -> str:
    """Return a figure for each corpus, parted by a stroke; the unit stands once."""
    number, _, unit = form.partition(" ")
    shown = [_shown(figures, name, number) for figures in column.figures]
    if all(text == NOTHING for text in shown):
        return NOTHING
    return f"{' / '.join(shown)} {unit}".rstrip()


def _shown(figures: Figures | None, name: str, number: str) -> str:
    value = None if figures is None else figures.get(name)
    return NOTHING if value is None else number.format(value)


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows in columns, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as a Markdown table."""
    head, *body = (f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def put_between_markers(text: str, table: str) -> str:
    """Return the text with the table in place of what stands between the two marker comments.

    Raises:
        ValueError: the markers are not there once each, in order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in before + after:
        raise ValueError(f"it must hold {BEGIN} and, after it, {END}, once each; the table goes between them")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"
