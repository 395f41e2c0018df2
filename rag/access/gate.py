"""The gate: every request passes it before anything else sees it."""

from __future__ import annotations

import logging
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rag.access.access import Access, Admission
from rag.access.bodies import bounded, question_in, require_json
from rag.access.exposure import is_allowed_host, is_loopback
from rag.access.headers import SecuredSend
from rag.access.refusals import Refusal
from rag.access.rules import Rule, is_for_programs, rule_for
from rag.access.users import LOCAL, NOBODY, Role, User
from rag.access.visits import Visit, is_from_elsewhere, proves_same_origin, read_visit
from rag.errors import AccountsError, RateLimited

_LOG = logging.getLogger(__name__)
_LONGEST_PATH = 2048
_POLICY_VIOLATION = 1008


class Gate:
    """Lets requests through by the table of rules, and secures what goes back.

    Args:
        app: What is protected.
        access: What decides.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._handle(scope, receive, send)
        else:  # nothing here speaks over WebSockets
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = read_visit(scope, self._access.settings.trusted_proxies)
        secured = SecuredSend(scope, send)
        path = scope["path"]
        try:
            passing = await self._admit(scope, receive, visit)
        except Refusal as refusal:
            response = self._refuse(scope, refusal)
            await response(scope, receive, secured)
            return
        rule, admission, body, receive = passing
        # A compressed page could not be looked into for its scripts.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        try:
            await self._app(scope, receive, secured)
        finally:
            if rule.action:
                details = self._access.told_question(question_in(body)) if rule.spends == "questions" else {}
                self._access.log(
                    rule.action, admission, method=scope["method"], path=path, status=secured.status, **details
                )

    async def _admit(self, scope: Scope, receive: Receive, visit: Visit) -> tuple[Rule, Admission, bytes, Receive]:
        self._check_address(scope, visit)
        rule = rule_for(scope["path"], scope["method"])
        if rule is None:
            raise Refusal(405, f"The method {scope['method']!r} is not known here.", "Use GET or POST.")
        if rule.needs == "refused":
            raise Refusal(404, "There is nothing here.", "See /api/v1/docs for the addresses there are.")
        user = self._identify(scope, visit, rule)
        admission = Admission(self._access, user or NOBODY, visit)
        self._check_role(rule, user, admission, scope)
        self._check_same_origin(scope, rule, user)
        body, receive = await bounded(scope, receive, rule, self._access.settings)
        if is_for_programs(scope["path"]) and rule.body == "json":
            require_json(scope, body)
        try:
            if rule.spends:
                self._access.spend(rule.spends, admission)
        except RateLimited as error:
            self._access.log("limited", admission, path=scope["path"])
            raise Refusal(429, str(error), "Wait.", {"Retry-After": str(error.seconds)}) from error
        admission.put(scope)
        return rule, admission, body, receive

    def _check_address(self, scope: Scope, visit: Visit) -> None:
        """Refuse what no browser or program of good faith sends, and what the server is not set up to be reached by."""
        path = scope["path"]
        if not visit.host or not is_allowed_host(visit.host, self._access.settings):
            raise Refusal(421, "The server does not answer to this name.", "Add the name to RAG_ALLOWED_HOSTS.")
        if len(path) > _LONGEST_PATH or not path.isprintable() or "\\" in path or ".." in path.split("/"):
            raise Refusal(400, "The address holds parts that none here has.", "Correct the address.")
        if not self._access.accounts.exist() and (visit.proxied or not is_loopback(visit.address)):
            raise Refusal(
                403,
                "Without accounts this server is for its own machine only.",
                "Add one with `python -m rag users add`, and set RAG_TRUSTED_PROXIES if a proxy stands before it.",
            )
        if is_from_elsewhere(scope, visit):
            raise Refusal(403, "The request was made by another site's page.", "Open this server's own page.")

    def _identify(self, scope: Scope, visit: Visit, rule: Rule) -> User | None:
        try:
            return self._access.identify(scope, visit)
        except AccountsError as error:
            _LOG.error("%s", error)
            if rule.needs == "anyone":
                return None
            raise Refusal(503, "The accounts cannot be read.", "Tell whoever runs the server.") from error

    def _check_role(self, rule: Rule, user: User | None, admission: Admission, scope: Scope) -> None:
        if rule.needs == "anyone":
            return
        if user is None:
            advice = "Log in at /login, or send `Authorization: Bearer KEY`."
            raise Refusal(401, "This needs a log-in.", advice, {"WWW-Authenticate": "Bearer"})
        if rule.needs == Role.EDITOR and not user.can_edit:
            self._access.log("denied", admission, method=scope["method"], path=scope["path"])
            raise Refusal(403, f"{user.name} may read, not change.", "Ask for the role of an editor.")

    def _check_same_origin(self, scope: Scope, rule: Rule, user: User | None) -> None:
        """Ask for a browser's word that its own page sent what a cookie would let through."""
        headers = Headers(scope=scope)
        by_cookie = user not in (None, LOCAL) and not headers.get("authorization", "").lower().startswith("bearer ")
        if (by_cookie or rule.body == "free") and not proves_same_origin(scope):
            raise Refusal(
                403, "Nothing tells that this server's page sent the request.", "Send a key, or use the page."
            )

    def _refuse(self, scope: Scope, refusal: Refusal) -> Response:
        for_program = is_for_programs(scope["path"])
        wants_page = scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
        if refusal.status == 401 and wants_page and not for_program:
            query = scope.get("query_string", b"").decode("latin-1")
            wanted = scope["path"] + (f"?{query}" if query else "")
            return RedirectResponse(f"/login?next={quote(wanted, safe='')}", 303)
        return refusal.response(scope["path"], for_program=for_program)


def is_local_address(text: str) -> bool:
    """Say whether a link leads to a page of this server: ``/…``, and no way to write another one's name."""
    parts = urlsplit(text) if text.isprintable() else None
    return bool(parts) and text.startswith("/") and not text.startswith(("//", "/\\")) and "\\" not in text
