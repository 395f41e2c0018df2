"""Clocks that are wrong, or jump: nothing young is deleted, nobody is locked out, no log-in lasts for ever."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from fault_process import ROOT
from fault_reports import QUESTION, assert_clean, built, editions, write_reports
from fault_tally import count_fault

import rag.conversations.store
from rag.access.audit import AuditLog, read_audit
from rag.access.sessions import CLOCK_SLACK, Sessions
from rag.access.throttle import Backoff, Throttle
from rag.conversations import Conversations, browser_owner
from rag.errors import RateLimited
from rag.evaluation.runs import KEPT, list_runs, save_run
from rag.settings import load_settings

DAY = 86_400
WRONG = (-60 * 365 * DAY, -DAY, DAY, 75 * 365 * DAY)
"""By how many seconds the clock jumps."""


@pytest.fixture
def clock(monkeypatch):
    """Set by how many seconds the wall clock is off; the monotonic one goes on."""
    state = {"off": 0.0}
    true_time = time.time

    class Moved(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(true_time() + state["off"], tz or UTC)

    monkeypatch.setattr(time, "time", lambda: true_time() + state["off"])
    for module in (rag.conversations.store, sys.modules["rag.access.audit"]):
        monkeypatch.setattr(module, "datetime", Moved)
    return lambda seconds: state.update(off=seconds)


@pytest.mark.parametrize("jump", WRONG)
def test_a_log_in_outlives_no_jump_of_the_clock_and_a_new_one_is_always_to_be_had(tmp_path, clock, jump):
    with closing(Sessions(tmp_path, 12)) as sessions:
        clock(jump)
        wrong = sessions.begin("li", "stamp")
        assert sessions.find(wrong), "nobody is locked out while the clock is wrong"
        clock(0)
        right = sessions.begin("li", "stamp")
        count_fault("clock jump: log-in", losses=sessions.find(right) is None)
        assert sessions.find(right) and not sessions.find(wrong)
        clock(-CLOCK_SLACK / 2)
        assert sessions.find(right), "a clock put right by minutes ends no log-in"
        clock(12 * 3600 + 1)
        assert sessions.find(right) is None


@pytest.mark.parametrize("jump", WRONG)
def test_limits_and_back_off_do_not_go_by_the_wall_clock(clock, jump):
    throttle, backoff = Throttle(load_settings(questions_per_minute=2)), Backoff(1)
    clock(jump)
    for _ in range(2):
        throttle.spend("questions", "li")
        backoff.attempted("li", "1.2.3.4")
    for now in (jump, 0, -jump):
        clock(now)
        with pytest.raises(RateLimited) as refused:
            throttle.spend("questions", "li")
        waiting = backoff.wait("li", "1.2.3.4")
        count_fault("clock jump: limits", losses=not (0 < refused.value.seconds <= 60 and 0 < waiting <= 2))
        assert 0 < refused.value.seconds <= 60 and 0 < waiting <= 2


@pytest.mark.parametrize("jump", WRONG)
def test_a_start_by_a_wrong_clock_deletes_no_conversation(tmp_path, clock, jump):
    owner = browser_owner("a")
    with closing(Conversations.open(tmp_path)) as kept:
        kept.begin(owner, "", "问")
    for now in (jump, jump + DAY, 0, jump, 0):
        clock(now)
        with closing(Conversations.open(tmp_path)) as kept:
            found = len(kept.list(owner))
        count_fault("clock jump: conversations", losses=1 - found)
        assert found == 1


def test_the_conversation_asked_last_comes_first_though_the_clock_was_put_back(tmp_path, clock):
    with closing(Conversations.open(tmp_path)) as kept:
        for number, jump in enumerate((0, DAY, -DAY, 75 * 365 * DAY, 0, -60 * 365 * DAY)):
            clock(jump)
            asked = kept.begin("user:li", "", f"第{number}问")
            first = kept.list("user:li")[0]
            count_fault("clock jump: order of conversations", losses=first.id != asked.conversation)
            assert first.id == asked.conversation


def test_a_run_made_by_a_wrong_clock_is_kept_and_pushes_out_no_more_than_one(tmp_path):
    def save(moment):
        result = {"gold": {"file": "g.jsonl"}, "date": moment.isoformat(timespec="seconds"), "engines": ["x"]}
        return save_run(tmp_path, {**result, "gate": [], "questions": [], "summary": {}})

    begin = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(KEPT):
        save(begin + timedelta(days=number))
    for moment in (datetime(1970, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)):
        saved = save(moment)
        names = [run.name for run in list_runs(tmp_path)]
        count_fault("clock jump: evaluation runs", losses=saved.name not in names)
        assert saved.name in names and len(names) == KEPT


def test_the_audit_log_keeps_its_order(tmp_path, clock):
    log = AuditLog(load_settings(store=tmp_path))
    for number, jump in enumerate((0, *WRONG)):
        clock(jump)
        log.record("ask", "li", "127.0.0.1", number=number)
    found = [entry["number"] for entry in read_audit(tmp_path)]
    count_fault("clock jump: audit log", losses=5 - len(found))
    assert found == [0, 1, 2, 3, 4]


def test_whole_commands_under_another_date(tmp_path):
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    reports, store = tmp_path / "reports", tmp_path / "store"
    built(reports, store)

    def at(moment, *command):
        environment = {"RAG_EMBEDDING_MODEL": "hash", "RAG_CHUNK_TOKENS": "64", "PATH": "/usr/bin:/bin"}
        return subprocess.run(
            ["faketime", moment, sys.executable, *map(str, command)],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240,
        )  # fmt: skip

    for edition, moment in enumerate(("1970-01-02", "2099-01-01"), start=1):
        write_reports(reports, edition, 4)
        done = at(moment, "ingest.py", reports, "--store", store, "--verbose")
        assert done.returncode == 0 and done.stdout.count("replaced ") == 4, done.stdout + done.stderr
        assert all(f"调解纠纷{edition}件" in text for text in editions(store).values())
        asked = at(moment, "-m", "rag", "ask", QUESTION, "--store", store, "--json")
        count_fault("clock of 1970 and 2099: commands", losses=not json.loads(asked.stdout)["citations"])
        assert json.loads(asked.stdout)["citations"]
        assert_clean(store)
