"""A store is backed up while it is written, and comes back whole or not at all."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from rag.__main__ import main
from rag.backup import MANIFEST, back_up, restore
from rag.errors import StoreDamaged, StoreError
from rag.pipeline import Rag
from rag.settings import load_settings
from rag.uploads import Upload

ROOT = Path(__file__).parent.parent
TEXT = "{name}街道办事处2023年法治政府建设情况报告\n\n一、主要举措\n全年调解纠纷{number}件。街道不具备行政执法权。\n"


def open_rag(store, create=False):
    return Rag(load_settings(store=store, embedding_model="hash"), create=create, owner=True)


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    for number, name in enumerate(("春田", "夏河", "秋山"), start=10):
        (folder / f"{name}.txt").write_text(TEXT.format(name=name, number=number), encoding="utf-8")
    with open_rag(tmp_path / "store", create=True) as rag:
        rag.ingest([folder])
        rag.upload([Upload("冬林.txt", TEXT.format(name="冬林", number=77).encode())])
    return tmp_path / "store"


def test_what_was_backed_up_answers_again_with_the_same_citations(store, tmp_path):
    with open_rag(store) as rag:
        before = rag.ask("哪些街道不具备行政执法权")
    back_up(store, tmp_path / "b.tar.gz")
    shutil.rmtree(store)
    manifest = restore(tmp_path / "b.tar.gz", tmp_path / "again")
    assert manifest.reports == 4
    with open_rag(tmp_path / "again") as rag:
        after = rag.ask("哪些街道不具备行政执法权")
        assert rag.verify().problems == ()
        assert [citation.id for citation in after.citations] == [citation.id for citation in before.citations]
        uploaded = next(row for row in rag.inventory() if row.meta.source == "冬林.txt")
        assert Path(uploaded.path).is_file() and (tmp_path / "again") in Path(uploaded.path).parents


def test_a_restored_upload_is_known_again(store, tmp_path):
    back_up(store, tmp_path / "b.tar.gz")
    restore(tmp_path / "b.tar.gz", tmp_path / "again")
    with open_rag(tmp_path / "again") as rag:
        again = rag.upload([Upload("冬林.txt", TEXT.format(name="冬林", number=78).encode())])
        assert [result.outcome for result in again] == ["replaced"]
        assert len(rag.reports()) == 4


def test_a_backup_made_during_an_ingest_is_of_one_moment(store, tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.txt").write_text(TEXT.format(name=f"第{number}", number=number), encoding="utf-8")
    with open_rag(store) as rag:
        writer = threading.Thread(target=rag.ingest, args=([folder],))
        writer.start()
        manifests = []
        while writer.is_alive():
            manifests.append(back_up(store, tmp_path / f"{len(manifests)}.tar.gz"))
        writer.join()
    assert manifests
    for number, manifest in enumerate(manifests[:: max(1, len(manifests) // 3)]):
        place = tmp_path / f"restored{number}"
        restored = restore(tmp_path / f"{manifests.index(manifest)}.tar.gz", place)
        with open_rag(place) as rag:
            assert len(rag.reports()) == restored.reports >= 4
            assert rag.verify().problems == ()


def test_a_restore_replaces_nothing(store, tmp_path):
    back_up(store, tmp_path / "b.tar.gz")
    with pytest.raises(StoreError, match="replaces nothing"):
        restore(tmp_path / "b.tar.gz", store)


def test_a_damaged_backup_is_refused_and_leaves_nothing(store, tmp_path):
    archive = tmp_path / "b.tar.gz"
    back_up(store, archive)
    content = archive.read_bytes()
    for damaged in (content[: len(content) // 2], content[: len(content) * 9 // 10], b"", b"no archive"):
        archive.write_bytes(damaged)
        with pytest.raises(StoreDamaged):
            restore(archive, tmp_path / "again")
        assert not (tmp_path / "again").exists()


def repacked(archive, change):
    """Unpack a backup, change it, and pack it again."""
    folder = archive.parent / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    change(folder)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=".")


def test_a_backup_that_was_changed_is_refused(store, tmp_path):
    back_up(store, tmp_path / "b.tar.gz")
    repacked(tmp_path / "b.tar.gz", lambda folder: (folder / "extra.txt").write_text("x"))
    with pytest.raises(StoreDamaged, match=r"extra\.txt"):
        restore(tmp_path / "b.tar.gz", tmp_path / "again")


def test_a_backup_of_a_later_form_is_refused(store, tmp_path):
    def later(folder):
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        (folder / MANIFEST).write_text(json.dumps({**manifest, "format": 99}), encoding="utf-8")

    back_up(store, tmp_path / "b.tar.gz")
    repacked(tmp_path / "b.tar.gz", later)
    with pytest.raises(StoreDamaged, match="99"):
        restore(tmp_path / "b.tar.gz", tmp_path / "again")


def test_an_archive_that_leads_elsewhere_is_refused(tmp_path):
    evil = tmp_path / "evil.tar.gz"
    (tmp_path / "x").write_text("x")
    with tarfile.open(evil, "w:gz") as tar:
        tar.add(tmp_path / "x", arcname="../../outside.txt")
    with pytest.raises(StoreDamaged):
        restore(evil, tmp_path / "deep" / "again")
    assert not (tmp_path / "outside.txt").exists() and not (tmp_path.parent / "outside.txt").exists()


def test_a_kill_during_the_backup_leaves_the_earlier_archive(store, tmp_path):
    archive = tmp_path / "b.tar.gz"
    back_up(store, archive)
    before = archive.read_bytes()
    (store / "uploads" / "large.bin").write_bytes(os.urandom(60_000_000))  # long enough to be killed in
    for delay in (0.4, 0.8, 1.2):
        command = (
            "from rag.backup import back_up; from pathlib import Path; print(flush=True); "
            f"back_up(Path({str(store)!r}), Path({str(archive)!r}))"
        )
        process = subprocess.Popen([sys.executable, "-c", command], cwd=ROOT, stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        killed = process.wait() == -signal.SIGKILL
        process.stdout.close()
        assert not killed or archive.read_bytes() == before


def test_the_commands_tell_what_they_did(store, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RAG_EMBEDDING_MODEL", "hash")
    archive = str(tmp_path / "b.tar.gz")
    assert main(["backup", archive, "--store", str(store)]) == 0
    assert "4 reports" in capsys.readouterr().out
    assert main(["restore", archive, "--store", str(tmp_path / "again")]) == 0
    assert main(["restore", archive, "--store", str(tmp_path / "again")]) == 1
    assert "holds something already" in capsys.readouterr().err
    assert main(["backup", archive, "--store", str(tmp_path / "nowhere")]) == 1
    assert main(["restore", str(tmp_path / "none.tar.gz"), "--store", str(tmp_path / "new")]) == 1
