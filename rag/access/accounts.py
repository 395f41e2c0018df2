"""The users file: accounts with their password hashes, roles and keys, changed as a whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import stat
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from rag.access.credentials import digest, hash_password, is_key, is_password_hash, new_key, same
from rag.access.users import Role, checked_name, same_name
from rag.errors import AccountsError

_LOCK_SECONDS = 10
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Key(BaseModel):
    """A key by which a program is its user."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    digest: str
    created: datetime


class Account(BaseModel):
    """A user."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    role: Role
    password: str
    keys: tuple[Key, ...] = ()

    @field_validator("password")
    @classmethod
    def _is_hash(cls, value: str) -> str:
        if not is_password_hash(value):
            raise ValueError("no Argon2id hash; set it with `python -m rag users password NAME`")
        return value

    @property
    def stamp(self) -> str:
        """What changes with the password, so that sessions begun with the old one end."""
        return digest(self.password)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    users: tuple[Account, ...]


class Accounts:
    """The users file, read again whenever it has changed. Safe to share between threads.

    Args:
        path: The file; there need not be one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._users: tuple[Account, ...] = ()
        self._ever = False

    def exist(self) -> bool:
        """Say whether there is a users file, or was since this object was made: deleting it opens nothing."""
        self._ever = self._ever or os.path.lexists(self.path)
        return self._ever

    def all(self) -> tuple[Account, ...]:
        """Return every account.

        Raises:
            AccountsError: the file cannot be used, or others may read it.
        """
        with self._lock:
            try:
                status = self.path.stat()
            except FileNotFoundError:
                self._seen, self._users = None, ()
                return ()
            except OSError as error:
                raise AccountsError(f"The users file {str(self.path)!r} cannot be read: {error.strerror}.") from error
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if seen != self._seen:
                self._users = _read(self.path, status)
                self._seen = seen
            return self._users

    def find(self, name: str) -> Account | None:
        """Return the account of a name, or None."""
        return next((account for account in self.all() if same_name(account.name, name)), None)

    def by_key(self, key: str) -> Account | None:
        """Return the account that a key is of, or None."""
        if not is_key(key):
            return None
        sought, found = digest(key), None
        for account in self.all():
            if any([same(known.digest, sought) for known in account.keys]):
                found = account
        return found

    # Changes, by the commands

    def add(self, name: str, role: Role, password: str) -> Account:
        """Add a user.

        Raises:
            AccountsError: the name is taken or unusable, or the password is weak.
        """
        account = Account(name=checked_name(name), role=role, password=hash_password(password, name))
        if self.find(name):
            raise AccountsError(
                f"There is a user {name!r} already. Change the password with `python -m rag users password {name}`."
            )
        self._change(lambda users: (*users, account))
        return account

    def remove(self, name: str) -> None:
        """Remove a user, with keys and sessions."""
        known = self._known(name)
        self._change(lambda users: [user for user in users if user.name != known.name])

    def set_password(self, name: str, password: str) -> None:
        """Change a password, which ends the user's sessions."""
        known = self._known(name)
        self._replace(known, known.model_copy(update={"password": hash_password(password, known.name)}))

    def add_key(self, name: str, key_name: str) -> str:
        """Give a user a key; returns it, for the only time."""
        known, key_name = self._known(name), checked_name(key_name)
        if any(same_name(key.name, key_name) for key in known.keys):
            raise AccountsError(f"{known.name} has a key {key_name!r} already. Choose another name, or revoke it.")
        key = new_key()
        made = Key(name=key_name, digest=digest(key), created=datetime.now(UTC).replace(microsecond=0))
        self._replace(known, known.model_copy(update={"keys": (*known.keys, made)}))
        return key

    def revoke_key(self, name: str, key_name: str) -> None:
        """Take a key away."""
        known = self._known(name)
        left = tuple(key for key in known.keys if not same_name(key.name, key_name))
        if len(left) == len(known.keys):
            raise AccountsError(f"{known.name} has no key {key_name!r}. `python -m rag users list` lists them.")
        self._replace(known, known.model_copy(update={"keys": left}))

    def _known(self, name: str) -> Account:
        account = self.find(name)
        if account is None:
            raise AccountsError(f"There is no user {name!r}. `python -m rag users list` lists them.")
        return account

    def _replace(self, old: Account, new: Account) -> None:
        self._change(lambda users: [new if user.name == old.name else user for user in users])

    def _change(self, change: Callable[[Sequence[Account]], Sequence[Account]]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock", timeout=_LOCK_SECONDS, mode=0o600):
                _write(self.path, change(self.all()))
        except OSError as error:
            raise AccountsError(
                f"The users file {str(self.path)!r} cannot be written: {error.strerror or error}. Name another with "
                "RAG_USERS_FILE."
            ) from error


def _read(path: Path, status: os.stat_result) -> tuple[Account, ...]:
    if os.name == "posix" and status.st_mode & _OTHERS:
        raise AccountsError(f"Others may read the users file {str(path)!r}. Run: chmod 600 {str(path)!r}")
    try:
        users = _File.model_validate_json(path.read_bytes()).users
    except OSError as error:
        raise AccountsError(f"The users file {str(path)!r} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        place = ".".join(map(str, problem["loc"])) or "the file"
        raise AccountsError(
            f"The users file {str(path)!r} is damaged at {place}: {problem['msg']}. Put a backup in its place, or "
            "delete it and add the users again with `python -m rag users add`."
        ) from error
    names = [user.name.casefold() for user in users]
    if len(set(names)) < len(names):
        raise AccountsError(f"The users file {str(path)!r} names a user twice. Take one out.")
    return users


def _write(path: Path, users: Sequence[Account]) -> None:
    content = {"version": 1, "users": [user.model_dump(mode="json") for user in users]}
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
