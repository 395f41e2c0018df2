"""Files that come with the package: their text, and what their YAML holds."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(package: str, name: str) -> str:
    """Return the text of a file that lies in a package."""
    return (files(package) / name).read_text(encoding="utf-8")


@cache
def read_yaml(package: str, name: str) -> Any:  # noqa: ANN401 - the shape differs by file; the caller knows its own
    """Return the content of a YAML file that lies in a package; read once, so callers must not change it."""
    return yaml.load(read_text(package, name), _LOADER)
