"""What the routers share: the library, and how an upload is checked."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request

from rag.pipeline import Rag
from rag.uploads import UploadCheck


def provide(application: FastAPI, rag: Rag, check: UploadCheck) -> None:
    """Give an application's routers what they work with."""
    application.state.rag = rag
    application.state.check = check


def _rag(request: Request) -> Rag:
    rag = request.app.state.rag
    assert isinstance(rag, Rag)
    return rag


def _check(request: Request) -> UploadCheck:
    check: UploadCheck = request.app.state.check
    return check


Library = Annotated[Rag, Depends(_rag)]
Check = Annotated[UploadCheck, Depends(_check)]
