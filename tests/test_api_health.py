"""Health and figures."""

import pytest
from api_store import COUNTED, open_rag
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from rag.api import install_api
from rag.errors import EmbeddingError, StoreDamaged


@pytest.fixture
def rag(tmp_path):
    with open_rag(tmp_path) as opened:
        yield opened


@pytest.fixture
def client(rag):
    application = FastAPI()
    install_api(application, rag)
    return TestClient(application)


def figures(client) -> dict[tuple[str, tuple], float]:
    reply = client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def test_a_server_that_can_answer_is_alive_and_ready(client):
    assert client.get("/healthz").json() == {"status": "alive"}
    ready = client.get("/readyz")
    assert ready.status_code == 200 and ready.json()["ready"]
    checks = ready.json()["checks"]
    assert checks["store"]["reports"] == 3 and checks["index"] == {"ok": True, "lagging": []}


def test_an_index_behind_the_catalog_is_told_and_still_answers(rag, client, monkeypatch):
    monkeypatch.setattr(rag._index, "sync", lambda: None)
    client.post("/api/v1/reports", files={"files": ("a.txt", "青石街道办事处2023年报告\n受理信访9件。".encode())})
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"]["index"] == {"ok": False, "lagging": ["lexical", "vector"]}
    assert rag.find("受理信访9件")


@pytest.mark.parametrize(
    ("failing", "failure", "check"),
    [("size", StoreDamaged("'/srv/secret'"), "store"), ("embedder", EmbeddingError("'/srv/secret'"), "model")],
)
def test_a_server_that_cannot_answer_is_not_ready_but_alive(rag, client, monkeypatch, failing, failure, check):
    def broken(*_arguments):
        raise failure

    monkeypatch.setattr(*((rag, "size") if failing == "size" else (rag.embedder, "embed_query")), broken)
    ready = client.get("/readyz")
    assert ready.status_code == 503 and not ready.json()["checks"][check]["ok"]
    assert "secret" not in ready.text
    assert client.get("/healthz").status_code == 200
    assert client.get("/metrics").status_code == 200


def test_requests_answers_and_files_are_counted_by_route_and_outcome(client):
    client.post("/api/v1/ask", json={"question": COUNTED})
    client.post("/api/v1/ask", json={"question": "月球上有几个街道？"})
    client.post("/v1/chat/completions", json={"model": "rag", "messages": [{"role": "user", "content": COUNTED}]})
    client.get("/api/v1/cite/secret-of-someone")
    client.get("/api/v1/secret-of-someone")
    client.request("SECRET", "/api/v1/ask")
    client.post("/api/v1/reports", files={"files": ("a.txt", "青石街道办事处2023年报告\n受理信访9件。".encode())})
    counted = figures(client)

    def requests(route: str, status: int, method: str = "GET") -> float:
        labels = (("method", method), ("route", route), ("status", str(status)))
        return counted["rag_requests_total", labels]

    assert requests("/api/v1/ask", 200, "POST") == 2 and requests("/v1/chat/completions", 200, "POST") == 1
    assert requests("/api/v1/cite/{citation_id}", 400) == 1 and requests("/api/v1/other", 404) == 1
    assert requests("/api/v1/ask", 405, "other") == 1
    answers = {name: value for name, value in counted.items() if name[0] == "rag_answer_seconds_count"}
    assert sum(answers.values()) == 3
    assert answers["rag_answer_seconds_count", (("engine", "extractive"), ("route", "refused"))] == 1
    assert counted["rag_questions_refused_total", ()] == 1
    assert counted["rag_reports", ()] == 4 and counted["rag_chunks", ()] > 4
    assert counted["rag_ingested_files_total", (("outcome", "added"),)] == 1


def test_no_word_of_a_question_is_in_the_figures(client):
    client.post("/api/v1/ask", json={"question": COUNTED})
    client.get("/api/v1/find", params={"quote": "secret-of-someone"})
    shown = client.get("/metrics").text
    assert "secret" not in shown and "松湖" not in shown and "信访" not in shown
