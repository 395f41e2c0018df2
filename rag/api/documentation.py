"""The API's own description, and its page; nothing is fetched from outside."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from rag.api.problems import FieldProblem, Problem

_STATIC = "/docs/static"


def add_documentation(application: FastAPI) -> None:
    """Serve Swagger UI at ``/docs`` from the copy that a package brings, over a description that names problems."""
    application.mount(_STATIC, StaticFiles(packages=[("fastapi_offline", "static")]))
    made = application.openapi

    def openapi() -> dict[str, Any]:
        described = made()
        for model in (Problem, FieldProblem):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schema.pop("$defs", None)
            described.setdefault("components", {}).setdefault("schemas", {})[model.__name__] = schema
        return described

    application.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way

    @application.get("/docs", include_in_schema=False)
    def page(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{root}{application.openapi_url}",
            title=application.title,
            swagger_js_url=f"{root}{_STATIC}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_STATIC}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_STATIC}/favicon.png",
            swagger_ui_parameters={"validatorUrl": None},
        )
