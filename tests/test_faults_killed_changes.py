"""SIGKILL while a report is uploaded, deleted, corrected or pruned: it has happened whole, or not at all."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest
from fault_process import Command, run
from fault_reports import assert_clean, built, editions, report, write_reports
from fault_tally import count_fault

from rag.pipeline import Rag
from rag.settings import load_settings
from rag.uploads import Upload

TRIES = 12
SPAN = {"upload": 0.5, "delete": 0.2, "correct": 0.2}
"""Seconds after the start of the change within which a kill falls."""


def opened(store: Path) -> Rag:
    return Rag(load_settings(store=store, embedding_model="hash", chunk_tokens=64), owner=True)


@pytest.fixture
def template(tmp_path):
    """A store with a file from elsewhere that uploads correct, and uploads of one name by three offices."""
    write_reports(tmp_path / "reports", 0, 3)
    (tmp_path / "reports" / "外来.txt").write_text(report("外来", 0), encoding="utf-8")
    store = tmp_path / "template"
    assert run("ingest", tmp_path / "reports", "--store", store).code == 0
    with opened(store) as rag:
        rag.upload([Upload("报告.txt", report(office, 0).encode()) for office in ("云岭", "石桥", "白沙")])
    return store


def uploads_of(store: Path) -> dict[str, str]:
    folder = store / "uploads"
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


def known(store: Path) -> dict[str, str]:
    """Return by path within the uploads folder the text that the catalog holds of each upload."""
    with opened(store) as rag:
        rows = rag.inventory()
        inside = {row.path: row.meta.id for row in rows if str(store / "uploads") in row.path}
        texts = {
            path: "".join(each.text for each in rag.report(identity).paragraphs) for path, identity in inside.items()
        }
        return {Path(path).relative_to(store / "uploads").as_posix(): text for path, text in texts.items()}


def edition_in(text: str) -> int:
    return int(text.partition("调解纠纷")[2].partition("件")[0])


def assert_agreed(store: Path) -> None:
    """The uploads folder and the catalog hold the same files in the same edition, and nothing is left over."""
    stored, kept = known(store), uploads_of(store)
    assert {name: edition_in(text) for name, text in stored.items()} == {
        name: edition_in(text) for name, text in kept.items()
    }
    assert not list((store / "uploads").glob(".*"))


def killed(change: str, store: Path, moment: float) -> bool:
    command = Command("changing", change, store)
    while command.process.is_alive() and "begun" not in command.printed():
        time.sleep(0.002)
    time.sleep(moment)
    return command.kill()


@pytest.mark.parametrize("change", list(SPAN))
def test_a_killed_change_is_whole_or_not_at_all(template, tmp_path, change):
    moments, kills, tries = random.Random(20240131), 0, 0
    span = SPAN[change]
    offices = ("云岭", "石桥", "白沙", "外来")
    store = tmp_path / "store"
    while kills < TRIES and tries < 4 * TRIES:
        tries += 1
        shutil.rmtree(store, ignore_errors=True)
        copied(template, store)
        hit = killed(change, store, moments.uniform(0, span))
        kills += hit
        span *= 1 if hit else 0.7  # it was done before the kill
        assert_agreed(store)
        stored = editions(store)
        with opened(store) as rag:
            rows = {row.meta.office.removesuffix("街道办事处"): row for row in rag.inventory()}
            current = {
                office: edition_in("".join(p.text for p in rag.report(row.meta.id).paragraphs))
                for office, row in rows.items()
            }
            twice = len(rag.inventory()) != len(rows) + 2  # three years of one office
            region = rows["青禾"].meta.region
        if change == "upload":
            missing = [office for office in offices if current.get(office) not in (0, 1)]
        elif change == "delete":
            missing = [office for office in offices if office != "云岭" and current.get(office) != 0]
        else:
            missing = [office for office in offices if current.get(office) != 0]
            assert region in (None, "甲区")
        count_fault(f"SIGKILL during {change}", tries=hit, losses=len(missing) + twice)
        assert missing == [] and not twice and len(stored) >= 4
        again = run("changing", change, store)
        assert again.code == 0, again.told
        assert_agreed(store)
        assert_clean(store)
    assert kills == TRIES


def copied(template: Path, store: Path) -> None:
    """Copy a store by its own means, since its uploads are known by where they lie."""
    from rag.backup import back_up, restore

    archive = template.with_suffix(".tar.gz")
    if not archive.exists():
        back_up(template, archive)
    restore(archive, store)
    with opened(store):
        pass


def test_a_killed_prune_takes_out_only_what_is_gone(tmp_path):
    built(tmp_path / "reports", tmp_path / "store", count=12)
    for number in range(0, 12, 2):
        (tmp_path / "reports" / f"{number}.txt").unlink()
    template = tmp_path / "template"
    shutil.copytree(tmp_path / "store", template)
    moments, kills, span = random.Random(7), 0, 0.25
    for _ in range(4 * TRIES):
        shutil.rmtree(tmp_path / "store")
        shutil.copytree(template, tmp_path / "store")
        command = Command("ingest", tmp_path / "reports", "--prune", "--verbose", "--store", tmp_path / "store")
        while command.process.is_alive() and "unchanged" not in command.printed():
            time.sleep(0.002)
        time.sleep(moments.uniform(0, span))
        hit = command.kill()
        kills += hit
        span *= 1 if hit else 0.7
        gone = command.done().lines("removed")
        stored = set(editions(tmp_path / "store"))
        stay = {f"{number}.txt" for number in range(1, 12, 2)}
        count_fault("SIGKILL during prune", tries=hit, losses=len(stay - stored) + len(gone & stored))
        assert stay <= stored and not gone & stored
        if kills == TRIES:
            break
    assert kills == TRIES
    assert run("ingest", tmp_path / "reports", "--prune", "--store", tmp_path / "store").code == 0
    assert set(editions(tmp_path / "store")) == stay
    assert_clean(tmp_path / "store")
