"""Why a part of an index could not do what was asked; caught within this package."""

from __future__ import annotations


class CollectionFailed(Exception):
    """Chroma could not do it; the message continues "the vector index failed: …"."""


class ProcessLost(CollectionFailed):
    """The process that did the work is gone."""


class Busy(Exception):
    """What was asked would have had to wait for a write."""


class Stopped(Exception):
    """Work was left in the middle, because this process is to end."""
