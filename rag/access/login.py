"""The log-in page: a form that needs no script."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote

import anyio
from jinja2 import Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from rag.access.access import Access, current_user
from rag.access.accounts import Account
from rag.access.audit import read_audit
from rag.access.credentials import password_matches
from rag.access.gate import is_local_address
from rag.access.visits import read_visit
from rag.errors import AccountsError
from rag.languages import language_of
from rag.resources import read_text, read_yaml
from rag.types import Language

_AT_ONCE = 2  # a hash takes 64 MiB
_WAITING = 20
_ENTRIES = 1000


class LoginPages:
    """``/login``, ``/logout`` and what they need.

    Args:
        access: Accounts and sessions.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._hashing = anyio.CapacityLimiter(_AT_ONCE)

    def routes(self) -> list[Route]:
        """Return the pages, to stand before all others."""
        return [
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/login.css", self.style),
            Route("/logout", self.logout, methods=["GET", "POST"]),
            Route("/api/v1/audit", self.audit),
        ]

    async def style(self, request: Request) -> Response:
        """Return the pages' style."""
        return Response(read_text("rag.access", "login.css"), media_type="text/css")

    async def login(self, request: Request) -> Response:
        """Show the form, or take it in."""
        if not self._access.accounts.exist():
            return RedirectResponse("/", 303)
        if request.method != "POST":
            return _page(request, request.query_params.get("next", "/"))
        form = await _form(request)
        name, password, wanted = form.get("name", ""), form.get("password", ""), form.get("next", "/")
        visit = read_visit(request.scope, 0)  # what the gate has put right
        waiting = self._access.backoff.wait(name, visit.network)
        if not waiting and self._hashing.statistics().tasks_waiting >= _WAITING:
            waiting = 5
        if waiting:
            self._access.audit.record("log-in held off", name, visit.address, seconds=waiting)
            return _page(request, wanted, name=name, failure="wait", seconds=waiting, status=429)
        self._access.backoff.attempted(name, visit.network)
        account = await self._authenticate(name, password)
        if account is None:
            self._access.audit.record("log-in failed", name, visit.address)
            return _page(request, wanted, name=name, failure="wrong", status=401)
        self._access.backoff.succeeded(name, visit.network)
        self._access.audit.record("log-in", account.name, visit.address)
        return self._begin(request, account, wanted)

    async def _authenticate(self, name: str, password: str) -> Account | None:
        try:
            account = self._access.accounts.find(name)
        except AccountsError:
            return None  # the gate has logged why
        stored = account.password if account else None
        matches = await anyio.to_thread.run_sync(password_matches, stored, password, limiter=self._hashing)
        return account if matches else None

    def _begin(self, request: Request, account: Account, wanted: str) -> Response:
        """Begin a session under a token of its own, whatever the browser brought along."""
        old = self._access.token(request.scope)
        if old:
            self._access.sessions.end(old)
        token = self._access.sessions.begin(account.name, account.stamp)
        response = RedirectResponse(wanted if is_local_address(wanted) else "/", 303)
        response.set_cookie(
            self._access.cookie_name(request.scope), token, max_age=self._access.sessions.seconds, path="/",
            secure=self._access.is_secure(request.scope), httponly=True, samesite="lax",
        )  # fmt: skip
        return response

    async def logout(self, request: Request) -> Response:
        """Ask whether to log out, or do it."""
        user = current_user(request)
        if request.method != "POST":
            return _page(request, "/", leaving=user.name) if user.is_account else RedirectResponse("/login", 303)
        self._access.sessions.end(self._access.token(request.scope))
        if user.is_account:
            self._access.audit.record("log-out", user.name, read_visit(request.scope, 0).address)
        response = RedirectResponse("/login", 303, {"Clear-Site-Data": '"cache"'})
        response.delete_cookie(
            self._access.cookie_name(request.scope), path="/", secure=self._access.is_secure(request.scope),
            httponly=True, samesite="lax",
        )  # fmt: skip
        return response

    def audit(self, request: Request) -> Response:
        """Return the last entries of the audit log, newest first; the gate lets only editors ask."""
        entries = list(read_audit(self._access.settings.store, user=request.query_params.get("user")))
        content = json.dumps({"entries": entries[: -_ENTRIES - 1 : -1]})
        return Response(content, media_type="application/json")


async def _form(request: Request) -> dict[str, str]:
    """Return a form's fields; empty if it is none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return {}
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=10, errors="replace"))
    except ValueError:
        return {}


def _page(request: Request, wanted: str, *, status: int = 200, name: str = "", **shown: Any) -> Response:  # noqa: ANN401
    chosen = request.query_params.get("lang")
    asked_for = request.headers.get("accept-language")
    language: Language = chosen if chosen in ("zh", "en") else language_of(asked_for)  # type: ignore[assignment]
    other = "en" if language == "zh" else "zh"
    local = wanted if is_local_address(wanted) else "/"
    content = _template().render(
        say=read_yaml("rag.access", "texts.yaml")[language],
        language=language, other=other, wanted=local, encoded=quote(local, safe=""), name=name,
        **{"failure": None, "seconds": 0, "leaving": None, **shown},
    )  # fmt: skip
    return HTMLResponse(content, status, {"Retry-After": str(shown["seconds"])} if status == 429 else None)


@cache
def _template() -> Any:  # noqa: ANN401 - Jinja's template
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(read_text("rag.access", "login.html.jinja"))
