"""Questions over the API: the answer as documented, whole, streamed and as a survey."""

import json
import time

import httpx
import pytest
from api_store import COUNTED, SURVEY, open_rag, served
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rag.api import install_api, streaming
from rag.api.replies import AnswerReply, SurveyReply
from rag.errors import StoreDamaged
from rag.serialising import answer_to_dict
from rag.types import Filters, Route, SectionKind, Turn

STREAM = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def rag(tmp_path_factory):
    with open_rag(tmp_path_factory.mktemp("api")) as opened:
        yield opened


@pytest.fixture(scope="module")
def application(rag):
    application = FastAPI()
    install_api(application, rag)
    return application


@pytest.fixture(scope="module")
def client(application):
    return TestClient(application)


@pytest.fixture(scope="module")
def address(application):
    with served(application) as url:
        yield url


def timeless(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name != "elapsed_ms"}


def events(text: str) -> list[tuple[str, dict]]:
    blocks = [block.splitlines() for block in text.replace("\r\n", "\n").split("\n\n") if block.startswith("event: ")]
    return [(block[0].removeprefix("event: "), json.loads(block[1].removeprefix("data: "))) for block in blocks]


@pytest.mark.parametrize(
    "question",
    [
        SURVEY,
        COUNTED,
        "松湖街道2022年和2023年信访案件比较",
        "月球上有几个街道？",
        "Which offices lack enforcement power?",
    ],
)
def test_the_answer_is_the_librarys_json_exactly_and_as_documented(rag, client, question):
    reply = client.post("/api/v1/ask", json={"question": question})
    assert reply.status_code == 200
    assert timeless(reply.json()) == timeless(answer_to_dict(rag.ask(question)))
    assert AnswerReply.model_validate(reply.json()).model_dump() == reply.json()


def test_a_question_can_be_restricted_given_a_route_and_a_history(rag, client):
    restricted = client.post(
        "/api/v1/ask", json={"question": "信访案件多少件？", "offices": ["临泉镇"], "years": [2023]}
    )
    assert {citation["office"] for citation in restricted.json()["citations"]} == {"临泉镇人民政府"}
    nowhere = client.post("/api/v1/ask", json={"question": "信访案件多少件？", "regions": ["海东区"]}).json()
    assert nowhere["refused"]
    kinds = client.post("/api/v1/ask", json={"question": "行政执法权", "section_kinds": ["measures"]}).json()
    assert (
        kinds["contexts"]
        == answer_to_dict(rag.ask("行政执法权", filters=Filters(section_kinds=(SectionKind.MEASURES,))))["contexts"]
    )
    routed = client.post("/api/v1/ask", json={"question": "行政执法权", "route": "survey"})
    assert routed.json()["route"] == Route.SURVEY and len(routed.json()["survey"]["rows"]) == 3
    history = [{"question": COUNTED, "answer": "28件。[1]"}]
    followed = client.post("/api/v1/ask", json={"question": "2022年呢？", "history": history}).json()
    assert "36" in followed["answer"] and "松湖" in followed["citations"][0]["office"]
    assert timeless(followed) == timeless(answer_to_dict(rag.ask("2022年呢？", history=[Turn(COUNTED, "28件。[1]")])))


def test_a_survey_gives_every_report_a_row_with_its_evidence(client):
    reply = client.post("/api/v1/survey", json={"question": "不具备行政执法权"}).json()
    assert SurveyReply.model_validate(reply).model_dump() == reply
    verdicts = {(row["office"], row["year"]): row["verdict"] for row in reply["rows"]}
    assert len(verdicts) == reply["reports"] == 3
    assert verdicts["松湖街道办事处", 2022] == "yes" and verdicts["临泉镇人民政府", 2023] == "not_mentioned"
    (cited,) = next(row["citations"] for row in reply["rows"] if row["verdict"] == "yes")
    assert "不具备行政执法权" in cited["quote"]
    nowhere = client.post("/api/v1/survey", json={"question": "不具备行政执法权", "years": [1999]}).json()
    assert nowhere["refused"] and nowhere["rows"] == []


@pytest.mark.parametrize("path", ["/api/v1/ask", "/api/v1/ask/stream"])
def test_an_answer_streams_over_a_real_connection(rag, address, path):
    with httpx.stream("POST", address + path, json={"question": SURVEY}, headers=STREAM, timeout=60) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        told = events(reply.read().decode())
    names = [name for name, _ in told]
    assert names == ["token"] * (len(told) - 1) + ["answer"] and len(told) > 2
    answer = told[-1][1]
    assert "".join(data["text"] for name, data in told if name == "token") == answer["answer"]
    assert timeless(answer) == timeless(answer_to_dict(rag.ask(SURVEY)))


def test_a_silent_stream_keeps_its_connection_with_heartbeats(rag, address, monkeypatch):
    monkeypatch.setattr(streaming, "HEARTBEAT_SECONDS", 0.1)
    answer = rag.ask(COUNTED)

    def slow(*_arguments, **_named):
        yield "28"
        time.sleep(0.5)
        yield answer

    monkeypatch.setattr(rag, "stream", slow)
    arrived = []
    with httpx.stream("POST", f"{address}/api/v1/ask/stream", json={"question": "?"}, timeout=60) as reply:
        for line in reply.iter_lines():
            arrived.append(line)
    first, last = arrived.index("event: token"), arrived.index("event: answer")
    assert arrived[first + 1 : last].count(": heartbeat") >= 2


@pytest.mark.parametrize(
    ("failure", "status"), [(StoreDamaged("The catalog '/srv/secret' is damaged."), 503), (ValueError("secret"), 500)]
)
def test_a_stream_that_fails_ends_with_a_problem_that_gives_nothing_away(rag, client, monkeypatch, failure, status):
    def broken(*_arguments, **_named):
        yield "已检索"
        raise failure

    monkeypatch.setattr(rag, "stream", broken)
    reply = client.post("/api/v1/ask", json={"question": "?"}, headers=STREAM)
    (_, token), (name, problem) = events(reply.text)
    assert token == {"text": "已检索"} and name == "error" and problem["status"] == status
    assert "secret" not in reply.text


def test_a_reader_who_leaves_stops_the_answer(rag, address, monkeypatch):
    made = []

    def endless(*_arguments, **_named):
        try:
            while True:
                time.sleep(0.02)
                made.append(1)
                yield "x" * 1000
        finally:
            made.append("closed")

    monkeypatch.setattr(rag, "stream", endless)
    with httpx.stream("POST", f"{address}/api/v1/ask/stream", json={"question": "?"}, timeout=60) as reply:
        next(reply.iter_lines())
    limit = time.monotonic() + 20
    while made[-1] != "closed":
        assert time.monotonic() < limit, "the answer went on without a reader"
        time.sleep(0.1)
