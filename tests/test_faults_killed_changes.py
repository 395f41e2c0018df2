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

TRIES = 10
SPAN = {"upload": 0.5, "delete": 0.2, "correct": 0.2}
"""Seconds after the start of the change within which a kill falls."""


def opened(store: Path) -> Rag:
    return Rag(load_settings(store=store, embedding_model="hash", chunk_tokens=64), owner=True)


@pytest.fixture
def store(tmp_path):
    """A store with a file from elsewhere that uploads correct, and uploads of one name by three offices."""
    write_reports(tmp_path / "reports", 0, 3)
    (tmp_path / "reports" / "外来.txt").write_text(report("外来", 0), encoding="utf-8")
    target = tmp_path / "store"
    assert run("ingest", tmp_path / "reports", "--store", target).code == 0
    with opened(target) as rag:
        rag.upload([Upload("报告.txt", report(office, 0).encode()) for office in ("云岭", "石桥", "白沙")])
    shutil.copytree(target, tmp_path / "template")
    return target


def uploads_of(store: Path) -> dict[str, str]:
    folder = store / "uploads"
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


def edition_in(text: str) -> int:
    return int(text.partition("调解纠纷")[2].partition("件")[0])


def text_of(rag: Rag, report_id: str) -> str:
    return "".join(paragraph.text for paragraph in rag.report(report_id).paragraphs)


def held(store: Path) -> list[tuple[str, str, str | None, int]]:
    """Open the store, which puts right what was left, and return path, office, region and edition of each report."""
    with opened(store) as rag:
        return [
            (row.path, row.meta.office, row.meta.region, edition_in(text_of(rag, row.meta.id)))
            for row in rag.inventory()
        ]  # fmt: skip


def assert_agreed(store: Path, found: list[tuple[str, str, str | None, int]]) -> None:
    """The uploads folder and the catalog hold the same files in the same edition, and nothing is left over."""
    folder = str(store / "uploads")
    stored = {Path(path).relative_to(folder).as_posix(): edition for path, _, _, edition in found if folder in path}
    assert stored == {name: edition_in(text) for name, text in uploads_of(store).items()}
    assert not list((store / "uploads").glob(".*"))


def killed(change: str, store: Path, moment: float) -> bool:
    command = Command("changing", change, store)
    while command.process.is_alive() and "begun" not in command.printed():
        time.sleep(0.002)
    time.sleep(moment)
    return command.kill()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("change", list(SPAN))
def test_a_killed_change_is_whole_or_not_at_all(store, tmp_path, change):
    moments, kills, span = random.Random(20240131), 0, SPAN[change]
    allowed = {"云岭": {0, 1}, "石桥": {0, 1}, "白沙": {0, 1}, "外来": {0, 1}} if change == "upload" else {}
    for _ in range(4 * TRIES):
        shutil.rmtree(store)
        shutil.copytree(tmp_path / "template", store)
        hit = killed(change, store, moments.uniform(0, span))
        kills += hit
        span *= 1 if hit else 0.7  # it was done before the kill
        found = held(store)
        assert_agreed(store, found)
        offices = [office.removesuffix("街道办事处") for _, office, _, _ in found if office != "青禾街道办事处"]
        wanted = {"云岭", "石桥", "白沙", "外来"} - ({"云岭"} if change == "delete" else set())
        wrong = [office for _, office, _, edition in found if edition not in allowed.get(office[:2], {0})]
        missing = wanted - set(offices)
        count_fault(f"SIGKILL during {change}", tries=hit, losses=len(missing) + len(wrong))
        assert not missing and not wrong and len(offices) == len(set(offices))
        assert {region for _, _, region, _ in found} <= {None, "甲区"}
        if kills == TRIES:
            break
    assert kills == TRIES
    again = run("changing", change, store)
    assert again.code == 0, again.told
    assert_agreed(store, held(store))
    assert_clean(store)


@pytest.mark.slow
@pytest.mark.timeout(900)
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
