"""The application while its disk is full: it answers, says what it cannot keep, and recovers by itself."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from access_app import PASSWORDS, READER, make_users
from fault_process import served
from fault_reports import QUESTION, assert_clean, built, editions, report
from fault_tally import count_fault
from small_disk import small_disk

from rag.access.audit import AuditLog, read_audit
from rag.access.sessions import Sessions
from rag.conversations import Conversations
from rag.errors import ConversationError
from rag.evaluation.runs import list_runs, save_run
from rag.feedback import FeedbackBook
from rag.settings import load_settings
from rag.types import Answer, Route

SIZES = (0, 20 << 10, 60 << 10, 120 << 10, 250 << 10, 500 << 10, 1 << 20)
ANSWER = Answer(QUESTION, "zh", Route.PASSAGE, "青禾街道不具备行政执法权。", refused=False)


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", 48) as mounted:
        yield mounted


@pytest.fixture
def store(disk, tmp_path):
    target = disk.folder / "store"
    built(tmp_path / "reports", target)
    return target


def uploaded(store: Path) -> dict[str, str]:
    """Return the files in the uploads folder by name, with their text."""
    folder = store / "uploads"
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


def test_uploads_deletions_and_corrections_are_whole_or_refused_and_answers_go_on(store, disk):
    with served(store) as app:
        assert app.upload(("云岭.txt", report("云岭", 1))).json()["files"][0]["outcome"] == "in"
        refused = 0
        for number, free in enumerate(SIZES):
            name, edition = f"石桥{number}.txt", number + 2
            disk.leave(free)
            response = app.upload((name, report(f"石桥{number}", edition)), ("云岭.txt", report("云岭", edition)))
            if response.status_code == 200:
                told = {item["name"]: item["outcome"] for item in response.json()["files"]}
            else:
                assert response.status_code == 507 and "free some space" in response.json()["next"], response.text
                told = {}
            refused += response.status_code != 200
            count_fault("disk full during upload", tries=response.status_code != 200)
            page = app.page.post("/reports", files=[("files", ("白沙.txt", report("白沙", edition).encode()))])
            assert page.status_code == 200 or "ree some space" in page.text, page.text
            kept, stored = uploaded(store), editions(store)
            for source, outcome in told.items():
                whole = f"调解纠纷{edition}件" in stored.get(source, "") and f"纠纷{edition}件" in kept.get(source, "")
                count_fault("disk full during upload", losses=outcome in ("in", "replaced") and not whole)
                assert whole == (outcome in ("in", "replaced"))
            assert "云岭.txt" in kept and "云岭.txt" in stored
            assert app.ask(QUESTION)["citations"]
            disk.relieve()
            again = app.upload((name, report(f"石桥{number}", edition)), ("云岭.txt", report("云岭", edition)))
            assert {item["outcome"] for item in again.json()["files"]} <= {"in", "replaced", "duplicate"}
        assert refused
        for free in SIZES[:5]:
            reports = app.client.get("/api/v1/reports").json()["reports"]
            chosen = next(row for row in reports if row["source"].startswith("石桥"))
            disk.leave(free)
            corrected = app.page.post(f"/reports/{reports[0]['id']}/correct", data={"region": f"第{free}区"})
            assert corrected.status_code == 303 or "ree some space" in corrected.text, corrected.text
            deleted = app.client.delete(f"/api/v1/reports/{chosen['id']}")
            assert deleted.status_code in (200, 507), deleted.text
            gone = chosen["source"] not in editions(store)
            count_fault("disk full during delete", losses=gone != (deleted.status_code == 200))
            assert gone == (deleted.status_code == 200) == (chosen["source"] not in uploaded(store))
            disk.relieve()
            regions = {row["region"] for row in app.client.get("/api/v1/reports").json()["reports"]}
            assert (f"第{free}区" in regions) == (corrected.status_code == 303)
            count_fault("disk full during correct", losses=(f"第{free}区" in regions) != (corrected.status_code == 303))
    assert_clean(store)


def test_the_application_starts_and_lets_people_in_on_a_full_disk(store, disk, tmp_path):
    shutil.copy(make_users(tmp_path), store / "users.json")
    disk.leave(0)
    with served(store) as app:
        form = {"name": READER, "password": PASSWORDS[READER]}
        logged_in = app.page.post("/login", data=form)
        assert logged_in.status_code == 303, logged_in.text
        headers = {"Sec-Fetch-Site": "same-origin"}
        asked = app.page.post("/api/v1/ask", json={"question": QUESTION}, headers=headers)
        assert asked.status_code == 200 and asked.json()["citations"]
        count_fault("disk full during log-in", losses=asked.status_code != 200)
        assert app.page.post("/logout", headers=headers).status_code == 303
        assert app.page.post("/api/v1/ask", json={"question": QUESTION}, headers=headers).status_code == 401
        told = app.stop().told
    assert "conversations last as long as this server runs" in told
    disk.relieve()
    assert_clean(store)


def test_conversations_and_feedback_say_that_they_are_not_kept_and_lose_none_that_is(store, disk):
    with closing(Conversations.open(store)) as kept:
        book = FeedbackBook(kept)
        for number, free in enumerate((0, 8 << 10, 40 << 10, 80 << 10)):
            disk.leave(free)
            told = []
            for item in range(60):
                try:
                    turn = kept.begin("user:li", "", f"第{number}轮第{item}问")
                    kept.finish("user:li", turn.id, ANSWER)
                    book.give("user:li", turn.id, "up", {}, reason="x" * 3_000)
                    told.append(turn)
                except ConversationError as error:
                    assert "no space is left; free some" in str(error)
                    break
            kept_turns = [kept.turn("user:li", turn.id) for turn in told]
            missing = sum(turn.answer != ANSWER for turn in kept_turns)
            missing += len(told) - len(book.ratings("user:li", [turn.id for turn in told]))
            count_fault("disk full during conversations and feedback", losses=missing)
            assert len(told) < 60 and missing == 0
            disk.relieve()
            assert kept.begin("user:li", "", "再问").id


def test_log_ins_and_log_outs_hold_though_they_cannot_be_kept(disk):
    disk.leave(0)
    with closing(Sessions(disk.folder, 1)) as sessions:
        token = sessions.begin("li", "stamp")
        assert sessions.find(token).user == "li"
    disk.relieve()
    with closing(Sessions(disk.folder, 1)) as sessions:
        token = sessions.begin("li", "stamp")
        disk.leave(0)
        sessions.end(token)
        assert sessions.find(token) is None
        count_fault("disk full during log-out", losses=sessions.find(token) is not None)


def test_an_entry_cut_off_by_a_full_disk_spoils_no_later_one(disk):
    settings = load_settings(store=disk.folder)
    log = AuditLog(settings)
    for free in (0, 4 << 10, 8 << 10):
        disk.leave(free)
        for number in range(60):
            log.record("ask", "li", "127.0.0.1", filler="x" * 300, number=number)
        disk.relieve()
        log.record("upload", "li", f"after {free}")
        told = [entry["from"] for entry in read_audit(disk.folder)]
        count_fault("disk full during the audit log", losses=f"after {free}" not in told)
        assert told[-1] == f"after {free}"
    assert all(json.dumps(entry) for entry in read_audit(disk.folder))


def test_an_evaluation_run_is_kept_whole_or_not_at_all(disk):
    def result(number):
        return {
            "gold": {"file": "g.jsonl"}, "date": f"2024-01-01T00:00:{number:02}", "engines": ["extractive"], "gate": [],
            "questions": [{"id": str(item), "text": "问" * 400} for item in range(30)], "summary": {},
        }  # fmt: skip

    assert save_run(disk.folder, result(0))
    for number, free in enumerate((0, 4 << 10, 12 << 10, 80 << 10), start=1):
        disk.leave(free)
        saved = save_run(disk.folder, result(number))
        names = {run.name for run in list_runs(disk.folder)}
        listed = f"2024010100000{number}-g.json" in names
        count_fault("disk full during evaluation", losses=(saved is not None) != listed)
        assert (saved is not None) == listed
        assert {path.name for path in (disk.folder / "evaluations").iterdir()} == names
        disk.relieve()
