"""What the user knows better than the reports: the CSV given with ``--metadata``."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rag.errors import MetadataError
from rag.folding import fold
from rag.lexicon import load
from rag.structure.dates import find_date, plain_years, years_in

_COLUMNS: dict[str, list[str]] = load("structure")["metadata_columns"]
_COLUMN_OF = {fold(header): column for column, headers in _COLUMNS.items() for header in headers}
_HINT = "use the columns file, office, region, year, title, issued"


@dataclass(frozen=True, slots=True)
class MetaOverrides:
    """Metadata that win over what is read from the report; None leaves that alone."""

    office: str | None = None
    region: str | None = None
    year: int | None = None
    title: str | None = None
    issued: date | None = None


def read_metadata_csv(path: Path) -> dict[str, MetaOverrides]:
    """Read a CSV of metadata, UTF-8 or GB18030, headers in English or Chinese, in any order.

    Args:
        path: The CSV file.

    Returns:
        Overrides by file name.

    Raises:
        MetadataError: the file cannot be read, a column is unknown, or a value is unusable.
    """
    rows = list(csv.reader(io.StringIO(_decoded(path), newline="")))
    numbered = [(number, row) for number, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)]
    if not numbered:
        raise MetadataError(f"{path}: the file is empty; {_HINT} in its first row.")
    columns = _columns(path, numbered[0][1])
    overrides: dict[str, MetaOverrides] = {}
    for number, row in numbered[1:]:
        if len(row) > len(columns) and any(cell.strip() for cell in row[len(columns) :]):
            raise MetadataError(
                f"{path}, row {number}: {len(row)} values under {len(columns)} headers; "
                "put values that hold commas in quotes."
            )
        values = {column: cell.strip() for column, cell in zip(columns, row, strict=False) if cell.strip()}
        file = values.pop("file", None)
        if file is None:
            raise MetadataError(f"{path}, row {number}, column 'file': no file name; name the report the row is about.")
        if file in overrides:
            raise MetadataError(f"{path}, row {number}, column 'file': {file!r} is named twice; keep one of the rows.")
        overrides[file] = _overrides(path, number, values)
    return overrides


def _decoded(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MetadataError(f"{path}: cannot be read ({error.strerror or error}); check --metadata.") from error
    for encoding in ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise MetadataError(f"{path}: neither UTF-8 nor GB18030; save it as 'CSV UTF-8'.")


def _columns(path: Path, headers: list[str]) -> list[str]:
    columns: list[str] = []
    for header in headers:
        column = _COLUMN_OF.get(fold(header.strip()))
        if column is None:
            raise MetadataError(f"{path}, row 1: unknown column {header!r}; {_HINT}.")
        if column in columns:
            raise MetadataError(f"{path}, row 1: column {header!r} stands twice for {column!r}; keep one.")
        columns.append(column)
    if "file" not in columns:
        raise MetadataError(f"{path}, row 1: no column 'file'; add one that holds the reports' file names.")
    return columns


def _overrides(path: Path, number: int, values: dict[str, str]) -> MetaOverrides:
    return MetaOverrides(
        office=values.get("office"),
        region=values.get("region"),
        year=_year(path, number, values["year"]) if "year" in values else None,
        title=values.get("title"),
        issued=_issued(path, number, values["issued"]) if "issued" in values else None,
    )


def _year(path: Path, number: int, value: str) -> int:
    plain = plain_years(value).strip()
    named = years_in(plain if plain.endswith(("年", "年度")) else f"{plain}年")
    if len(named) != 1 or plain.rstrip("年度 ") != str(named[0][0]):
        raise MetadataError(f"{path}, row {number}, column 'year': {value!r} is no year; write it as 2023.")
    return named[0][0]


def _issued(path: Path, number: int, value: str) -> date:
    issued = find_date(value)
    if issued is None:
        raise MetadataError(f"{path}, row {number}, column 'issued': {value!r} is no date; write it as 2024-01-31.")
    return issued
