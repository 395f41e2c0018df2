"""What the server did, for Prometheus: counts and times, never a word of a question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.errors import RagError
from rag.pipeline import Rag
from rag.types import Answer, IngestSummary

_ANSWER_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

_OWN_ROUTES = ("/healthz", "/readyz", "/metrics")


class Metrics:
    """The figures of one server; also an observer of its ``Rag``."""

    def __init__(self, rag: Rag) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "rag_requests", "Requests by route and status", ("method", "route", "status"), registry=self.registry
        )
        self._answers = Histogram(
            "rag_answer_seconds",
            "Seconds that an answer took, by the question's route and what phrased it",
            ("route", "engine"),
            buckets=_ANSWER_SECONDS,
            registry=self.registry,
        )
        self._refused = Counter(
            "rag_questions_refused", "Questions that the reports do not answer", registry=self.registry
        )
        self._ingested = Counter(
            "rag_ingested_files", "Files by what became of them", ("outcome",), registry=self.registry
        )
        self.registry.register(_StoreSize(rag))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def requested(self, method: str, route: str, status: int) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        self._answers.labels(answer.route.value, answer.engine).observe(answer.elapsed_ms.get("total", 0) / 1000)
        if answer.refused:
            self._refused.inc()

    def ingested(self, summary: IngestSummary) -> None:
        """Count an ingest run's files."""
        for outcome in ("added", "replaced", "unchanged", "duplicates", "removed", "failures"):
            self._ingested.labels(outcome).inc(len(getattr(summary, outcome)))


class _StoreSize(Collector):
    """The store's size, read when asked for."""

    def __init__(self, rag: Rag) -> None:
        self._rag = rag

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: the store is not read on registration."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield reports and chunks; nothing while the store cannot be read."""
        try:
            size = self._rag.size()
        except RagError:
            return
        yield GaugeMetricFamily("rag_reports", "Reports in the store", size.reports)
        yield GaugeMetricFamily("rag_chunks", "Chunks in the store", size.chunks)


class RequestMetrics:
    """Counts every request by the pattern of its route; what has none is the page's."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._metrics.requested(_known_method(scope["method"]), _route(scope), status)


def _known_method(method: str) -> str:
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"


def _route(scope: Scope) -> str:
    """Return the route's pattern, its mount included; a bounded set, whatever is asked for."""
    root, pattern = scope.get("root_path") or "", getattr(scope.get("route"), "path", None)
    for mounted in ("/api/v1", "/v1"):
        if root == mounted or root.startswith(f"{mounted}/"):
            return f"{mounted}{pattern or '/other'}"
    return pattern if pattern in _OWN_ROUTES else "page"
