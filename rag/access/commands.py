"""``python -m rag users …`` and ``python -m rag audit``: accounts and the audit log at the terminal."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from rag.access.accounts import Accounts
from rag.access.audit import AuditLog, read_audit
from rag.access.exposure import users_file
from rag.access.users import Role
from rag.errors import AccountsError
from rag.settings import Settings, load_settings

_AGO = re.compile(r"(\d{1,5})([hd])")
_TERMINAL = "terminal"

Commands = Any  # argparse has no public name for it


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Add the commands to a parser's.

    Args:
        commands: What ``add_subparsers`` returned.
        shared: The options ``--store`` and ``--json``.
    """
    users = commands.add_parser("users", help="add, remove and list accounts").add_subparsers(
        required=True, metavar="add|remove|list|password|key"
    )
    add = _command(users, "add", shared, _add, "add a user; the password is asked for, or read from standard input")
    add.add_argument("name")
    add.add_argument("--role", required=True, choices=[role.value for role in Role])
    _command(users, "remove", shared, _remove, "remove a user, with keys and sessions").add_argument("name")
    _command(users, "list", shared, _list, "list users, roles and keys")
    _command(users, "password", shared, _password, "change a password, which ends the user's sessions").add_argument(
        "name"
    )
    keys = users.add_parser("key", help="keys for programs").add_subparsers(required=True, metavar="add|revoke")
    for name, run, text in (
        ("add", _add_key, "give a user a key, shown this once"),
        ("revoke", _revoke_key, "take a key away"),
    ):
        command = _command(keys, name, shared, run, text)
        command.add_argument("name", help="the user's name")
        command.add_argument("key_name", metavar="KEY", help="what the key is for, such as backup-script")
    audit = _command(commands, "audit", shared, _audit, "show who asked, uploaded, changed and logged in")
    audit.add_argument("--user", metavar="NAME", help="only this user's")
    audit.add_argument("--since", type=_moment, metavar="WHEN", help="2024-01-31, 2024-01-31T08:00, 24h or 7d (ago)")


def _command(
    group: Commands,
    name: str,
    shared: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace, Settings], int],
    text: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(name, parents=[shared], help=text, description=text)
    parser.set_defaults(run=lambda options: run(options, load_settings(store=options.store)))
    return parser


def _add(options: argparse.Namespace, settings: Settings) -> int:
    accounts = _accounts(settings)
    if accounts.find(options.name):
        raise AccountsError(f"There is a user {options.name!r} already. `python -m rag users list` lists them.")
    added = accounts.add(options.name, Role(options.role), _asked_password())
    return _done(settings, options, f"Added {added.name} as {added.role} to {accounts.path}.", "user added", added.name)


def _remove(options: argparse.Namespace, settings: Settings) -> int:
    _accounts(settings).remove(options.name)
    return _done(settings, options, f"Removed {options.name}.", "user removed", options.name)


def _password(options: argparse.Namespace, settings: Settings) -> int:
    _accounts(settings).set_password(options.name, _asked_password())
    told = f"Changed the password of {options.name}; their sessions have ended."
    return _done(settings, options, told, "password changed", options.name)


def _add_key(options: argparse.Namespace, settings: Settings) -> int:
    key = _accounts(settings).add_key(options.name, options.key_name)
    sys.stderr.write("Keep the key now: it is not shown again.\n")
    return _done(settings, options, key, "key added", f"{options.name}/{options.key_name}", key=key)


def _revoke_key(options: argparse.Namespace, settings: Settings) -> int:
    _accounts(settings).revoke_key(options.name, options.key_name)
    told = f"Revoked {options.key_name} of {options.name}."
    return _done(settings, options, told, "key revoked", f"{options.name}/{options.key_name}")


def _list(options: argparse.Namespace, settings: Settings) -> int:
    users = [
        {
            "name": account.name,
            "role": account.role.value,
            "keys": [{"name": key.name, "created": key.created.isoformat()} for key in account.keys],
        }
        for account in _accounts(settings).all()
    ]
    if options.json:
        _print(json.dumps({"users": users}, ensure_ascii=False, indent=2))
    else:
        lines = [f"{user['name']}  {user['role']}{_told_keys(user['keys'])}" for user in users]
        _print("\n".join(lines or [f"No users in {users_file(settings)}: the server serves its own machine only."]))
    return 0


def _told_keys(keys: Any) -> str:  # noqa: ANN401 - as _list puts them together
    return "".join(f"  key {key['name']} ({key['created'][:10]})" for key in keys)


def _audit(options: argparse.Namespace, settings: Settings) -> int:
    for entry in read_audit(settings.store, user=options.user, since=options.since):
        # ASCII only, as in the log: a terminal must not take an entry's characters for commands.
        _print(json.dumps(entry) if options.json else _told_entry(entry))
    return 0


def _told_entry(entry: dict[str, Any]) -> str:
    details = {key: value for key, value in entry.items() if key not in ("at", "user", "from", "action")}
    written = " ".join(f"{key}={_printable(value)}" for key, value in details.items())
    return "  ".join(_printable(entry.get(key, "")) for key in ("at", "user", "from", "action")) + f"  {written}"


def _printable(value: object) -> str:
    """Return a value on one line, Chinese as it is, with escapes for what a terminal would act on."""
    return "".join(mark if mark.isprintable() else json.dumps(mark)[1:-1] for mark in str(value))


def _accounts(settings: Settings) -> Accounts:
    return Accounts(users_file(settings))


def _asked_password() -> str:
    """Return a password typed twice at the terminal, or the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise AccountsError("The two passwords differ. Run the command again.")
    return first


def _done(settings: Settings, options: argparse.Namespace, told: str, action: str, whom: str, **values: object) -> int:
    AuditLog(settings).record(action, _operator(), _TERMINAL, whom=whom)
    _print(json.dumps({"done": action, "whom": whom, **values}, ensure_ascii=False) if options.json else told)
    return 0


def _operator() -> str:
    """Return the operating system's user at the terminal."""
    try:
        return f"os:{getpass.getuser()}"
    except (OSError, KeyError):
        return f"os:{os.getuid()}"


def _moment(text: str) -> datetime:
    ago = _AGO.fullmatch(text)
    if ago:
        hours = int(ago[1]) * (24 if ago[2] == "d" else 1)
        return datetime.now(UTC) - timedelta(hours=hours)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment: 2024-01-31, 2024-01-31T08:00, 24h or 7d") from error
    return moment if moment.tzinfo else moment.astimezone()


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
