import csv
import io
import json

import pytest
from stored_reports import EMBEDDER, stored_report

from rag.__main__ import main
from rag.catalog import BuiltWith, Catalog
from rag.fact_listing import about
from rag.facts import extract_facts
from rag.ingestion import ingest_into_store
from rag.settings import load_settings

BUILT_WITH = BuiltWith(EMBEDDER.name, 320)


@pytest.fixture
def catalog(tmp_path, catalog_url):
    with Catalog.open(tmp_path / "store", BUILT_WITH, create=True, url=catalog_url) as opened:
        yield opened


def test_the_catalog_returns_the_facts_that_were_put_in(catalog):
    one, other = stored_report("a.txt", "办结信访案件26件。"), stored_report("b.txt", "罚款3万元。", year=2022)
    catalog.put_report(one)
    catalog.put_report(other)
    assert catalog.facts([one.report.meta.id]) == list(extract_facts(one.report))
    assert {fact.indicator for fact in catalog.facts()} == {"信访案件", "罚款"}
    assert catalog.facts([]) == []


def test_a_replaced_report_takes_its_facts_along(catalog):
    catalog.put_report(stored_report("a.txt", "办结信访案件26件。"))
    catalog.put_report(stored_report("a.txt", "办结信访案件30件。"))
    assert [fact.value for fact in catalog.facts()] == [30]


def test_an_indicator_is_found_by_other_words_for_it():
    facts = extract_facts(stored_report("a.txt", "办结信访案件26件，罚款3万元。").report)
    assert [fact.indicator for fact in about(facts, "上访")] == ["信访案件"]
    assert [fact.indicator for fact in about(facts, "案件")] == ["信访案件"]
    assert about(facts, "无人机") == []


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_EMBEDDING_MODEL", "hash")
    reports = tmp_path / "reports"
    reports.mkdir()
    for name, text in (
        (
            "青禾街道办事处2023年法治政府建设情况报告.txt",
            "一、主要做法\n全年办理信访案件26件，上年为31件。发放宣传资料1000余份。\n",
        ),
        ("白石镇人民政府2023年法治政府建设情况报告.txt", "一、主要做法\n全年办理信访案件14件。\n"),
    ):
        (reports / name).write_text(f"{name[:-4]}\n{text}", encoding="utf-8")
    ingest_into_store([reports], load_settings(store=tmp_path / "store"))
    return tmp_path / "store"


def test_the_command_exports_facts_as_csv_with_citations_that_open(store, capsys):
    assert main(["facts", "--store", str(store), "--csv", "--indicator", "上访"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert sorted((row["office"], row["year"], row["value"]) for row in rows) == [
        ("白石镇人民政府", "2023", "14"),
        ("青禾街道办事处", "2022", "31"),
        ("青禾街道办事处", "2023", "26"),
    ]
    assert list(rows[0]) == (
        "office region year indicator value high unit qualifier planned quote citation source".split()
    )
    assert main(["cite", rows[0]["citation"], "--store", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["citation"]["quote"] == rows[0]["quote"]


def test_the_command_keeps_to_office_and_year(store, capsys):
    assert main(["facts", "--store", str(store), "--json", "--office", "青禾街道", "--year", "2022"]) == 0
    (fact,) = json.loads(capsys.readouterr().out)
    assert (fact["indicator"], fact["value"], fact["year"]) == ("信访案件", 31, 2022)


def test_the_command_prints_a_line_a_fact(store, capsys):
    assert main(["facts", "--store", str(store), "--indicator", "宣传资料"]) == 0
    line, count = capsys.readouterr().out.splitlines()
    assert "宣传资料: 1000份 (over)" in line
    assert count == "1 facts"


def test_no_fact_is_told_by_the_exit_code(store):
    assert main(["facts", "--store", str(store), "--indicator", "无人机"]) == 1
