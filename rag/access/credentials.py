"""Passwords, hashed by Argon2id (RFC 9106), and keys for programs.

A password is guessable and gets a slow hash. A key is 256 random bits, which no guessing finds, so one round of SHA-256
is enough and costs nothing at every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from rag.errors import AccountsError

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
_HASHER = PasswordHasher()  # the library's profile: RFC 9106's for little memory, 64 MiB
_KEY = re.compile(r"rag_[A-Za-z0-9_-]{43}")


def hash_password(password: str, name: str) -> str:
    """Return the salted hash of a new password.

    Raises:
        AccountsError: it is too short, too long, or the user's name.
    """
    normal = _normal(password)
    if not SHORTEST_PASSWORD <= len(normal) <= LONGEST_PASSWORD:
        raise AccountsError(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters. Take a few words that do not belong "
            "together."
        )
    if name.casefold() in normal.casefold() or len(set(normal)) < 4:
        raise AccountsError("The password holds the user's name, or the same few characters. Choose another.")
    return _HASHER.hash(normal)


def password_matches(stored: str | None, password: str) -> bool:
    """Check a password, in the same time whether there is such a user (``stored``) or not (None)."""
    normal = _normal(password)
    usable = len(normal) <= LONGEST_PASSWORD
    try:
        matches = _HASHER.verify(stored or _nobodys_hash(), normal if usable else "")
    except (Argon2Error, InvalidHashError):
        return False
    return matches and usable and stored is not None


def is_password_hash(text: str) -> bool:
    """Say whether a text is a hash that passwords can be checked against."""
    return text.startswith("$argon2id$") and text.count("$") == 5


def new_key() -> str:
    """Return a new key; it is never stored, only its digest."""
    return f"rag_{secrets.token_urlsafe(32)}"


def is_key(text: str) -> bool:
    """Say whether a text has the form of a key."""
    return bool(_KEY.fullmatch(text))


def digest(secret: str) -> str:
    """Return what is stored of a key or session."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare two digests in a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))


def _normal(password: str) -> str:
    """Return a password as the same characters typed on another keyboard give it (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
