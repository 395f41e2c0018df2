"""A store that may be read and not written: everything that only reads works, everything else says what to do."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from access_app import PASSWORDS, READER, make_users
from fault_process import rag, run, served, unprivileged
from fault_reports import QUESTION, answers, assert_clean, built, editions, report, write_reports
from fault_tally import count_fault
from small_disk import small_disk

GOLD = {
    "id": "lacking", "question": QUESTION, "lang": "zh", "kind": "survey", "history": [], "filters": {},
    "facts": [["不具备行政执法权"]], "evidence": [{"source": "0.txt", "quote": "街道不具备行政执法权。"}],
    "reports": None, "refuse": False,
}  # fmt: skip


@pytest.fixture(params=["read-only file system", "no permission"])
def sealed(request, tmp_path):
    """A store that cannot be written, and the options of a command that is to meet it so."""
    if request.param == "read-only file system":
        with small_disk(tmp_path / "disk", 48) as disk:
            built(tmp_path / "reports", disk.folder / "store")
            disk.read_only()
            yield disk.folder / "store", {}
            disk.read_only(on=False)
            assert_clean(disk.folder / "store")
        return
    folder = Path(tempfile.mkdtemp(prefix="fault-sealed-"))
    try:
        built(tmp_path / "reports", folder / "store")
        folder.chmod(0o555)
        for path in (folder / "store").rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        (folder / "store").chmod(0o555)
        yield folder / "store", unprivileged()
    finally:
        for path in (folder, folder / "store", *(folder / "store").rglob("*")):
            path.chmod(0o755)
        assert_clean(folder / "store")
        shutil.rmtree(folder)


def test_everything_that_reads_works(sealed, tmp_path):
    store, options = sealed
    answers(store, **options)
    for command in (["find", "不具备行政执法权"], ["reports"], ["facts"], ["audit"]):
        done = rag(*command, "--store", store, **options)
        count_fault("read-only store: reading", losses=done.code != 0)
        assert done.code == 0, done.told
    verified = rag("verify", "--store", store, **options)
    assert verified.code == 0 and "read-only" in verified.out and "not checked" in verified.out, verified.told
    exported = rag("ask", QUESTION, "--store", store, "--export", tmp_path / "a.docx")
    assert exported.code == 0 and (tmp_path / "a.docx").stat().st_size > 1000
    (tmp_path / "b").mkdir(mode=0o777)
    backup = rag("backup", tmp_path / "b" / "b.tar.gz", "--store", store)
    assert backup.code == 0, backup.told


def test_everything_that_writes_says_what_to_do_and_changes_nothing(sealed, tmp_path):
    store, options = sealed
    before = editions(store)
    write_reports(tmp_path / "reports", 1, 5)
    for command in (
        ("ingest", tmp_path / "reports", "--store", store),
        ("ingest", tmp_path / "reports", "--prune", "--store", store),
        ("rag.__main__", "rebuild", "--store", store),
        ("rag.__main__", "backup", store / "b.tar.gz", "--store", store),
        ("rag.__main__", "users", "remove", "li", "--store", store),
    ):
        done = run(*command, **options)
        count_fault("read-only store: writing", losses=editions(store) != before)
        assert done.code in (1, 2) and str(store) in done.told or "users" in command, done.told
        assert any(word in done.told for word in ("permissions", "another", "lists them")), done.told
    assert editions(store) == before


def test_evaluation_runs_and_says_that_the_page_will_not_show_it(sealed, tmp_path):
    store, options = sealed
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps(GOLD, ensure_ascii=False) + "\n", encoding="utf-8")
    thresholds = tmp_path / "thresholds.toml"
    thresholds.write_text("[gold]\n", encoding="utf-8")
    for path in (tmp_path, gold, thresholds):
        path.chmod(0o755)
    done = run("evaluate", gold, "--store", store, "--thresholds", thresholds, **options)
    count_fault("read-only store: evaluation", losses=done.code != 0)
    assert done.code == 0 and "not kept" in done.err, done.told
    refused = run("evaluate", gold, "--store", store, "--thresholds", thresholds, "--json", store / "r.json", **options)
    assert refused.code == 2 and "--json" in refused.err, refused.told


def test_the_application_answers_keeps_conversations_in_memory_and_refuses_uploads(sealed):
    store, options = sealed
    with served(store, **options) as app:
        answer = app.ask(QUESTION)
        assert answer["citations"] and app.client.get(f"/api/v1/cite/{answer['citations'][0]['id']}").status_code == 200
        assert app.client.get("/api/v1/find", params={"quote": "不具备行政执法权"}).json()
        assert app.client.get("/").status_code == app.page.get("/reports").status_code == 200
        assert app.client.get("/readyz").status_code == 200
        refused = app.upload(("云岭.txt", report("云岭", 1)))
        assert refused.status_code == 503 and "write its store" in refused.json()["next"], refused.text
        page = app.page.post("/reports", files=[("files", ("云岭.txt", report("云岭", 1).encode()))])
        assert page.status_code == 503 and "permissions" in page.text, page.text
        deleted = app.client.delete(f"/api/v1/reports/{answer['citations'][0]['report_id']}")
        assert deleted.status_code == 503 and "write its store" in deleted.json()["next"], deleted.text
        corrected = app.page.post(f"/reports/{answer['citations'][0]['report_id']}/correct", data={"region": "甲区"})
        assert corrected.status_code == 503 and "permissions" in corrected.text
        assert app.ask(QUESTION)["citations"] == answer["citations"]
        count_fault("read-only store: the application", losses=not answer["citations"])
        told = app.stop().told
    assert "conversations last as long as this server runs" in told and "Log-ins last until" in told


def test_people_log_in_to_a_read_only_store(tmp_path):
    with small_disk(tmp_path / "disk", 48) as disk:
        store = disk.folder / "store"
        built(tmp_path / "reports", store)
        shutil.copy(make_users(tmp_path), store / "users.json")
        disk.read_only()
        with served(store) as app:
            form = {"name": READER, "password": PASSWORDS[READER]}
            assert app.page.post("/login", data=form).status_code == 303
            headers = {"Sec-Fetch-Site": "same-origin"}
            asked = app.page.post("/api/v1/ask", json={"question": QUESTION}, headers=headers)
            assert asked.status_code == 200 and asked.json()["citations"]
        disk.read_only(on=False)


def test_a_store_that_may_not_even_be_read_is_told(tmp_path):
    folder = Path(tempfile.mkdtemp(prefix="fault-sealed-"))
    try:
        built(tmp_path / "reports", folder / "store")
        os.chmod(folder / "store", 0)
        folder.chmod(0o755)
        options = unprivileged()
        for command in (["ask", QUESTION], ["verify"], ["backup", tmp_path / "b.tar.gz"]):
            done = rag(*command, "--store", folder / "store", **options)
            count_fault("store without permission to read", losses=done.code == 0)
            assert done.code == 1 and "permission" in done.told and str(folder) in done.told, done.told
        done = run("ingest", tmp_path / "reports", "--store", folder / "store", **options)
        assert done.code in (1, 2) and "permission" in done.told, done.told
    finally:
        os.chmod(folder / "store", 0o755)
        shutil.rmtree(folder)
