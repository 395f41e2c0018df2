"""Serve an embedding model to many: ``python -m rag.embedding.server [--host HOST] [--port PORT] [--model NAME]``.

One machine with a GPU embeds for all others, which set ``RAG_EMBEDDING_MODEL=openai:NAME`` and
``RAG_EMBEDDING_BASE_URL``. The protocol is OpenAI's: https://platform.openai.com/docs/api-reference/embeddings.
Texts are embedded exactly as sent, without a prefix: which one a text wants is for the client to know.
"""

from __future__ import annotations

import argparse
import base64
import ipaddress
import logging
import secrets
import socket
import sys
import threading
from typing import Any, Literal

import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from rag.embedding import Embedder, load_embedder
from rag.embedding.openai_embedder import OPENAI_PREFIX
from rag.errors import EmbeddingError, RagError, SettingsError
from rag.settings import Settings, load_settings

DEFAULT_PORT = 7861
MOST_TEXTS = 2048
_log = logging.getLogger(__name__)


class EmbeddingRequest(BaseModel):
    """The body of ``POST /v1/embeddings``; fields of OpenAI's that mean nothing here are passed over."""

    model: str
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class _Refused(Exception):
    """A request that is answered with an error in OpenAI's form."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def create_app(embedder: Embedder, model: str, api_key: str | None = None) -> FastAPI:
    """Return the web application.

    Args:
        embedder: Embeds the texts; it must put no prefix before them.
        model: The name that clients ask for.
        api_key: What clients must send as bearer token; None: nothing.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    one_at_a_time = threading.Lock()  # two batches at once would share the same cores or GPU, and twice the memory

    @app.get("/v1/models")
    def models(request: Request) -> dict[str, Any]:
        _check_key(request, api_key)
        return {"object": "list", "data": [{"id": model, "object": "model", "created": 0, "owned_by": "rag"}]}

    @app.post("/v1/embeddings")
    def embeddings(asked: EmbeddingRequest, request: Request) -> dict[str, Any]:
        _check_key(request, api_key)
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        _check(asked, texts, model, embedder.dimension)
        with one_at_a_time:
            matrix = embedder.embed_passages(texts)
        rows = map(_base64, matrix) if asked.encoding_format == "base64" else matrix.tolist()
        data = [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)]
        # Tokens are nobody's bill here, so they are not counted; clients want the field all the same.
        return {"object": "list", "model": model, "data": data, "usage": {"prompt_tokens": 0, "total_tokens": 0}}

    @app.exception_handler(_Refused)
    def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, _Refused)
        return _problem(error.status, str(error), error.code)

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        return _problem(400, f"{found}. Texts are sent as strings, not as tokens.")

    @app.exception_handler(EmbeddingError)
    def failed(_request: Request, error: Exception) -> Response:
        _log.error("%s", error)
        return _problem(503, "The model failed; the server's log says why.")

    return app


def _check_key(request: Request, api_key: str | None) -> None:
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if api_key is not None and not (
        scheme.lower() == "bearer" and secrets.compare_digest(sent.strip().encode(), api_key.encode())
    ):
        raise _Refused(401, "The key is wrong or missing. Send the one that the server was started with.")


def _check(asked: EmbeddingRequest, texts: list[str], model: str, dimension: int) -> None:
    if asked.model != model:
        raise _Refused(404, f"There is no model {asked.model!r}; this server has {model!r}.", "model_not_found")
    if not 0 < len(texts) <= MOST_TEXTS:
        raise _Refused(400, f"{len(texts)} texts were sent; a request takes 1 to {MOST_TEXTS}.")
    if asked.dimensions not in (None, dimension):
        raise _Refused(400, f"The model gives {dimension} dimensions, not {asked.dimensions}. Leave `dimensions` out.")


def _problem(status: int, message: str, code: str | None = None) -> Response:
    error = {"message": message, "type": "invalid_request_error" if status < 500 else "server_error", "code": code}
    return JSONResponse({"error": error}, status)


def _base64(row: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode()


def served_name(model: str) -> str:
    """Return the name that clients ask for: the model's without ``bundled:``, of a path its last part."""
    return model.removeprefix("bundled:").rstrip("/").rpartition("/")[2] if model else model


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; return 0, 1 when the model cannot be loaded, 2 on bad usage."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings(embedding_model=options.model)
        key = settings.embedding_api_key.get_secret_value() if settings.embedding_api_key else None
        _check_exposure(options.host, key)
        embedder = _without_prefix(settings)
        embedder.embed_passages(["load"])
        name = served_name(settings.embedding_model)
        with _listen(options.host, options.port) as listener:
            host, port = listener.getsockname()[:2]
            at = f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
            print(f"Serving {name} at {at}  (stop with Ctrl+C)", flush=True)  # noqa: T201 - a command
            config = uvicorn.Config(create_app(embedder, name, key), log_level="error", server_header=False)
            uvicorn.Server(config).run(sockets=[listener])
        return 0
    except KeyboardInterrupt:
        return 0
    except RagError as error:
        print(f"rag.embedding.server: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 2 if isinstance(error, SettingsError) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rag.embedding.server", description="Serve an embedding model by OpenAI's protocol."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"0 for any free one (default: {DEFAULT_PORT})")
    parser.add_argument("--model", help="as RAG_EMBEDDING_MODEL (default: the bundled model)")
    return parser


def _without_prefix(settings: Settings) -> Embedder:
    if settings.embedding_model.startswith(OPENAI_PREFIX):
        raise SettingsError(
            f"RAG_EMBEDDING_MODEL={settings.embedding_model!r} is itself behind a server. Give --model, such as "
            "bundled:multilingual-e5-small."
        )
    return load_embedder(settings.model_copy(update={"query_prefix": "", "passage_prefix": ""}))


def _check_exposure(host: str, api_key: str | None) -> None:
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback and api_key is None:
        raise SettingsError(
            f"Serving on {host!r} lets others in, and there is no key. Set RAG_EMBEDDING_API_KEY here and where it is "
            "used, or serve this machine only: --host 127.0.0.1"
        )


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"Cannot listen on {host} port {port} ({error}). Choose another --host or --port."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
