"""A small application with the product's paths behind the gate, and accounts to come in with."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.testclient import TestClient

from rag.access import Access, current_user, install
from rag.access.accounts import Accounts
from rag.settings import load_settings

READER, EDITOR = "李雷", "editor@example"
PASSWORDS = {READER: "四棵松树 and a river", EDITOR: "correct horse battery"}
LOCAL = "http://127.0.0.1:7860"
PUBLIC = "https://rag.example"
_PATHS = (
    "/api/v1/ask",
    "/api/v1/reports",
    "/api/v1/reports/{report}",
    "/api/v1/feedback",
    "/api/v1/conversations/{id}",
)


@dataclass
class Served:
    """The application, and what it let through: method, path and user of each request that reached a handler."""

    access: Access
    application: FastAPI
    reached: list[tuple[str, str, str]]

    def client(self, base: str = LOCAL, address: str = "127.0.0.1", **headers: str) -> TestClient:
        """Return a browser without cookies, or a program where headers say so."""
        return TestClient(
            self.application, base_url=base, client=(address, 50_000), headers=headers, follow_redirects=False
        )

    def key(self, user: str) -> dict[str, str]:
        """Return the header that a program of this user sends."""
        known = self.access.accounts.find(user)
        name = f"key{len(known.keys)}"
        return {"Authorization": f"Bearer {self.access.accounts.add_key(user, name)}"}

    def logged_in(self, user: str, base: str = LOCAL, **options: Any) -> TestClient:
        """Return a browser in which a user has logged in."""
        client = self.client(base, **options)
        done = log_in(client, user)
        assert done.status_code == 303, done.text
        client.headers.update({"Sec-Fetch-Site": "same-origin", "Origin": base})
        return client


def log_in(client: TestClient, user: str, password: str | None = None, **fields: str):
    """Send the form as a browser does."""
    form = {"name": user, "password": PASSWORDS[user] if password is None else password, **fields}
    return client.post("/login", data=form, headers={"Origin": str(client.base_url).rstrip("/")})


def make_users(folder: Path) -> Path:
    """Write a users file with a reader and an editor; once, for hashing takes its time."""
    accounts = Accounts(folder / "users.json")
    accounts.add(READER, "reader", PASSWORDS[READER])
    accounts.add(EDITOR, "editor", PASSWORDS[EDITOR])
    return accounts.path


def serve(store: Path, users: Path | None = None, **settings: Any) -> Served:
    """Put the gate before a small application over an empty store."""
    store.mkdir(exist_ok=True)
    if users is not None:
        shutil.copy(users, store / "users.json")
    application = FastAPI()
    reached: list[tuple[str, str, str]] = []

    async def handle(request: Request) -> dict[str, Any]:
        body = await request.body()
        reached.append((request.method, request.url.path, current_user(request).name))
        return {"user": current_user(request).name, "role": current_user(request).role, "bytes": len(body)}

    for path in (*_PATHS, "/api/v1/survey", "/v1/chat/completions", "/metrics", "/healthz", "/gradio_api/upload"):
        application.add_api_route(path, handle, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])

    @application.get("/page")
    def page() -> HTMLResponse:
        return HTMLResponse("<script>window.ours = 1</script><p>报告</p>", headers={"Access-Control-Allow-Origin": "*"})

    application.add_api_route("/{path:path}", handle, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    access = install(application, load_settings(store=store, **settings))
    return Served(access, application, reached)
