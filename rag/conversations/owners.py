"""Whose a conversation is: a user's, or that of a browser where there are no accounts."""

from __future__ import annotations

import hashlib

BROWSER = "browser:"
USER = "user:"


def user_owner(name: str) -> str:
    """Return the owner that a user name stands for."""
    return USER + name


def browser_owner(token: str) -> str:
    """Return the owner that a browser's token stands for; who reads the database can't pass for that browser."""
    return BROWSER + hashlib.sha256(token.encode()).hexdigest()[:24]
