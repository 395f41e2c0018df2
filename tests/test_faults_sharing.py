"""Several processes on one store, some of them killed, and copies of a store in use: no wrong answer, nothing lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from fault_process import App, Command, rag, run
from fault_reports import QUESTION, answers, assert_clean, built, editions, report, write_reports
from fault_tally import count_fault
from waiting import wait_for

from rag.catalog import Catalog
from rag.errors import RagError, StoreDamaged
from rag.pipeline import Rag
from rag.settings import load_settings
from rag.structure import MetaOverrides
from rag.types import Verdict
from rag.uploads import Upload

READERS = 3
COPIES = 6


def opened(store: Path, owner: bool = True) -> Rag:
    return Rag(load_settings(store=store, embedding_model="hash", chunk_tokens=64), owner=owner)


@pytest.mark.slow
def test_processes_that_read_during_an_ingest_and_a_deletion_get_right_answers(tmp_path):
    store = tmp_path / "store"
    built(tmp_path / "reports", store, count=3)
    go_on = tmp_path / "go on"
    go_on.touch()
    readers = [Command("asking", store, go_on) for _ in range(READERS)]
    assert all(wait_for(lambda one=reader: one.printed().count("\n") > 2) for reader in readers)
    write_reports(tmp_path / "reports", 1, 30)
    ingested = run("ingest", tmp_path / "reports", "--store", store)
    for number in range(10, 30):
        (tmp_path / "reports" / f"{number}.txt").unlink()
    pruned = run("ingest", tmp_path / "reports", "--prune", "--store", store)
    time.sleep(0.5)
    go_on.unlink()
    ended = [reader.done() for reader in readers]
    told = [json.loads(line) for done in ended for line in done.out.splitlines()]
    wrong = [one for one in told if one["wrong"]]
    count_fault("reading during ingest and deletion", tries=len(told), losses=len(wrong))
    assert ingested.code == pruned.code == 0, ingested.told + pruned.told
    assert all(done.code == 0 and "Traceback" not in done.told for done in ended), [done.told for done in ended]
    assert not wrong and len(told) > 10 * READERS
    assert {one["reports"] for one in told} >= {3, 10}, "they saw the store before and after"
    assert_clean(store)


@pytest.mark.slow
def test_an_application_killed_during_uploads_has_all_that_it_told_as_in(tmp_path):
    store = tmp_path / "store"
    built(tmp_path / "reports", store)
    told: dict[str, int] = {}
    for kill in range(3):
        app = App(store)
        before = len(told)

        def upload(app=app, kill=kill) -> None:
            with suppress(httpx.HTTPError):
                for number in range(1_000):
                    name, edition = f"{kill}-{number}.txt", 1000 * kill + number
                    office = f"云岭{kill}第{number}"
                    files = app.upload((name, report(office, edition))).json()["files"]
                    told.update({item["name"]: edition for item in files if item["outcome"] in ("in", "replaced")})

        client = threading.Thread(target=upload)
        client.start()
        assert wait_for(lambda before=before: len(told) > before + 3)
        time.sleep(0.07 * kill)
        app.kill()
        client.join()
        app.client.close()
        app.page.close()
        app = App(store)
        stored, kept = editions(store), {path.name for path in (store / "uploads").rglob("*.txt")}
        missing = [name for name, edition in told.items() if f"调解纠纷{edition}件" not in stored.get(name, "")]
        halves = kept ^ {name for name in stored if "-" in name}
        count_fault("SIGKILL of the application during uploads", losses=len(missing) + len(halves))
        assert not missing and not halves
        assert app.ask(QUESTION)["survey"]["reports"] == len(stored)
        assert not list((store / "uploads").glob(".*"))
        app.client.close()
        app.page.close()
        app.stop()
    assert_clean(store)


@pytest.mark.slow
def test_a_store_copied_while_it_is_written_is_whole_or_refused(tmp_path):
    store = tmp_path / "store"
    built(tmp_path / "reports", store)
    whole = refused = 0
    for edition in range(1, COPIES + 1):
        write_reports(tmp_path / "reports", edition, 12)
        writing = Command("ingest", tmp_path / "reports", "--store", store, "--verbose")
        assert wait_for(lambda writing=writing, seen=edition: writing.printed().count("\n") >= seen)
        copy = tmp_path / f"copy{edition}"
        subprocess.run(["cp", "-r" if edition % 2 else "-a", store, copy], capture_output=True, check=False)
        assert writing.done().code == 0
        wrong = []
        try:
            with opened(copy) as copied:
                answer, problems = copied.ask(QUESTION), copied.verify().problems
                whole += 1
                wrong = [row for row in answer.survey.rows if row.verdict is not Verdict.YES] + list(problems)
        except StoreDamaged as error:
            assert "python -m rag restore" in str(error)
            refused += 1
        count_fault("store copied while it is written", losses=len(wrong))
        assert not wrong
    assert whole + refused == COPIES and whole
    assert_clean(store)


def test_a_torn_copy_that_sqlite_takes_for_whole_is_refused_with_the_way_back(tmp_path):
    store, copy = tmp_path / "store", tmp_path / "copy"
    built(tmp_path / "reports", store)
    shutil.copytree(store, copy)  # the file of now …
    write_reports(tmp_path / "reports", 1, 4)
    with opened(store, owner=False) as held:
        held.ingest([tmp_path / "reports"])
    with opened(store, owner=False) as held:
        held.correct(held.reports()[0].id, MetaOverrides(region="甲区"))
        for path in store.glob("catalog.sqlite-*"):
            shutil.copy(path, copy)  # … and the log of later
    done = rag("ask", QUESTION, "--store", copy)
    count_fault("torn copy of a store", losses=done.code == 0)
    assert done.code == 1 and "copied while it was being written" in done.err, done.told
    assert "python -m rag restore" in done.err
    answers(store)


def test_a_copy_goes_its_own_way_and_leaves_the_original_alone(tmp_path):
    store, copy = tmp_path / "store", tmp_path / "copy"
    built(tmp_path / "reports", store)
    with opened(store) as original:
        original.upload([Upload("云岭.txt", report("云岭", 1).encode())])
        shutil.copytree(store, copy)
        with opened(copy) as copied:
            (result,) = copied.upload([Upload("云岭.txt", report("云岭", 2).encode())])
            assert result.outcome == "replaced"
            original.upload([Upload("白沙.txt", report("白沙", 1).encode())])
            copied.upload([Upload("石桥.txt", report("石桥", 1).encode())])
            (cited, *_) = copied.ask("石桥街道调解纠纷多少件").citations
            assert cited.source == "石桥.txt" and copied.verify().problems == ()
            copied.delete(result.report.id)
        assert original.verify().problems == ()
        kept = "调解纠纷1件" in (store / "uploads" / "云岭.txt").read_text(encoding="utf-8")
        count_fault("copy of a store used beside it", losses=not kept)
        assert kept and "调解纠纷1件" in editions(store)["云岭.txt"]
    with Catalog.open(store) as one, Catalog.open(copy) as other:
        assert one.catalog_id() != other.catalog_id()


def test_what_an_upload_had_under_way_in_the_original_is_not_taken_back_by_a_copy(tmp_path, monkeypatch):
    store, copy = tmp_path / "store", tmp_path / "copy"
    built(tmp_path / "reports", store)

    def copied_meanwhile() -> None:
        shutil.copytree(store, copy)
        with opened(copy):
            pass
        raise RagError("left here")

    with opened(store) as original:
        original.upload([Upload("云岭.txt", report("云岭", 1).encode())])
        with monkeypatch.context() as during:
            during.setattr("rag.pipeline.ingest", lambda *_, **__: copied_meanwhile())
            with pytest.raises(RagError, match="left here"):
                original.upload([Upload("云岭.txt", report("云岭", 2).encode())])
    kept = [(folder / "uploads" / "云岭.txt").read_text(encoding="utf-8") for folder in (store, copy)]
    count_fault("copy made during an upload", losses=sum("调解纠纷1件" not in text for text in kept))
    assert all("调解纠纷1件" in text for text in kept)
    assert not list((store / "uploads").glob(".*")) and not list((copy / "uploads").glob(".*"))
