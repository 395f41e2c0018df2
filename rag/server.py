"""The web application: REST API, chat page, report pages and MCP server over one store."""

from __future__ import annotations

from fastapi import FastAPI, Request

from rag.access import current_user
from rag.api import install_api
from rag.conversations import Conversations
from rag.pages import create_pages
from rag.pipeline import Rag
from rag.settings import Settings
from rag.ui import mount_page
from rag.uploads import UploadCheck, accept


def create_server(
    rag: Rag, settings: Settings, conversations: Conversations | None = None, *, check: UploadCheck = accept
) -> FastAPI:
    """Return the web application: API, chat, and the pages of reports and evaluation.

    The API is under ``/api/v1`` and ``/v1``, the chat at ``/`` with MCP beside it, the pages under ``/reports`` and
    ``/evaluation``.

    Args:
        rag: The store, opened as its owner.
        settings: Address that the page is served at.
        conversations: Where questions and answers are kept; None: as long as the server runs.
        check: Looks at an upload's name and bytes before it is read; raises a ``LoadError`` to refuse it.
    """
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    install_api(application, rag, check=check)
    application.include_router(create_pages(rag, may_edit=lambda request: current_user(request).can_edit, check=check))
    mount_page(application, rag, settings, conversations, _account)
    return application


def _account(request: Request) -> str:
    """Return the name of the account that sent a request; empty where there are no accounts."""
    user = current_user(request)
    return user.name if user.is_account else ""
