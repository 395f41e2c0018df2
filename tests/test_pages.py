"""The pages beside the chat, as a browser without scripts sees them."""

import json
import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rag.evaluation.runs import FOLDER, KEPT, list_runs, save_run
from rag.pages import create_pages
from rag.pages.inventory import lay_out
from rag.pipeline import Rag
from rag.settings import load_settings

ATTACK = """<script>alert(1)</script><img src=x onerror="alert(1)">"""
REPORTS = {
    "云岭2021.txt": (
        "望江区云岭街道办事处2021年法治政府建设情况报告\n\n一、主要举措\n全年受理信访事项58件，办结57件。\n"
    ),
    "云岭2023.txt": (
        "云岭街道办事处2023年法治政府建设情况报告\n\n一、主要举措\n（一）化解矛盾。全年受理信访事项60件。\n\n"
        "二、存在的不足\n街道不具备行政执法权。\n"
    ),
    "敌意.txt": f"白沙街道办事处2023年法治政府建设情况报告\n\n一、主要举措\n发现恶意代码{ATTACK}样本7份。\n",
}


@pytest.fixture
def rag(tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    for name, text in REPORTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    settings = load_settings(store=tmp_path / "store", embedding_model="hash")
    with Rag(settings, create=True, owner=True) as opened:
        opened.ingest([folder])
        yield opened


@pytest.fixture
def client(rag):
    return serve(rag)


def serve(rag, **options):
    application = FastAPI()
    application.include_router(create_pages(rag, **options))
    return TestClient(application, headers={"accept-language": "zh-CN"})


def report_id(rag, source):
    return next(meta.id for meta in rag.reports() if meta.source == source)


def test_the_inventory_shows_offices_by_years_with_the_gap_between(client, rag):
    page = client.get("/reports")
    assert page.status_code == 200
    heads = re.findall(r'<th scope="col">(\d{4})</th>', page.text)
    assert heads == ["2021", "2022", "2023"]
    row = re.search(r'<th scope="row">云岭街道办事处</th>.*?</tr>', page.text, re.S)[0]
    assert row.count("/reports/") == 2 and "云岭街道办事处 2022年没有报告" in row
    assert "共 3 份报告，2 个单位，其间缺 1 份" in page.text


def test_the_inventory_is_searched(client):
    page = client.get("/reports", params={"q": "白沙"})
    assert "白沙街道办事处" in page.text and "云岭街道办事处" not in page.text
    assert "没有这样的报告" in client.get("/reports", params={"q": "无此单位"}).text


def test_every_paragraph_of_a_report_has_an_address(client, rag):
    chosen = report_id(rag, "云岭2023.txt")
    page = client.get(f"/reports/{chosen}").text
    for paragraph in rag.report(chosen).paragraphs:
        assert f'id="p{paragraph.number}"' in page and paragraph.text in page
    assert page.count("60件") >= 2, "once in the text, once among the figures"
    assert re.search(r'<a href="#p\d+">二、存在的不足</a>', page), "the outline leads to the section"


def test_a_report_that_is_not_there_is_told(client):
    page = client.get("/reports/000000000000")
    assert page.status_code == 404 and "python -m rag reports" in page.text


def test_what_a_report_holds_is_text(client, rag):
    page = client.get(f"/reports/{report_id(rag, '敌意.txt')}").text
    assert ATTACK not in page and "&lt;script&gt;alert(1)" in page


def test_a_correction_wins_and_leaves_citations_as_they_are(client, rag):
    chosen = report_id(rag, "敌意.txt")
    before = rag.find("恶意代码")[0].citation.id
    reply = client.post(f"/reports/{chosen}/correct", data={"office": "青石镇", "region": "望江县", "year": "2022"})
    assert reply.status_code == 200 and "已更正" in reply.text
    meta = next(meta for meta in rag.reports() if meta.id == chosen)
    assert (meta.office, meta.region, meta.year) == ("青石镇人民政府", "望江县", 2022)
    assert rag.cite(before).citation.office == "青石镇人民政府"
    assert {fact.fact.year for fact in rag.facts() if fact.fact.report_id == chosen} == {2022}
    assert rag.verify().problems == ()
    answer = rag.ask("青石镇2022年发现恶意代码样本多少份？")
    assert [fact.value for fact in answer.facts] == [7]


def test_a_correction_survives_reading_the_same_files_again(client, rag, tmp_path):
    chosen = report_id(rag, "敌意.txt")
    client.post(f"/reports/{chosen}/correct", data={"year": "2022"})
    summary = rag.ingest([tmp_path / "reports"])
    assert len(summary.unchanged) == 3
    assert next(meta for meta in rag.reports() if meta.id == chosen).year == 2022


@pytest.mark.parametrize("form", [{"year": "二十"}, {"year": "99999"}, {}, {"office": "  "}])
def test_a_correction_that_says_nothing_usable_changes_nothing(client, rag, form):
    chosen = report_id(rag, "敌意.txt")
    before = rag.reports()
    assert client.post(f"/reports/{chosen}/correct", data=form).status_code == 422
    assert rag.reports() == before


def test_deleting_asks_for_the_name_first(client, rag):
    chosen = report_id(rag, "敌意.txt")
    refused = client.post(f"/reports/{chosen}/delete", data={"name": "x"})
    assert refused.status_code == 422 and "没有删除" in refused.text and len(rag.reports()) == 3
    done = client.post(f"/reports/{chosen}/delete", data={"name": "敌意.txt"})
    assert "已删除 敌意.txt" in done.text and len(rag.reports()) == 2
    assert rag.find("恶意代码") == []


def test_each_uploaded_file_is_told_apart(client, rag):
    text = "松风镇人民政府2022年法治政府建设情况报告\n\n一、主要举措\n全年调解纠纷31件。\n"
    given = [
        ("files", ("松风.txt", text.encode())),
        ("files", ("空.pdf", b"")),
        ("files", ("again.txt", REPORTS["云岭2023.txt"].encode())),
    ]
    page = client.post("/reports", files=given).text
    assert "松风.txt</a>: 已收入" in page
    assert re.search(r'<li class="bad">空\.pdf: 失败', page)
    assert "内容已有（云岭2023.txt）" in page
    assert rag.ask("松风镇2022年调解纠纷多少件？").facts[0].value == 31


def test_a_script_gets_the_outcome_as_data(client):
    reply = client.post("/reports", files=[("files", ("a.exe", b"MZ"))], headers={"accept": "application/json"})
    assert reply.json()[0]["outcome"] == "failed" and reply.json()[0]["report"] is None


def test_a_reader_is_not_shown_how_to_change_anything(rag):
    client = serve(rag, may_edit=lambda request: False)
    chosen = report_id(rag, "敌意.txt")
    assert "<form" not in client.get(f"/reports/{chosen}").text
    assert "multipart" not in client.get("/reports").text


def test_the_language_is_the_browsers_until_it_is_chosen(client):
    assert "<h1>Reports</h1>" in client.get("/reports", headers={"accept-language": "en"}).text
    assert "<h1>Reports</h1>" in client.get("/reports?lang=en").text
    assert "<h1>Reports</h1>" in client.get("/reports").text, "the choice is remembered"


def result(date, recall, gold="a.jsonl"):
    figure = {"value": recall, "low": recall, "high": recall, "questions": 1}
    question = {"id": "q1", "question": f"问{ATTACK}", "scores": {"recall_at_10": recall}}
    return {
        "gold": {"file": gold}, "date": date, "engines": ["extractive"], "gate": [], "questions": [question],
        "summary": {"recall_at_10": {"all": figure}},
    }  # fmt: skip


def test_two_runs_are_compared(client, rag):
    store = rag.settings.store
    assert "还没有评测" in client.get("/evaluation").text
    first = save_run(store, result("2024-05-01T10:00:00+00:00", 0.0)).name
    second = save_run(store, result("2024-05-02T10:00:00+00:00", 1.0)).name
    page = client.get("/evaluation").text
    assert page.index("2024-05-02 10:00") < page.index("2024-05-01 10:00")
    compared = client.get("/evaluation/compare", params={"first": first, "second": second}).text
    assert "+1.000" in compared and ATTACK not in compared and "&lt;script&gt;" in compared
    assert client.get("/evaluation/compare").status_code == 422


@pytest.mark.parametrize(
    "name", ["nothing.json", "..%2Fcatalog.sqlite", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a.json.bak"]
)
def test_no_address_leads_out_of_the_runs(client, name):
    assert client.get(f"/evaluation/{name}").status_code == 404


def test_only_the_last_runs_are_kept(tmp_path):
    for number in range(KEPT + 3):
        save_run(tmp_path, result(f"2024-05-01T10:00:{number:02}+00:00", 0.5))
    (tmp_path / FOLDER / "broken.json").write_text("{", encoding="utf-8")
    runs = list_runs(tmp_path)
    assert len(runs) == KEPT and runs[0].date.endswith("22+00:00")
    assert json.loads((tmp_path / FOLDER / runs[0].name).read_text(encoding="utf-8"))["questions"]


def test_a_gap_stands_only_between_an_offices_own_reports(rag):
    grid = lay_out(rag.inventory())
    assert grid.years == (2021, 2022, 2023) and grid.gaps == 1
    assert [row.region for row in grid.offices] == [None, "望江区"]
    baisha = next(row for row in grid.offices if row.office == "白沙街道办事处")
    assert baisha.gaps == (False, False, False)
