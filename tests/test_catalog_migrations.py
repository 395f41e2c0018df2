"""Stores of every released version come up to this one, whole or not at all, whatever stops it half-way."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from fault_tally import count_fault
from released_stores import RELEASED, released_store

from rag.catalog import Catalog
from rag.catalog.schema import SCHEMA_VERSION
from rag.errors import StoreDamaged, StoreError
from rag.facts import extract_facts
from rag.pipeline import Rag
from rag.settings import load_settings

ROOT = Path(__file__).parent.parent
OPEN = "import sys; from pathlib import Path; from rag.catalog import Catalog; Catalog.open(Path(sys.argv[1])).close()"
KILLED_AT = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event, Engine
from rag.catalog import Catalog
statements = 0
@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *rest):
    global statements
    statements += statement.startswith(("CREATE", "ALTER", "INSERT", "UPDATE", "DELETE"))
    if statements == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
Catalog.open(Path(sys.argv[1])).close()
"""


def version_of(store):
    with closing(sqlite3.connect(store / "catalog.sqlite")) as connection:
        return connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()[0]


def test_every_version_before_this_one_is_kept_for_testing():
    assert sorted(RELEASED) == list(range(1, SCHEMA_VERSION))


@pytest.mark.parametrize("version", RELEASED)
def test_a_store_of_a_released_version_is_brought_up_and_answers(version, tmp_path):
    store = released_store(tmp_path / "store", version)
    for _ in range(2):
        with Rag(load_settings(store=store, embedding_model="hash"), owner=True) as rag:
            assert rag.verify().problems == ()
            answer = rag.ask("哪些街道不具备行政执法权")
            assert [citation.quote for citation in answer.citations] == ["（二）街道不具备行政执法权，执法人员不足。"]
    assert version_of(store) == SCHEMA_VERSION


@pytest.mark.parametrize("version", RELEASED)
def test_a_store_brought_up_is_like_one_made_now(version, tmp_path):
    store = released_store(tmp_path / "store", version)
    with Catalog.open(store) as old, Catalog.open(tmp_path / "new", create=True):
        facts = [fact for report_id in sorted(old.metas()) for fact in extract_facts(old.report(report_id))]
        assert old.facts() == facts != []
        texts = [row[3] for row in old.chunk_texts()]
        assert old.vectors_of_texts(texts).keys() == set(texts)
    tables = [_tables(folder / "catalog.sqlite") for folder in (store, tmp_path / "new")]
    assert tables[0] == tables[1]


def _tables(path):
    """Return every table's columns and every index's columns."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
        query = "SELECT name FROM sqlite_master WHERE type = 'index'"
        indexes = {
            name: connection.execute(f"PRAGMA index_info({name})").fetchall() for (name,) in connection.execute(query)
        }
    return columns, indexes


def test_a_kill_anywhere_in_a_migration_leaves_a_usable_store(tmp_path):
    """The process is killed after its first, second, … statement that changes anything, until it gets through."""
    tries = lost = 0
    for statement in range(1, 100):
        store = released_store(tmp_path / str(statement), 1)
        killed = subprocess.run([sys.executable, "-c", KILLED_AT, str(store), str(statement)], cwd=ROOT, check=False)
        assert killed.returncode in (0, -signal.SIGKILL)
        between = version_of(store)
        with Catalog.open(store) as catalog:
            whole = catalog.check() == [] and len(catalog.metas()) == 2 and len(catalog.facts()) > 0
        if killed.returncode == 0:
            break
        tries += 1
        lost += not (whole and between in range(1, SCHEMA_VERSION + 1))
    count_fault("SIGKILL during a migration", tries=tries, losses=lost)
    assert lost == 0 and tries >= 8


def test_processes_that_open_an_old_store_at_once_bring_it_up_once(tmp_path):
    store = released_store(tmp_path / "store", 1)
    processes = [subprocess.Popen([sys.executable, "-c", OPEN, str(store)], cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    with Catalog.open(store) as catalog:
        assert catalog.check() == []
        assert len(catalog.facts()) == len(set(catalog.facts()))


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 99])
def test_a_store_of_a_newer_program_is_refused_with_the_way_out(version, tmp_path):
    with Catalog.open(tmp_path, create=True) as catalog, catalog.database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE meta SET value = '{version}' WHERE key = 'schema_version'")
    with pytest.raises(StoreDamaged, match=f"schema version {version}.*written by a newer program.*python ingest.py"):
        Catalog.open(tmp_path)


@pytest.mark.parametrize("version", ["0", "-1", "'\"two\"'", "'[1]'", "'null'", "'{'"])
def test_a_store_without_a_version_is_refused_with_the_way_back(version, tmp_path):
    with Catalog.open(tmp_path, create=True) as catalog, catalog.database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE meta SET value = {version} WHERE key = 'schema_version'")
    with pytest.raises(StoreDamaged, match="python -m rag restore"):
        Catalog.open(tmp_path)


def test_an_old_store_in_a_read_only_folder_tells_what_to_do(tmp_path, monkeypatch):
    store = released_store(tmp_path / "store", 1)
    monkeypatch.setattr("rag.catalog.sqlite.os.access", lambda *_: False)
    with pytest.raises(StoreError, match="read-only. Change its permissions"):
        Catalog.open(store)
    monkeypatch.undo()
    assert version_of(store) == 1
    assert os.access(store, os.W_OK)
