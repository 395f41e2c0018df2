"""A model behind an OpenAI-compatible server: client and server of our own against each other, over real HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import openai
import pytest

from rag.embedding import HashEmbedder, load_embedder
from rag.embedding.openai_embedder import OpenAIEmbedder
from rag.embedding.server import served_name
from rag.errors import EmbeddingError
from rag.ingestion import ingest_into_store
from rag.pipeline import Rag
from rag.settings import BUNDLED_MODEL, load_settings

ROOT = Path(__file__).parent.parent
TEXTS = ["街道没有执法权。", "信访案件办结二十六件。", "", "Township office report", "街道没有执法权。", "\ud800孤立"]


@contextmanager
def serving(model, *options, **environment):
    """Run the server as a process of its own; yields its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rag.embedding.server", "--port", "0", "--model", model, *options],
        cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    guard = threading.Timer(120, process.kill)
    guard.start()
    try:
        line = process.stdout.readline()
        yield re.search(r"http://\S+", line)[0]
    finally:
        guard.cancel()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def hash_server():
    with serving("hash") as url:
        yield url


@pytest.fixture(scope="module")
def keyed_server():
    with serving("hash", RAG_EMBEDDING_API_KEY="sesame") as url:
        yield url


def client(url, model="openai:hash", **values):
    return load_embedder(load_settings(embedding_model=model, embedding_base_url=url, **values))


def test_vectors_over_http_are_those_of_the_embedder_itself(hash_server):
    embedder, own = client(hash_server, embedding_batch=2), HashEmbedder()
    told = []
    vectors = embedder.embed_passages(TEXTS, told.append)
    np.testing.assert_allclose(vectors, own.embed_passages(TEXTS), atol=1e-6)
    np.testing.assert_allclose(embedder.embed_query("执法权"), own.embed_query("执法权"), atol=1e-6)
    assert sum(told) == len(TEXTS)
    assert embedder.dimension == own.dimension == client(hash_server).dimension
    assert embedder.embed_passages([]).shape == (0, own.dimension)


@pytest.mark.slow
def test_the_bundled_model_gives_the_same_vectors_behind_the_server_prefixes_and_all():
    own = load_embedder(load_settings())
    with serving(BUNDLED_MODEL) as url:
        embedder = client(url, "openai:multilingual-e5-small")
        pairs = [(embedder.embed_passages(TEXTS), own.embed_passages(TEXTS))]
        pairs.append(
            (embedder.embed_query("哪些街道没有执法权？")[None], own.embed_query("哪些街道没有执法权？")[None])
        )
    for ours, theirs in pairs:
        assert (ours * theirs).sum(axis=1).min() > 0.9999


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_the_openai_package_is_served(hash_server, encoding):
    with openai.OpenAI(base_url=hash_server, api_key="none", max_retries=0) as plain:
        assert [model.id for model in plain.models.list()] == ["hash"]
        reply = plain.embeddings.create(model="hash", input=["甲", "乙"], encoding_format=encoding)
        default = plain.embeddings.create(model="hash", input="甲")
    rows = [each.embedding for each in reply.data]
    if encoding == "base64":
        import base64

        rows = [np.frombuffer(base64.b64decode(row), "<f4") for row in rows]
    np.testing.assert_allclose(rows, HashEmbedder().embed_passages(["甲", "乙"]), atol=1e-6)
    np.testing.assert_allclose(default.data[0].embedding, rows[0], atol=1e-6)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"model": "hash", "input": []}, "1 to 2048"),
        ({"model": "hash", "input": [[1, 2, 3]]}, "not as tokens"),
        ({"model": "hash", "input": "a", "dimensions": 7}, "512 dimensions"),
        ({"model": "hash", "input": "a", "encoding_format": "text"}, "encoding_format"),
    ],
)
def test_what_the_server_cannot_do_it_says(hash_server, body, words):
    with openai.OpenAI(base_url=hash_server, api_key="none", max_retries=0) as plain:
        with pytest.raises(openai.BadRequestError, match=words):
            plain.post("/embeddings", cast_to=object, body=body)


def test_a_wrong_key_is_told_and_the_right_one_let_in(keyed_server):
    for key in (None, "open"):
        with pytest.raises(EmbeddingError, match="RAG_EMBEDDING_API_KEY"):
            client(keyed_server, embedding_api_key=key).embed_query("甲")
    assert client(keyed_server, embedding_api_key="sesame").embed_query("甲").shape == (512,)


