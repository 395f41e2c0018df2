"""Stores as released versions made them, each written out by that version's own code."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

STORES = Path(__file__).parent / "stores"
RELEASED = {1: STORES / "version-1.sql", 2: STORES / "version-2.sql"}
"""By schema version; two reports and a copy of one, embedded with the model ``hash``."""


def released_store(folder: Path, version: int) -> Path:
    """Make a store of a released version in a new folder."""
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as connection:
        connection.executescript(RELEASED[version].read_text(encoding="utf-8"))
    return folder
