"""Which reports a user means by an office name."""

from __future__ import annotations

from collections.abc import Iterable

from rag.folding import fold
from rag.types import Filters, ReportMeta

_SHORTEST = 2


def matching_offices(metas: Iterable[ReportMeta], name: str) -> set[str]:
    """Return the ids of reports whose office is meant by ``name``.

    A full form wins: the canonical name or a variant, alone or after the region. Only when none is equal does a part
    of a name do, so that 新华街道 does not bring in 东新华街道办事处.
    """
    wanted = _plain(name)
    if not wanted:
        return set()
    forms = {meta.id: _forms(meta) for meta in metas}
    exact = {report_id for report_id, names in forms.items() if wanted in names}
    if exact or len(wanted) < _SHORTEST:
        return exact
    return {report_id for report_id, names in forms.items() if any(wanted in form for form in names)}


def select(metas: Iterable[ReportMeta], filters: Filters) -> list[ReportMeta]:
    """Return the reports that satisfy every filter; what is unknown about a report satisfies none."""
    chosen = list(metas)
    if filters.offices:  # first, over all reports: a name equal to an office must not come to mean another one's part
        ids = set[str]().union(*(matching_offices(chosen, name) for name in filters.offices))
        chosen = [meta for meta in chosen if meta.id in ids]
    if filters.reports:
        chosen = [meta for meta in chosen if meta.id in filters.reports]
    if filters.years:
        chosen = [meta for meta in chosen if meta.year in filters.years]
    if filters.regions:
        regions = [_plain(region) for region in filters.regions if _plain(region)]
        chosen = [meta for meta in chosen if _in_region(meta, regions)]
    return chosen


def _in_region(meta: ReportMeta, regions: list[str]) -> bool:
    region = _plain(meta.region or "")
    return bool(region) and any(
        wanted == region or (len(wanted) >= _SHORTEST and wanted in region) for wanted in regions
    )


def _forms(meta: ReportMeta) -> set[str]:
    names = {_plain(name) for name in (meta.office, *meta.office_variants) if name}
    region = _plain(meta.region or "")
    return names | {region + name for name in names if region}


def _plain(text: str) -> str:
    return "".join(fold(text).split())
