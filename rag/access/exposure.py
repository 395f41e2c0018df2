"""Who can reach the server at all, and by which names: nothing is served beyond this machine without accounts."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from rag.access.accounts import Accounts
from rag.errors import SettingsError
from rag.settings import Settings

USERS_FILE = "users.json"


def users_file(settings: Settings) -> Path:
    """Return where the accounts are."""
    return settings.users_file or settings.store / USERS_FILE


def is_loopback(host: str) -> bool:
    """Say whether a name or address surely is this machine's own; any other name is not, whatever it resolves to."""
    name = host.strip("[]").lower().rstrip(".")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def is_exposed(settings: Settings) -> bool:
    """Say whether others than this machine can reach the server, straight or through a proxy."""
    hosts = (settings.host, *settings.allowed_hosts)
    return settings.trusted_proxies > 0 or not all(is_loopback(host) for host in hosts)


def require_accounts(settings: Settings) -> None:
    """Refuse to serve others without accounts.

    Raises:
        SettingsError: there are none though they are needed; the message tells how to set them.
        AccountsError: the users file cannot be used.
    """
    accounts = Accounts(users_file(settings))
    store = f" --store {settings.store}" if settings.users_file is None else ""
    way = f"Add one with: python -m rag users add NAME --role reader|editor{store}"
    if settings.users_file is not None and not accounts.exist():
        raise SettingsError(f"RAG_USERS_FILE names {str(settings.users_file)!r}, which is not there. {way}")
    if accounts.exist() and not accounts.all():
        raise SettingsError(f"The users file {str(accounts.path)!r} names no user, so nobody could log in. {way}")
    if is_exposed(settings) and not accounts.exist():
        raise SettingsError(
            f"Serving on {settings.host!r} lets others in, and there are no accounts. {way} — or serve this machine "
            "only: --host 127.0.0.1, with RAG_TRUSTED_PROXIES and RAG_ALLOWED_HOSTS unset."
        )


def is_allowed_host(name: str, settings: Settings) -> bool:
    """Say whether the server answers to a name (the ``Host`` header without its port).

    On loopback other names are refused: a hostile page may let its own name resolve to 127.0.0.1 to get round the
    same-origin policy (DNS rebinding).
    """
    if name.lower() in {host.lower() for host in settings.allowed_hosts}:
        return True
    if is_loopback(settings.host):
        return is_loopback(name)
    return not settings.allowed_hosts or is_loopback(name)
