"""Errors over the API: what, which and what next; never the server's fault for bad input."""

import pytest
from api_store import COUNTED, open_rag
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rag import errors
from rag.api import install_api
from rag.api.limits import JSON_BYTES
from rag.api.problems import Problem, kind_of
from rag.catalog import Catalog
from rag.ingestion.writer import one_writer

JSON = {"content-type": "application/json"}
GONE = "3f9ac1d2b07e"


@pytest.fixture(scope="module")
def rag(tmp_path_factory):
    with open_rag(tmp_path_factory.mktemp("api")) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(rag):
    application = FastAPI()
    install_api(application, rag)
    return TestClient(application, raise_server_exceptions=False)


BAD = {
    "no such address": ("GET", "nope", {}, 404),
    "wrong method": ("DELETE", "ask", {}, 405),
    "line break in an address": ("GET", "cite/a%0Ab", {}, 404),
    "no citation id": ("GET", "cite/..%2f..%2fetc%2fpasswd", {}, 404),
    "malformed citation id": ("GET", "cite/zz", {}, 400),
    "citation of a report not in": ("GET", f"cite/{GONE}-p1-s0-e1", {}, 404),
    "huge offsets": ("GET", f"cite/{GONE}-p999999-s0-e9999999", {}, 404),
    "report not in": ("GET", f"reports/{GONE}", {}, 404),
    "malformed report id": ("GET", "reports/%00", {}, 422),
    "nothing to delete": ("DELETE", f"reports/{GONE}", {}, 404),
    "broken JSON": ("POST", "ask", {"content": b"{x", "headers": JSON}, 400),
    "not UTF-8": ("POST", "ask", {"content": b'{"question":"\xff"}', "headers": JSON}, 400),
    "half a surrogate pair": ("POST", "ask", {"content": b'{"question":"\\ud800"}', "headers": JSON}, 422),
    "half a pair as a name": ("POST", "ask", {"content": b'{"question":"a","\\udc00":1}', "headers": JSON}, 422),
    "deeply nested": ("POST", "ask", {"content": b"[" * 200_000, "headers": JSON}, 400),
    "huge number": ("POST", "ask", {"content": b'{"question":"a","years":[1e999]}', "headers": JSON}, 422),
    "endless digits": (
        "POST",
        "ask",
        {"content": b'{"question":"a","years":[' + b"9" * 5000 + b"]}", "headers": JSON},
        400,
    ),
    "not a number": ("POST", "ask", {"content": b'{"question":"a","years":[NaN]}', "headers": JSON}, 422),
    "wrong type": ("POST", "ask", {"json": {"question": ["a"]}}, 422),
    "misspelt field": ("POST", "ask", {"json": {"question": "a", "office": "b"}}, 422),
    "empty question": ("POST", "ask", {"json": {"question": ""}}, 422),
    "unknown route": ("POST", "ask", {"json": {"question": "a", "route": "refused"}}, 422),
    "form in place of JSON": ("POST", "ask", {"data": {"question": "a"}}, 415),
    "JSON in place of a form": ("POST", "reports", {"json": {}}, 415),
    "form without files": ("POST", "reports", {"files": {"other": b"x"}}, 422),
    "broken form": ("POST", "reports", {"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400),
    "no quote": ("GET", "find", {}, 422),
    "year out of range": ("GET", "facts?year=99999999999999999999", {}, 422),
    "too long": ("POST", "ask", {"content": b" " * (JSON_BYTES + 1), "headers": JSON}, 413),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_what_which_and_what_next(client, name):
    method, path, sent, status = BAD[name]
    reply = client.request(method, f"/api/v1/{path}", **sent)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(reply.json())
    assert problem.status == status
    assert problem.type and problem.what and problem.which and problem.next and problem.detail


def test_a_body_that_does_not_announce_its_length_is_cut_off(client):
    pieces = (b" " * 65536 for _ in range(JSON_BYTES // 65536 + 2))
    reply = client.post("/api/v1/ask", content=pieces, headers=JSON)
    assert reply.status_code == 413 and reply.json()["which"] == "/api/v1/ask"


def test_every_question_that_can_be_typed_gets_an_answer(client):
    for question in (" ", "\x00", "?" * 15_000, "'; DROP TABLE reports; --", "{{7*7}}", "\ufffe\U0010ffff", "（" * 500):
        reply = client.post("/api/v1/ask", json={"question": question})
        assert reply.status_code == 200 and reply.json()["refused"], question[:20]


def test_a_store_being_written_is_a_conflict_to_be_tried_again(rag, client):
    report = rag.reports()[0].id
    with Catalog.open(rag.settings.store) as other, one_writer(other, 0):
        for reply in (
            client.delete(f"/api/v1/reports/{report}"),
            client.post("/api/v1/reports", files={"files": ("a.txt", "青石街道办事处2023年报告\n内容。".encode())}),
        ):
            assert reply.status_code == 409 and int(reply.headers["retry-after"]) > 0
            assert str(rag.settings.store) not in reply.text
    assert client.get(f"/api/v1/reports/{report}").status_code == 200


def subclasses(error: type) -> set[type]:
    return {error, *(heir for child in error.__subclasses__() for heir in subclasses(child))}


def test_every_error_has_a_status_and_the_servers_own_faults_are_unavailability():
    statuses = {error: kind_of(error.__new__(error)).status for error in subclasses(errors.RagError)}
    assert {status for status in statuses.values()} == {400, 404, 409, 413, 415, 422, 503, 507}
    for error in (errors.StoreError, errors.StoreDamaged, errors.ModelMismatch, errors.EmbeddingError):
        assert statuses[error] == 503


@pytest.mark.parametrize(
    ("failure", "status"), [(errors.StoreDamaged("'/srv/secret' is damaged"), 503), (ZeroDivisionError("secret"), 500)]
)
def test_a_fault_of_the_server_gives_nothing_away(rag, client, monkeypatch, failure, status):
    def broken(*_arguments, **_named):
        raise failure

    monkeypatch.setattr(rag, "ask", broken)
    reply = client.post("/api/v1/ask", json={"question": COUNTED})
    assert reply.status_code == status and reply.headers["content-type"] == "application/problem+json"
    assert "secret" not in reply.text
