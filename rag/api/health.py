"""Whether the server lives, whether it can answer, and its figures."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from rag.api.dependencies import Library
from rag.api.metrics import Metrics
from rag.errors import EmbeddingError, RagError
from rag.pipeline import Rag

_LOG = logging.getLogger(__name__)


def health_router(metrics: Metrics) -> APIRouter:
    """Return the routes ``/healthz``, ``/readyz`` and ``/metrics``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    def ready(rag: Library) -> Response:
        checks = readiness(rag)
        able = checks["store"]["ok"] and checks["model"]["ok"]
        return JSONResponse({"ready": able, "checks": checks}, 200 if able else 503, {"Cache-Control": "no-store"})

    @router.get("/metrics")
    def figures() -> Response:
        return Response(generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router


def readiness(rag: Rag) -> dict[str, dict[str, Any]]:
    """Check store, model and indexes; a lagging index is told, but is no reason to turn questions away."""
    checks: dict[str, dict[str, Any]] = {name: {"ok": False} for name in ("store", "model", "index")}
    try:
        size = rag.size()
        checks["store"] = {"ok": True, "reports": size.reports, "chunks": size.chunks}
        lagging = rag.lagging()
        checks["index"] = {"ok": not lagging, "lagging": list(lagging)}
        if not rag.owns_index and (holder := rag.holder()):
            checks["index"]["held_by"] = holder
        rag.embedder.embed_query("法治")
        checks["model"] = {"ok": True, "name": rag.embedder.name}
    except EmbeddingError as error:
        _LOG.warning("not ready: %s", error)
        checks["model"]["detail"] = "The embedding model cannot be run; the server's log says why."
    except RagError as error:
        _LOG.warning("not ready: %s", error)
        checks["store"] = {"ok": False, "detail": "The store cannot be read; the server's log says why."}
    return checks
