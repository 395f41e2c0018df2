"""Who may come in, and what they may do: accounts, sessions, limits, safe responses, the audit log.

:func:`install` protects whatever is mounted on an application. Where a page's own events need to know,
:func:`current_user` tells whose a request is; :func:`asked` and :func:`done` count and log what the gate cannot see.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from rag.access.access import Access, asked, current_user, done
from rag.access.exposure import is_loopback, require_accounts
from rag.access.gate import Gate
from rag.access.login import LoginPages
from rag.access.uploads import UploadLimits, check_upload
from rag.access.users import NOBODY, Role, User
from rag.settings import Settings

__all__ = [
    "NOBODY",
    "Access",
    "Role",
    "UploadLimits",
    "User",
    "asked",
    "check_upload",
    "current_user",
    "done",
    "install",
    "is_loopback",
    "require_accounts",
]


def install(application: FastAPI, settings: Settings, store: Path | None = None) -> Access:
    """Put the gate before everything that an application serves, now or later; the last middleware to be added.

    Args:
        application: Served at ``/``.
        settings: Who is let in, and how much.
        store: Folder of the users file unless set elsewhere, the sessions and the audit log; None: the settings'.

    Raises:
        SettingsError: others than this machine could reach the server, and there are no accounts.
        AccountsError: the users file cannot be used.
    """
    settings = settings.model_copy(update={"store": store}) if store else settings
    require_accounts(settings)
    access = Access(settings)
    application.router.routes[:0] = LoginPages(access).routes()
    application.add_middleware(Gate, access=access)
    return access
