"""The API put together: ``/api/v1``, ``/v1`` for OpenAI's clients, health and metrics."""

from __future__ import annotations

from fastapi import FastAPI

from rag.api import asking, chat_completions, citing, reports
from rag.api.dependencies import provide
from rag.api.documentation import add_documentation
from rag.api.health import health_router
from rag.api.limits import BodyLimit
from rag.api.metrics import Metrics, RequestMetrics
from rag.api.problems import add_problem_handlers
from rag.pipeline import Rag
from rag.uploads import UploadCheck, accept

VERSION = "1.0"


def install_api(application: FastAPI, rag: Rag, *, check: UploadCheck = accept) -> None:
    """Add the API to a web application.

    Args:
        application: Served at ``/``; what it mounts there has to come after.
        rag: The store.
        check: Looks at an upload's name and bytes before it is read; raises a ``LoadError`` to refuse it.
    """
    metrics = Metrics(rag)
    rag.observe(metrics)
    provide(application, rag, check)
    add_problem_handlers(application)  # for what no mount matches, such as a path with a line break in it
    upload_bytes = int(rag.settings.upload_files * rag.settings.max_file_mb * 1024 * 1024)
    for path, part in (("/api/v1", _own_api()), ("/v1", _openai_api())):
        provide(part, rag, check)
        part.add_middleware(BodyLimit, upload_bytes=upload_bytes, upload_path="/api/v1/reports")
        application.mount(path, part)
    application.include_router(health_router(metrics))
    application.add_middleware(RequestMetrics, metrics=metrics)


def _own_api() -> FastAPI:
    api = FastAPI(
        title="Rule-of-law report answers",
        version=VERSION,
        summary="Questions, citations, figures and surveys over annual rule-of-law reports.",
        docs_url=None,
        redoc_url=None,
    )
    for router in (asking.router, citing.router, reports.router):
        api.include_router(router)
    add_problem_handlers(api)
    add_documentation(api)
    return api


def _openai_api() -> FastAPI:
    api = FastAPI(title="OpenAI-compatible chat completions", version=VERSION, docs_url=None, redoc_url=None)
    api.include_router(chat_completions.router)
    chat_completions.add_error_handlers(api)
    return api
