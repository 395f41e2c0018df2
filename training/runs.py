"""What a training run was begun with, written in its folder, so that another is never taken for its continuation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECIPE_FILE = "recipe.json"


class OtherRun(ValueError):
    """The folder holds a run that was begun with another recipe or other data."""


def begin_run(folder: Path, about: Mapping[str, Any]) -> None:
    """Write what a run is begun with into its folder.

    Args:
        folder: The run's folder; made if it is not there.
        about: Recipe, hash of the data, whatever else its result depends on.

    Raises:
        OtherRun: a run stands there that was begun with something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RECIPE_FILE
    written = json.dumps(about, indent=1) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") != written:
        raise OtherRun(
            f"{str(folder)!r} holds a run begun with another recipe or other data. Remove it, or name another folder "
            "with --out."
        )
    path.write_text(written, encoding="utf-8")


def read_run(folder: Path) -> dict[str, Any]:
    """Return what the run in a folder was begun with."""
    about: dict[str, Any] = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
    return about
