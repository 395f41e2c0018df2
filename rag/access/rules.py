"""The one table of who may send what where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rag.access.throttle import Spent
from rag.access.users import Role

Needs = Role | Literal["anyone", "refused"]
Body = Literal["json", "upload", "free"]

_READING = frozenset({"GET", "HEAD"})
_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ANY = _READING | _WRITING


@dataclass(frozen=True, slots=True)
class Rule:
    """What a request needs that begins with ``path``; the first rule that fits decides.

    Attributes:
        path: Beginning of the path, at a whole segment unless it ends in a mark; or the whole path if ``exact``.
        methods: Methods that it is for.
        needs: The least role; ``anyone`` needs no log-in, ``refused`` is for no one.
        action: What the audit log calls it; None: it is not logged.
        spends: The limit that it counts against.
        body: ``json`` and ``free`` bodies are bounded as a whole, ``upload`` by the limits for files.
        exact: Whether the path is the whole path.
    """

    path: str
    methods: frozenset[str]
    needs: Needs
    action: str | None = None
    spends: Spent | None = None
    body: Body = "json"
    exact: bool = False

    def fits(self, path: str, method: str) -> bool:
        """Say whether the rule is for a request."""
        if method not in self.methods:
            return False
        if self.exact:
            return path == self.path
        return path == self.path or path.startswith(self.path if self.path[-1] in "=-/" else f"{self.path}/")


def _refused(*paths: str) -> tuple[Rule, ...]:
    return tuple(Rule(path, _ANY, "refused") for path in paths)


RULES: tuple[Rule, ...] = (
    Rule("/login", frozenset({"GET", "HEAD", "POST"}), "anyone", body="free", exact=True),
    Rule("/login.css", _READING, "anyone", exact=True),
    Rule("/logout", frozenset({"GET", "HEAD", "POST"}), "anyone", body="free", exact=True),
    Rule("/healthz", _READING, "anyone", exact=True),
    Rule("/readyz", _READING, "anyone", exact=True),
    *(Rule(path, _READING, "anyone", exact=True) for path in ("/robots.txt", "/favicon.ico", "/manifest.json")),
    # Parts of Gradio that the page has no use for: fetching other servers, its own log-in, tools for its developers
    *_refused(
        "/gradio_api/proxy=", "/gradio_api/vibe-", "/gradio_api/undo-vibe-", "/gradio_api/run-history",
        "/gradio_api/runs", "/gradio_api/dev", "/dev", "/gradio_api/deep_link", "/gradio_api/stream",
        "/gradio_api/process_recording", "/gradio_api/token", "/gradio_api/login_check", "/token", "/login_check",
        "/monitoring", "/gradio_api/monitoring", "/login/", "/logout/",
    ),
    Rule("/gradio_api/upload", _WRITING, Role.EDITOR, "upload", "uploads", "upload"),
    Rule("/gradio_api", _ANY, Role.READER),
    Rule("/api/v1/ask", _WRITING, Role.READER, "ask", "questions"),
    Rule("/api/v1/survey", _WRITING, Role.READER, "ask", "questions"),
    Rule("/v1/chat/completions", _WRITING, Role.READER, "ask", "questions"),
    Rule("/api/v1/cite", _ANY, Role.READER),
    Rule("/api/v1/find", _ANY, Role.READER),
    Rule("/api/v1/facts", _ANY, Role.READER),
    Rule("/api/v1/export", _ANY, Role.READER),
    Rule("/api/v1/conversations", _ANY, Role.READER),
    Rule("/api/v1/feedback", frozenset({"POST"}), Role.READER, "feedback"),
    Rule("/api/v1/feedback", _ANY, Role.EDITOR),
    Rule("/api/v1/audit", _READING, Role.EDITOR, "read the audit log"),
    Rule("/api/v1/reports", _READING, Role.READER),
    Rule("/api/v1/reports", frozenset({"POST"}), Role.EDITOR, "upload", "uploads", "upload"),
    Rule("/api/v1/reports", frozenset({"PUT", "PATCH"}), Role.EDITOR, "correct"),
    Rule("/api/v1/reports", frozenset({"DELETE"}), Role.EDITOR, "delete"),
    Rule("/reports", frozenset({"POST"}), Role.EDITOR, "upload", "uploads", "upload", exact=True),
    Rule("/reports", frozenset({"POST"}), Role.EDITOR, "change", body="free"),
    # Whatever else is mounted: reading for readers, changing for editors
    Rule("/", _READING, Role.READER),
    Rule("/", _WRITING, Role.EDITOR, "change"),
)  # fmt: skip


def rule_for(path: str, method: str) -> Rule | None:
    """Return the rule of a request; None: no rule is for its method."""
    return next((rule for rule in RULES if rule.fits(path, method)), None)


def is_for_programs(path: str) -> bool:
    """Say whether a path is called by programs, which get problem details rather than the log-in page."""
    return path.startswith(("/api/", "/v1/", "/gradio_api/")) or path == "/metrics"


def is_for_good(path: str) -> bool:
    """Say whether what stands at a path is the package's own and holds nothing of the reports."""
    return path.startswith(("/assets/", "/static/", "/svelte/", "/theme.css", "/login.css", "/favicon.ico"))
