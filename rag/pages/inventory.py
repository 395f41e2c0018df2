"""The inventory as a grid: offices down, years across, gaps shown. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.catalog import InventoryRow

LAST = "\uffff"
"""Sorts after every name."""


@dataclass(frozen=True, slots=True)
class OfficeRow:
    """One office with its reports.

    Attributes:
        office: Its name, or None for reports that name none.
        region: Its region, or None where unknown.
        reports: Reports for each year of the grid; empty where there is none.
        unplaced: Reports without a year.
        gaps: True for each year of the grid that lacks a report between the office's first and last.
    """

    office: str | None
    region: str | None
    reports: tuple[tuple[InventoryRow, ...], ...]
    unplaced: tuple[InventoryRow, ...]
    gaps: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Inventory:
    """All reports as offices × years; ``years`` runs without a break from the first to the last."""

    years: tuple[int, ...]
    offices: tuple[OfficeRow, ...]
    reports: int

    @property
    def gaps(self) -> int:
        """Number of years that lack a report between the first and the last of their office."""
        return sum(sum(row.gaps) for row in self.offices)


def lay_out(rows: Sequence[InventoryRow], search: str = "") -> Inventory:
    """Lay the reports out as a grid.

    Args:
        rows: The catalog's inventory.
        search: Only reports whose office, region, title or file name contains this.
    """
    wanted = search.strip().casefold()
    kept = [row for row in rows if not wanted or wanted in _described(row)]
    known = [row.meta.year for row in kept if row.meta.year is not None]
    years = tuple(range(min(known), max(known) + 1)) if known else ()
    regions: dict[str, set[str]] = {}
    for row in rows:
        if row.meta.office and row.meta.region:
            regions.setdefault(row.meta.office, set()).add(row.meta.region)
    groups: dict[tuple[str, str], list[InventoryRow]] = {}
    for row in kept:
        groups.setdefault(_group(row, regions.get(row.meta.office or "", set())), []).append(row)
    return Inventory(years, tuple(_office_row(group, years) for _, group in sorted(groups.items())), len(kept))


def _group(row: InventoryRow, regions: set[str]) -> tuple[str, str]:
    """Return what a report stands in line with: its region and office.

    A report that leaves its region out is of the only region that has such an office. Reports that name no office
    have nothing in common: each stands by itself, after the others.
    """
    if not row.meta.office:
        return LAST, row.meta.id
    region = row.meta.region or (next(iter(regions)) if len(regions) == 1 else "")
    return region, row.meta.office


def _described(row: InventoryRow) -> str:
    meta = row.meta
    names = (meta.office, *meta.office_variants, meta.region, meta.title, meta.source, str(meta.year or ""))
    return " ".join(name for name in names if name).casefold()


def _office_row(group: Sequence[InventoryRow], years: Sequence[int]) -> OfficeRow:
    cells = tuple(tuple(row for row in group if row.meta.year == year) for year in years)
    held = [year for year, cell in zip(years, cells, strict=True) if cell]
    return OfficeRow(
        office=group[0].meta.office,
        region=next((row.meta.region for row in group if row.meta.region), None),
        reports=cells,
        unplaced=tuple(row for row in group if row.meta.year is None),
        gaps=tuple(
            bool(held) and held[0] < year < held[-1] and not cell for year, cell in zip(years, cells, strict=True)
        ),
    )
