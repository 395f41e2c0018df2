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
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE

import pytest
from fault_tally import count_fault
from released_stores import released_store

import rag.backup
from rag.__main__ import main
from rag.backup import MANIFEST, back_up, restore
from rag.embedding import HashEmbedder
from rag.errors import StoreDamaged, StoreError
from rag.pipeline import Rag
from rag.settings import load_settings
from rag.uploads import Upload

ROOT = Path(__file__).parent.parent
TEXT = "{name}街道办事处2023年法治政府建设情况报告\n\n一、主要举措\n全年调解纠纷{number}件。街道不具备行政执法权。\n"


def open_rag(store, catalog_url=None, create=False):
    settings = load_settings(store=store, embedding_model="hash", catalog_url=catalog_url)
    return Rag(settings, create=create, owner=True)


BOTH_ENGINES = pytest.mark.parametrize("catalog_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def catalog_url(request):
    """Where the catalog is: in the store's folder, where a test does not say otherwise."""
    engine = getattr(request, "param", "sqlite")
    return request.getfixturevalue("postgres_server").new_database() if engine == "postgresql" else None


@pytest.fixture
def store(tmp_path, catalog_url):
    folder = tmp_path / "reports"
    folder.mkdir()
    for number, name in enumerate(("春田", "夏河", "秋山"), start=10):
        (folder / f"{name}.txt").write_text(TEXT.format(name=name, number=number), encoding="utf-8")
    with open_rag(tmp_path / "store", catalog_url, create=True) as rag:
        rag.ingest([folder])
        rag.upload([Upload("冬林.txt", TEXT.format(name="冬林", number=77).encode())])
    return tmp_path / "store"


def test_a_restored_upload_is_known_again(store, tmp_path):
    back_up(store, tmp_path / "b.tar.gz")
    restore(tmp_path / "b.tar.gz", tmp_path / "again")
    with open_rag(tmp_path / "again") as rag:
        again = rag.upload([Upload("冬林.txt", TEXT.format(name="冬林", number=78).encode())])
        assert [result.outcome for result in again] == ["replaced"]
        assert len(rag.reports()) == 4


@BOTH_ENGINES
def test_a_backup_made_during_an_ingest_is_of_one_moment(store, catalog_url, tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.txt").write_text(TEXT.format(name=f"第{number}", number=number), encoding="utf-8")
    with open_rag(store, catalog_url) as rag:
        writer = threading.Thread(target=rag.ingest, args=([folder],))
        writer.start()
        manifests = []
        while writer.is_alive():
            manifests.append(back_up(store, tmp_path / f"{len(manifests)}.tar.gz", catalog_url))
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


FORKING = """
import os, sys
from pathlib import Path
from pydantic import SecretStr
from rag.backup import back_up, restore
for line in sys.stdin:
    what, one, other, url = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if child == 0:
        {"back_up": back_up, "restore": restore}[what](Path(one), Path(other), SecretStr(url) if url else None)
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forking:
    """A process that has imported everything, and does each thing in a child of its own, to be killed."""

    def __init__(self):
        command = [sys.executable, "-c", FORKING]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True)

    def run(self, what, one, other, url, kill_after=None):
        """Do a thing, and return its exit status and how long it took; killed after so many seconds, if given."""
        self.process.stdin.write(f"{what}\t{one}\t{other}\t{url.get_secret_value() if url else ''}\n")
        self.process.stdin.flush()
        child, started = int(self.process.stdout.readline()), time.monotonic()
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return int(self.process.stdout.readline()), time.monotonic() - started


@pytest.fixture
def forking():
    opened = Forking()
    yield opened
    opened.process.communicate()


@BOTH_ENGINES
def test_a_kill_during_the_backup_leaves_the_earlier_archive_or_the_new_one_and_no_litter(
    store, catalog_url, tmp_path, forking
):
    archives = tmp_path / "archives"
    archives.mkdir()
    archive = archives / "b.tar.gz"
    back_up(store, archive, catalog_url)
    before = archive.read_bytes()
    (store / "uploads" / "large.bin").write_bytes(os.urandom(8_000_000))  # long enough to be killed in
    status, usual = forking.run("back_up", store, archive, catalog_url)
    assert status == 0
    archive.write_bytes(before)
    killed = lost = 0
    for share in (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        status, _ = forking.run("back_up", store, archive, catalog_url, kill_after=share * usual)
        killed += status == -signal.SIGKILL
        if archive.read_bytes() != before:
            lost += not _is_whole(archive, tmp_path)
            archive.write_bytes(before)
    count_fault(f"SIGKILL during backup, {'PostgreSQL' if catalog_url else 'SQLite'}", tries=killed, losses=lost)
    assert lost == 0 and killed >= 5
    assert len(list(archives.glob(".backup-*"))) <= 1  # each cleared away what the one before had left
    back_up(store, archive, catalog_url)
    assert [path.name for path in archives.iterdir()] == ["b.tar.gz"]


def _is_whole(archive, folder):
    try:
        restore(archive, folder / "tried")
    except StoreError:
        return False
    shutil.rmtree(folder / "tried")
    return True


def test_a_running_backup_is_not_cleared_away_by_another(store, tmp_path, monkeypatch):
    """The second starts while the first is at work in the same folder; both are whole."""
    pack, others = rag.backup._pack, []

    def pack_meanwhile(folder, archive):
        if not others:
            others.append(archive)
            back_up(store, tmp_path / "other.tar.gz")
        pack(folder, archive)

    monkeypatch.setattr("rag.backup._pack", pack_meanwhile)
    back_up(store, tmp_path / "one.tar.gz")
    assert _is_whole(tmp_path / "one.tar.gz", tmp_path) and _is_whole(tmp_path / "other.tar.gz", tmp_path)


def test_what_a_killed_backup_left_is_cleared_away_and_somebodys_own_folder_is_not(store, tmp_path):
    left_unlocked, left_locked, own = (tmp_path / f".backup-{name}" for name in ("unlocked", "locked", "own"))
    for folder in (left_unlocked, left_locked, own):
        folder.mkdir()
    (left_locked / "in-use.lock").touch()
    (left_locked / "store").mkdir()
    (left_locked / "archive").touch()
    (own / "kept.txt").touch()
    back_up(store, tmp_path / "b.tar.gz")
    assert not left_unlocked.exists() and not left_locked.exists()
    assert [path.name for path in own.iterdir()] == ["kept.txt"]


KILLED_CLEARING_UP = """
import os, signal, sys
from pathlib import Path
from rag.backup import back_up
archived, left = False, int(sys.argv[3])
def count(event, args):
    global archived, left
    if event == "os.rename" and str(args[1]) == sys.argv[2]:
        archived = True
    elif archived and event in ("os.remove", "os.rmdir"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
back_up(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_kill_while_a_backup_clears_up_leaves_nothing_that_the_next_does_not_clear_away(store, tmp_path):
    """Killed before each thing in turn that it removes, until it has removed all."""
    archives = tmp_path / "archives"
    archives.mkdir()
    killed = stayed = 0
    while True:
        command = [sys.executable, "-c", KILLED_CLEARING_UP, store, archives / "b.tar.gz", str(killed)]
        if subprocess.run(command, cwd=ROOT).returncode != -signal.SIGKILL:
            break
        back_up(store, archives / "again.tar.gz")
        stayed += len(list(archives.glob(".backup-*")))
        killed += 1
    count_fault("SIGKILL while a backup clears up", tries=killed, losses=stayed)
    assert stayed == 0 and killed >= 5


def test_a_damaged_catalog_does_not_replace_a_good_backup(store, tmp_path):
    archive = tmp_path / "b.tar.gz"
    back_up(store, archive)
    before = archive.read_bytes()
    content = bytearray((store / "catalog.sqlite").read_bytes())
    content[8192:40960] = b"\xff" * 32768
    (store / "catalog.sqlite").write_bytes(content)
    with pytest.raises(StoreDamaged, match="an earlier backup stays.*python -m rag restore"):
        back_up(store, archive)
    assert archive.read_bytes() == before


@BOTH_ENGINES
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_backup_of_either_engine_is_put_back_on_either_with_the_same_citations(
    target, store, catalog_url, tmp_path, postgres_server, monkeypatch
):
    with open_rag(store, catalog_url) as rag:
        before, figures = rag.ask("哪些街道不具备行政执法权"), rag.facts()
        metas, identity = rag.reports(), rag.identity()
    back_up(store, tmp_path / "b.tar.gz", catalog_url)
    monkeypatch.setattr(HashEmbedder, "embed_passages", None)  # nothing is embedded from here on
    new_url = postgres_server.new_database() if target == "postgresql" else None
    again = tmp_path / "again"
    assert restore(tmp_path / "b.tar.gz", again, new_url).reports == 4
    assert (again / "catalog.sqlite").exists() == (new_url is None)
    with open_rag(again, new_url) as rag:
        after = rag.ask("哪些街道不具备行政执法权")
        assert rag.verify().problems == ()
        assert [citation.id for citation in after.citations] == [citation.id for citation in before.citations] != []
        assert (rag.reports(), rag.identity(), rag.facts()) == (metas, identity, figures)
        uploaded = next(row for row in rag.inventory() if row.meta.source == "冬林.txt")
        assert Path(uploaded.path).is_file() and again in Path(uploaded.path).parents


def test_a_backup_of_a_released_version_is_put_back_on_postgresql(tmp_path, postgres_server):
    store = released_store(tmp_path / "store", 1)
    back_up(store, tmp_path / "b.tar.gz")
    url = postgres_server.new_database()
    restore(tmp_path / "b.tar.gz", tmp_path / "again", url)
    with open_rag(tmp_path / "again", url) as rag:
        assert rag.verify().problems == () and len(rag.reports()) == 2


@BOTH_ENGINES
def test_a_database_that_holds_a_catalog_is_not_restored_into(store, catalog_url, tmp_path, postgres_server):
    back_up(store, tmp_path / "b.tar.gz", catalog_url)
    url = postgres_server.new_database()
    restore(tmp_path / "b.tar.gz", tmp_path / "again", url)
    with pytest.raises(StoreError, match="Name an empty database in RAG_CATALOG_URL"):
        restore(tmp_path / "b.tar.gz", tmp_path / "new", url)
    assert not (tmp_path / "new").exists() and not list(tmp_path.glob(".restore-*"))


def test_a_kill_during_a_restore_leaves_a_whole_catalog_or_none(store, tmp_path, postgres_server, forking):
    archive = tmp_path / "b.tar.gz"
    back_up(store, archive)
    status, usual = forking.run("restore", archive, tmp_path / "again", postgres_server.new_database())
    assert status == 0
    shutil.rmtree(tmp_path / "again")
    lost = tries = 0
    for share in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95):
        url = postgres_server.new_database()
        status, _ = forking.run("restore", archive, tmp_path / "again", url, kill_after=share * usual)
        tries += status == -signal.SIGKILL
        try:
            with open_rag(tmp_path / "again", url) as rag:
                lost += len(rag.reports()) != 4 or bool(rag.verify().problems)
        except StoreDamaged:  # there is none: it can be done again
            shutil.rmtree(tmp_path / "again", ignore_errors=True)
            restore(archive, tmp_path / "again", url)
        shutil.rmtree(tmp_path / "again")
    count_fault("SIGKILL during a restore into PostgreSQL", tries=tries, losses=lost)
    assert lost == 0
    restore(archive, tmp_path / "again", postgres_server.new_database())  # clears away what the last kill left
    assert not list(tmp_path.glob(".restore-*"))


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


def test_the_commands_bring_a_store_to_postgresql_and_back(store, tmp_path, capsys, monkeypatch, postgres_server):
    monkeypatch.setenv("RAG_EMBEDDING_MODEL", "hash")
    question = ["ask", "哪些街道不具备行政执法权", "--json", "--store"]
    answers = []
    for number, url in enumerate(("", postgres_server.new_database().get_secret_value(), "")):
        monkeypatch.setenv("RAG_CATALOG_URL", url)
        if number:
            store = tmp_path / f"store{number}"
            assert main(["restore", str(tmp_path / "b.tar.gz"), "--store", str(store)]) == 0
            assert "4 reports of" in capsys.readouterr().out
        assert main(["verify", "--store", str(store)]) == 0
        capsys.readouterr()
        assert main([*question, str(store)]) == 0
        answers.append([citation["id"] for citation in json.loads(capsys.readouterr().out)["citations"]])
        assert main(["backup", str(tmp_path / "b.tar.gz"), "--store", str(store)]) == 0
        assert "4 reports in" in capsys.readouterr().out
    assert answers[0] == answers[1] == answers[2] != []
