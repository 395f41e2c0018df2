"""Small files beside an index: what it was built from, replaced in one step."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.durably import write_durably


@dataclass(frozen=True, slots=True)
class IndexState:
    """What an index on disk stands for.

    Attributes:
        directory: Name of the folder that holds it.
        catalog_id: The catalog it derives from.
        changed: That catalog's change counter when it was last in step.
        rows: Number of chunks in it.
        strays: Ids of chunks that a vector index holds and does not find by itself.
        looked_through: Number of rows it had when each of them was last looked for.
    """

    directory: str
    catalog_id: str
    changed: int
    rows: int
    strays: tuple[str, ...] = ()
    looked_through: int = 0


def read_state(path: Path) -> IndexState | None:
    """Return the state, or None if there is none that can be read."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return IndexState(**fields | {"strays": tuple(fields.get("strays", ()))})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def write_state(path: Path, state: IndexState) -> None:
    """Replace the state; a reader sees the old one or the new one, whenever we stop."""
    write_durably(path, json.dumps(asdict(state)))


def delete_others(parent: Path, pattern: str, keep: str | None) -> None:
    """Delete the folders matching ``pattern`` but one: what interrupted or replaced builds left."""
    for folder in parent.glob(pattern):
        if folder.name != keep and folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)
