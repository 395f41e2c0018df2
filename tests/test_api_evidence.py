"""Citations, quotes, figures and reports over the API."""

import csv
import io
from urllib.parse import quote

import pytest
from api_store import COUNTED, REPORTS, open_rag
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rag.api import install_api
from rag.api.replies import (
    CitedReply,
    DeletedReply,
    FactsReply,
    FindReply,
    InventoryReply,
    UploadsReply,
    WholeReport,
)
from rag.errors import LoadError
from rag.serialising import cited_paragraph_to_dict


@pytest.fixture(scope="module")
def rag(tmp_path_factory):
    with open_rag(tmp_path_factory.mktemp("api")) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(rag):
    def check(name: str, content: bytes) -> None:
        if b"forbidden" in content:
            raise LoadError(f"{name!r} holds what is not wanted.")

    application = FastAPI()
    install_api(application, rag, check=check)
    return TestClient(application)


def fits(model, reply) -> dict:
    assert reply.status_code == 200, reply.text
    assert model.model_validate(reply.json()).model_dump() == reply.json()
    return reply.json()


def send(client, *files: tuple[str, bytes]):
    return client.post("/api/v1/reports", files=[("files", file) for file in files])


def text_of(office: str, cases: int) -> bytes:
    return f"{office}街道办事处2023年法治政府建设情况报告\n\n一、主要举措\n全年受理信访案件{cases}件。\n".encode()


def test_a_citation_opens_at_its_paragraph(rag, client):
    cited = client.post("/api/v1/ask", json={"question": COUNTED}).json()["citations"][0]
    opened = fits(CitedReply, client.get(f"/api/v1/cite/{cited['id']}"))
    assert opened == cited_paragraph_to_dict(rag.cite(cited["id"]))
    assert opened["paragraph"]["text"][cited["start"] : cited["end"]] == cited["quote"]


def test_a_quote_is_found(client):
    found = fits(FindReply, client.get("/api/v1/find", params={"quote": "不具備行政執法權"}))
    assert [match["match"] for match in found["matches"]] == ["variant"]
    assert fits(FindReply, client.get("/api/v1/find?quote=月球"))["matches"] == []


def test_figures_as_json_and_csv(client):
    listed = fits(FactsReply, client.get("/api/v1/facts", params={"office": "临泉镇", "indicator": "信访"}))
    assert [fact["value"] for fact in listed["facts"]] == [51, 49][: listed["total"]]
    by_header = client.get("/api/v1/facts?year=2023", headers={"accept": "text/csv"})
    by_name = client.get("/api/v1/facts?year=2023&format=csv")
    assert by_header.headers["content-type"] == "text/csv; charset=utf-8" and by_header.text == by_name.text
    rows = list(csv.DictReader(io.StringIO(by_name.text)))
    assert len(rows) == client.get("/api/v1/facts?year=2023").json()["total"] > 3
    assert client.get("/api/v1/facts?format=json", headers={"accept": "text/csv"}).json()["facts"]


def test_a_long_list_of_figures_comes_in_parts(client):
    everything = client.get("/api/v1/facts").json()
    parts = [client.get(f"/api/v1/facts?limit=2&offset={start}").json() for start in range(0, everything["total"], 2)]
    assert [fact for part in parts for fact in part["facts"]] == everything["facts"]


def test_the_inventory_names_files_but_no_folders(rag, client):
    listed = fits(InventoryReply, client.get("/api/v1/reports"))
    assert {report["source"] for report in listed["reports"]} == set(REPORTS)
    assert str(rag.settings.store.parent) not in client.get("/api/v1/reports").text


def test_a_whole_report_has_every_paragraph(client):
    listed = client.get("/api/v1/reports").json()["reports"]
    wanted = next(report for report in listed if report["source"] == "松湖2022.txt")
    whole = fits(WholeReport, client.get(f"/api/v1/reports/{wanted['id']}"))
    assert len(whole["paragraphs"]) == wanted["paragraphs"]
    assert "".join(REPORTS["松湖2022.txt"].split()) == "".join(
        "".join(paragraph["text"].split()) for paragraph in whole["paragraphs"]
    )
    assert "二、存在的不足" in [section["heading"] for section in whole["sections"]]


def test_files_are_taken_in_each_by_itself_and_a_report_is_taken_out(rag, client):
    reply = send(client, ("青石.txt", text_of("青石", 7)), ("copy.txt", text_of("青石", 7)), ("a.exe", b"MZ"))
    files = fits(UploadsReply, reply)["files"]
    assert [file["outcome"] for file in files] == ["in", "duplicate", "failed"]
    assert files[1]["detail"] == "青石.txt" and ".exe" in files[2]["detail"]
    assert files[0]["report"]["office"] == "青石街道办事处"
    (corrected,) = fits(UploadsReply, send(client, ("青石.txt", text_of("青石", 8))))["files"]
    assert corrected["outcome"] == "replaced"
    assert "8" in client.post("/api/v1/ask", json={"question": "青石街道2023年受理信访案件多少件？"}).json()["answer"]
    for report_id, names in ((corrected["report"]["id"], ["青石.txt"]), (files[0]["report"]["id"], ["copy.txt"])):
        assert fits(DeletedReply, client.delete(f"/api/v1/reports/{report_id}"))["files"] == names
        assert client.delete(f"/api/v1/reports/{report_id}").status_code == 404
    assert not rag.find("青石") and not rag.verify().problems


@pytest.mark.parametrize(
    ("file", "status"),
    [
        (("a.exe", b"MZ"), 415),
        (("big.txt", "街".encode() * 60_000), 413),
        (("scan.pdf", b"%PDF-1.4 cut off"), 422),
        (("empty.txt", b""), 422),
        (("..", b"x"), 415),
        (("a.txt", b"forbidden"), 422),
    ],
)
def test_files_that_all_fail_are_a_problem_with_the_reason(rag, client, file, status):
    reply = send(client, file)
    assert reply.status_code == status and reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["files"][0]["outcome"] == "failed" and reply.json()["detail"]
    assert str(rag.settings.store) not in reply.text


def test_no_name_leads_out_of_the_store(rag, client):
    before = {path for path in rag.settings.store.parent.rglob("*") if path.is_file()}
    for name in ("../../escaped.txt", "..\\..\\escaped.txt", "/tmp/escaped.txt", quote("../escaped.txt")):
        assert send(client, (name, text_of("青石", 9))).status_code == 200
    new = {path for path in rag.settings.store.parent.rglob("*.txt") if path.is_file()} - before
    assert new and all((rag.settings.store / "uploads") in path.parents for path in new)
