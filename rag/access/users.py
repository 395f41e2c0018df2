"""Who may do what: roles, and the user that a request comes from."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from rag.errors import AccountsError

_NAME = re.compile(r"[\w.@-]{1,64}")


class Role(StrEnum):
    """What a user may do: readers ask, read, export and give feedback; editors also upload, correct and delete."""

    READER = "reader"
    EDITOR = "editor"


@dataclass(frozen=True, slots=True)
class User:
    """Whom a request comes from.

    Attributes:
        name: The account's name; ``local`` where there are no accounts, empty where nobody is logged in.
        role: What they may do.
        is_account: Whether the name is that of an account.
    """

    name: str
    role: Role
    is_account: bool = True

    @property
    def can_edit(self) -> bool:
        """Whether they may upload, correct and delete."""
        return self.role is Role.EDITOR


LOCAL = User("local", Role.EDITOR, is_account=False)
"""Whoever sits at this machine, where there are no accounts."""
NOBODY = User("", Role.READER, is_account=False)
"""Whom a request comes from that no gate has looked at: never more than a reader."""


def checked_name(text: str) -> str:
    """Return a user's or key's name in the form in which it is stored.

    Raises:
        AccountsError: it holds more than letters, digits and ``. _ @ -``.
    """
    name = unicodedata.normalize("NFKC", text)
    if not _NAME.fullmatch(name):
        raise AccountsError(f"{text!r} is no usable name. Use 1 to 64 letters (of any script), digits and . _ @ -")
    return name


def same_name(one: str, other: str) -> bool:
    """Say whether two names are one, however they are typed."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