def test_a_model_that_the_server_has_not_is_told(hash_server):
    with pytest.raises(EmbeddingError, match="no model 'bge-m3'.*RAG_EMBEDDING_MODEL"):
        client(hash_server, "openai:bge-m3").embed_query("甲")


def test_a_server_that_is_not_there_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    with pytest.raises(EmbeddingError, match="cannot be reached.*Start it"):
        client(url).embed_query("甲")


@pytest.mark.parametrize("values", [{"model": "openai:"}, {"url": ""}])
def test_settings_that_name_no_server_are_refused(values):
    with pytest.raises(EmbeddingError, match="RAG_EMBEDDING_BASE_URL"):
        client(**({"url": "http://127.0.0.1:1/v1"} | values))


@contextmanager
def replying(*replies):
    """Serve the replies one after the other, the last for ever; each a JSON value or a status."""
    given = list(replies)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            reply = given.pop(0) if len(given) > 1 else given[0]
            body = json.dumps({} if isinstance(reply, int) else reply).encode()
            self.send_response(reply if isinstance(reply, int) else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def vectors(*rows):
    data = [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)]
    return {"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 0, "total_tokens": 0}}


@pytest.mark.parametrize(
    "reply",
    [
        {"answer": "a chat server"},
        [1, 2],
        vectors(),
        vectors([1.0, 2.0], [1.0, 2.0]),
        vectors([0.0, 0.0]),
        vectors(["a", "b"]),
        vectors([]),
    ],
    ids=["another object", "a list", "none", "too many", "zero", "words", "empty"],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_what_is_no_embedding_is_not_taken_for_one(reply):
    with replying(reply) as url, pytest.raises(EmbeddingError, match="no embedding"):
        client(url).embed_query("甲")


def test_vectors_come_out_at_unit_length():
    with replying(vectors([3.0, 4.0])) as url:
        np.testing.assert_allclose(client(url).embed_query("甲"), [0.6, 0.8], atol=1e-6)


def test_another_model_under_the_same_name_is_noticed():
    with replying(vectors([3.0, 4.0]), vectors([1.0, 2.0, 3.0])) as url:
        embedder = client(url)
        embedder.embed_query("甲")
        with pytest.raises(EmbeddingError, match="2 dimensions and now gives 3"):
            embedder.embed_query("乙")


def test_a_fault_that_passes_is_tried_again():
    with replying(503, vectors([3.0, 4.0])) as url:
        assert client(url).embed_query("甲").shape == (2,)


def test_a_fault_that_stays_is_told():
    with replying(400) as url, pytest.raises(EmbeddingError, match="refused .400"):
        client(url).embed_query("甲")


def test_the_store_knows_the_model_by_its_name_not_by_its_address():
    names = {client(f"http://127.0.0.1:{port}/v1", "openai:multilingual-e5-small").name for port in (1, 2)}
    assert names == {"openai:multilingual-e5-small"}
    other = client("http://127.0.0.1:1/v1", "openai:multilingual-e5-small", passage_prefix="")
    assert other.name == "openai:multilingual-e5-small+passage=''"


def test_a_store_is_filled_and_asked_through_the_server(hash_server, tmp_path):
    report = tmp_path / "a.txt"
    report.write_text(
        "青石街道办事处2023年法治政府建设情况报告\n\n一、主要举措\n全年受理信访案件26件。\n", encoding="utf-8"
    )
    settings = load_settings(store=tmp_path / "store", embedding_model="openai:hash", embedding_base_url=hash_server)
    assert ingest_into_store([report], settings).added == ("a.txt",)
    with Rag(settings) as rag:
        assert "26" in rag.ask("青石街道2023年受理信访案件多少件").answer


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "RAG_EMBEDDING_API_KEY"),
        (["--port", "99999999"], "--port"),
        (["--model", "openai:other"], "--model"),
        (["--host", "192.0.2.1", "--model", "hash"], "192.0.2.1"),
    ],
)
def test_bad_usage_is_exit_2(arguments, message):
    done = subprocess.run(
        [sys.executable, "-m", "rag.embedding.server", "--model", "hash", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_names_that_clients_ask_for():
    assert served_name(BUNDLED_MODEL) == "multilingual-e5-small"
    assert served_name("BAAI/bge-m3") == "bge-m3"
    assert served_name("/models/bge-m3/") == "bge-m3"


def test_importing_the_client_loads_no_langchain():
    code = "import sys, rag.embedding.openai_embedder as o; sys.exit('langchain_openai' in sys.modules)"
    assert OpenAIEmbedder and subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
