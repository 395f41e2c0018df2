"""Accounts, sessions, limits and the audit log of one server, and what handlers may ask of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from rag.access.accounts import Account, Accounts
from rag.access.audit import AuditLog
from rag.access.credentials import same
from rag.access.exposure import users_file
from rag.access.refusals import Refusal
from rag.access.sessions import Sessions
from rag.access.throttle import Backoff, Spent, Throttle
from rag.access.users import LOCAL, NOBODY, User
from rag.access.visits import Visit
from rag.settings import Settings

_SCOPE_KEY = "rag.access"
_LOG_IN = "Log in at /login, or send `Authorization: Bearer KEY`."


class Access:
    """What decides about requests. Safe to share between threads.

    Args:
        settings: Who is let in, and how much; its store holds the sessions and the audit log.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.accounts = Accounts(users_file(settings))
        self.sessions = Sessions(settings.store, settings.session_hours)
        self.throttle = Throttle(settings)
        self.backoff = Backoff(settings.login_failures)
        self.audit = AuditLog(settings)

    def identify(self, scope: Scope, visit: Visit) -> User | None:
        """Return whom a request comes from, None where it is nobody's.

        Raises:
            Refusal: it bears a key that is none.
            AccountsError: the users file cannot be used.
        """
        if not self.accounts.exist():
            return LOCAL
        scheme, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            account = self.accounts.by_key(key.strip())
            if account is None:
                self.audit.record("key refused", "", visit.address)
                raise Refusal(401, "The key is not known, or was revoked.", _LOG_IN, {"WWW-Authenticate": "Bearer"})
        else:
            account = self.account_of_session(scope)
        return User(account.name, account.role) if account else None

    def account_of_session(self, scope: Scope) -> Account | None:
        """Return the account that the request's cookie is logged in to."""
        token = self.token(scope)
        session = self.sessions.find(token) if token else None
        account = self.accounts.find(session.user) if session else None
        return account if account and session and same(account.stamp, session.stamp) else None

    def token(self, scope: Scope) -> str:
        """Return the session's token that a request bears, empty if none."""
        cookies = cookie_parser(Headers(scope=scope).get("cookie", ""))
        return cookies.get(self.cookie_name(scope), "")

    def cookie_name(self, scope: Scope) -> str:
        """Return the cookie's name; browsers bind one named ``__Host-`` to https and to this very host."""
        return "__Host-rag" if self.is_secure(scope) else "rag"

    def is_secure(self, scope: Scope) -> bool:
        """Say whether the cookie is for https only."""
        chosen = self.settings.secure_cookies
        return chosen == "always" or (chosen == "auto" and scope.get("scheme") == "https")

    def spend(self, what: Spent, admission: Admission) -> None:
        """Count against a limit; where there are no accounts there is none.

        Raises:
            RateLimited: it would be one too many.
        """
        if admission.user.is_account:
            self.throttle.spend(what, admission.user.name)

    def log(self, action: str, admission: Admission, **details: object) -> None:
        """Append to the audit log."""
        self.audit.record(action, admission.user.name, admission.visit.address, **details)

    def told_question(self, question: str) -> dict[str, object]:
        """Return what the audit log says of a question: its text only if that is set."""
        return {"question": question} if self.settings.audit_questions else {"characters": len(question)}


@dataclass(frozen=True, slots=True)
class Admission:
    """A request let through: whose it is, and where it comes from."""

    access: Access
    user: User
    visit: Visit

    def put(self, scope: Scope) -> None:
        """Keep it with the request, where handlers find it."""
        scope[_SCOPE_KEY] = self


def current_user(request: Any) -> User:  # noqa: ANN401 - FastAPI's, Starlette's or Gradio's request
    """Return whom a request comes from; a reader without name where no gate has let it in."""
    admission = _admission(request)
    return admission.user if admission else NOBODY


def asked(request: Any, question: str) -> None:  # noqa: ANN401 - FastAPI's, Starlette's or Gradio's request
    """Count and log a question put by a page's own event, which the gate cannot tell from other events.

    Raises:
        RateLimited: its user has asked too many.
    """
    admission = _admission(request)
    if admission:
        admission.access.spend("questions", admission)
        admission.access.log("ask", admission, **admission.access.told_question(question))


def done(request: Any, action: str, **details: object) -> None:  # noqa: ANN401
    """Log what a page's own event did: ``upload``, ``correct``, ``delete``, ``feedback``."""
    admission = _admission(request)
    if admission:
        admission.access.log(action, admission, **details)


def _admission(request: Any) -> Admission | None:  # noqa: ANN401
    inner = getattr(request, "request", None) or request  # Gradio's request holds Starlette's
    scope = getattr(inner, "scope", None)
    found = scope.get(_SCOPE_KEY) if isinstance(scope, dict) else None
    return found if isinstance(found, Admission) else None
