"""Metadata given by hand, as the catalog keeps them with their file."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from rag.structure import MetaOverrides


def as_stored(overrides: MetaOverrides) -> dict[str, Any] | None:
    """Return overrides as JSON can hold them; None when there are none."""
    values = {name: value for name, value in asdict(overrides).items() if value is not None}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()} or None


def from_stored(values: dict[str, Any] | None) -> MetaOverrides | None:
    """Return overrides as the parser takes them."""
    if not values:
        return None
    issued = values.get("issued")
    return MetaOverrides(**{**values, "issued": date.fromisoformat(issued) if issued else None})
