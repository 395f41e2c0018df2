"""Whatever is damaged in a catalog is named by a check, and never answered from as if it were sound."""

import os
import random
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from fault_tally import count_fault
from sqlalchemy import text
from stored_reports import EMBEDDER, stored_report

from rag.catalog import BuiltWith, Catalog
from rag.errors import RagError, StoreDamaged, StoreError
from rag.ingestion import ingest_into_store
from rag.pipeline import Rag
from rag.settings import load_settings

BUILT_WITH = BuiltWith(EMBEDDER.name, 320)
FIRST = stored_report("a.txt", "办结信访案件26件，罚款3万元，培训40人次。", "执法人员不足。")
SECOND = stored_report("b.txt", "乙处办结信访案件27件。")
ID = FIRST.report.meta.id


@pytest.fixture
def catalog(tmp_path, catalog_url):
    with Catalog.open(tmp_path / "store", BUILT_WITH, create=True, url=catalog_url) as opened:
        opened.put_report(FIRST)
        opened.put_report(SECOND)
        yield opened


def damage(catalog, *statements, **values):
    """Change rows as no program of ours would, foreign keys or not."""
    with catalog.database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.connection.execute("PRAGMA foreign_keys=OFF")
        else:
            connection.execute(text("SET session_replication_role = replica"))
        connection.commit()
        for statement in statements:
            connection.execute(text(statement), values)
        connection.commit()
        connection.invalidate()


DAMAGES = {
    "a paragraph's text was changed": (
        f"UPDATE paragraphs SET text = '办结信访案件28件。' WHERE report_id = '{ID}' AND number = 2",
        f"report {ID}: its paragraphs are not those that it was named by",
    ),
    "the last paragraph is lost": (
        f"DELETE FROM paragraphs WHERE report_id = '{ID}' AND number = 4",
        f"report {ID}: its paragraphs are not those that it was named by",
    ),
    "a paragraph is lost": (
        f"DELETE FROM paragraphs WHERE report_id = '{ID}' AND number = 2",
        f"report {ID}: paragraph numbers are not 1, 2, …: 2 is missing",
    ),
    "a report has another id": (
        "UPDATE reports SET id = '000000000000' WHERE source = 'a.txt'",
        "report 000000000000: its paragraphs are not those that it was named by",
    ),
    "a paragraph is of no kind": ("UPDATE paragraphs SET kind = 'poem' WHERE number = 2", "unknown kind 'poem'"),
    "a paragraph is in no section": ("UPDATE paragraphs SET section = 9 WHERE number = 2", "section 9, which there is"),
    "a paragraph has other headings": (
        "UPDATE paragraphs SET path = '[\"别的\"]' WHERE number = 2",
        "paragraph 2 has other headings than its section",
    ),
    "a paragraph's headings are no JSON": (
        "UPDATE paragraphs SET path = '[' WHERE number = 2",
        "paragraph 2 has other headings than its section",
    ),
    "a section is lost": (
        f"DELETE FROM sections WHERE report_id = '{ID}' AND \"index\" = 0",
        f"report {ID}: section numbers are not 0, 1, …: 0 is missing",
    ),
    "a section lies in itself": ('UPDATE sections SET parent = "index"', "section 0 lies in section 0"),
    "a section is of no kind": ("UPDATE sections SET kind = 'song'", "section 0 is of the unknown kind 'song'"),
    "a chunk's text was changed": (
        "UPDATE chunks SET text = '别的。' WHERE ordinal = 0",
        "chunk 0 is not the text that its spans cut from the paragraphs",
    ),
    "a chunk's spans point elsewhere": (
        "UPDATE chunks SET spans = '[[99, 0, 3]]' WHERE ordinal = 0",
        "chunk 0 is not the text that its spans cut from the paragraphs",
    ),
    "a chunk's spans are no JSON": ("UPDATE chunks SET spans = '[[' WHERE ordinal = 0", "chunk 0 is not the text that"),
    "a chunk's spans are no numbers": (
        "UPDATE chunks SET spans = '[[\"x\", null]]' WHERE ordinal = 0",
        "chunk 0 is not the text that",
    ),
    "a chunk is lost": (f"DELETE FROM chunks WHERE id = '{ID}-c0'", "chunk numbers are not 0, 1, …: 0 is missing"),
    "the last chunk is lost": (
        f"DELETE FROM chunks WHERE id = '{ID}-c1'",
        f"report {ID}: paragraph 4 is not in the chunks, or not whole and once",
    ),
    "a chunk has another id": (f"UPDATE chunks SET id = 'x' WHERE id = '{ID}-c1'", "chunk 1 has the id 'x'"),
    "a chunk was embedded from another text": (
        f"UPDATE chunks SET embedding_text = '别的' || text WHERE id = '{ID}-c1'",
        "chunk 1 was embedded from another text",
    ),
    "a chunk's headings are no JSON": ("UPDATE chunks SET path = '}'", "no headings or no kind that can be read"),
    "a vector is lost": (
        f'DELETE FROM vectors WHERE "row" IN (SELECT "row" FROM chunks WHERE id = \'{ID}-c1\')',
        f"report {ID}: chunk 1 has no vector",
    ),
    "a figure is lost": ("DELETE FROM facts WHERE ordinal = 0", "figure numbers are not 0, 1, …: 0 is missing"),
    "a figure stands nowhere": ('UPDATE facts SET "end" = 9999', "figure 0 stands at no place in paragraph 2"),
    "a file is lost": ("DELETE FROM files WHERE source = 'a.txt'", f"report {ID}: no file '/reports/a.txt'"),
    "a file has no report": ("UPDATE files SET report_id = 'x' WHERE source = 'a.txt'", "files of report x without"),
    "a report's row is lost": (
        f"DELETE FROM reports WHERE id = '{ID}'",
        f"catalog: paragraphs of report {ID} without the report",
    ),
    "the change counter went back": ("UPDATE meta SET value = '0' WHERE key = 'changed'", "its change counter is 0"),
    "the catalog's id is lost": ("DELETE FROM meta WHERE key = 'catalog_id'", "it has no catalog_id"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named(name, catalog):
    assert catalog.check() == []
    statement, named = DAMAGES[name]
    damage(catalog, statement)
    assert any(named in problem for problem in catalog.check()), catalog.check()


@pytest.mark.parametrize(
    ("vector", "named"),
    [
        (np.full(64, np.nan, "<f4"), "not of length 1 but nan"),
        (np.full(64, np.inf, "<f4"), "not of length 1 but inf"),
        (np.zeros(64, "<f4"), "not of length 1 but 0"),
        (np.full(64, 1, "<f4"), "not of length 1 but 8"),
        (np.ones(3, "<f4"), "a vector of 12 bytes, not of the store's 64 dimensions"),
    ],
)
def test_a_vector_that_is_none_is_named(vector, named, catalog):
    damage(catalog, 'UPDATE vectors SET vector = :vector WHERE "row" = 1', vector=vector.tobytes())
    assert catalog.check() == [f"report {ID}: chunk 0 has {'' if 'bytes' in named else 'a vector that is '}{named}"]


# What is below concerns a file; PostgreSQL keeps its own.


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    for number in range(12):
        lines = [f"第{number}街道办事处2023年法治政府建设情况报告", "", "一、主要做法"]
        lines += [
            f"（{item}）办结信访案件{item * number}件，街道不具备行政执法权，普法{item}场次。" for item in range(1, 9)
        ]
        (folder / f"{number}.txt").write_text("\n".join(lines), encoding="utf-8")
    settings = load_settings(store=tmp_path / "store", embedding_model="hash")
    ingest_into_store([folder], settings)
    return tmp_path / "store"


def opened(store, **options):
    return Rag(load_settings(store=store, embedding_model="hash"), **options)


def zero_pages(content):
    return content[:8192] + bytes(len(content) - 8192)


WRECKS = {
    "empty": lambda content: b"",
    "garbage": lambda content: random.Random(1).randbytes(len(content)),
    "half": lambda content: content[: len(content) // 2],
    "a header": lambda content: content[:100],
    "zeros": lambda content: bytes(len(content)),
    "zero pages": zero_pages,
    "another database": lambda content: _another_database(),
}


def _another_database():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE letters (text TEXT)")
        connection.commit()
        return connection.serialize()


@pytest.mark.parametrize("wreck", WRECKS)
@pytest.mark.parametrize("create", [False, True])
def test_a_wrecked_catalog_is_refused_with_the_way_back_and_never_seems_empty(wreck, create, store):
    path = store / "catalog.sqlite"
    path.write_bytes(WRECKS[wreck](path.read_bytes()))
    with pytest.raises(StoreDamaged, match="python -m rag restore"), opened(store, create=create) as rag:
        rag.reports()
        rag.ask("哪些街道不具备行政执法权")
        raise AssertionError(rag.verify())


def test_a_catalog_that_is_gone_is_not_made_anew_over_its_indexes(store):
    (store / "catalog.sqlite").unlink()
    with pytest.raises(StoreDamaged, match="the catalog was lost.*python -m rag restore"):
        opened(store, create=True)
    with pytest.raises(StoreError, match="no store"):
        opened(store)


def test_pages_overwritten_at_random_give_an_error_of_ours_or_an_honest_answer(store, tmp_path):
    """Whatever a page turns into: no traceback, no empty store, and every quote stands in a stored paragraph."""
    chance, tries, lost, told = random.Random(20261125), 40, 0, 0
    content = (store / "catalog.sqlite").read_bytes()
    pages = len(content) // 4096
    for number in range(tries):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(store, copy)
        wrecked = bytearray(content)
        for page in chance.sample(range(pages), chance.choice([1, 1, 2, 5])):
            start = page * 4096 + chance.choice([0, 0, 100, 2000])
            length = chance.choice([16, 500, 4096 - start % 4096])
            wrecked[start : start + length] = chance.choice([bytes(length), chance.randbytes(length), b"\xff" * length])
        (copy / "catalog.sqlite").write_bytes(wrecked)
        try:
            with opened(copy, owner=True) as rag:
                lost += not rag.reports()
                answer = rag.ask("哪些街道不具备行政执法权")
                lost += any(rag.cite(citation.id).citation.quote != citation.quote for citation in answer.citations)
                told += bool(rag.verify().problems)
        except RagError:
            told += 1
        shutil.rmtree(copy)
    count_fault("random pages of the catalog overwritten", tries=tries, losses=lost)
    assert lost == 0
    assert told > tries // 2


def test_a_missing_or_foreign_log_leaves_the_catalog_of_an_earlier_moment(tmp_path):
    """The write-ahead log holds what is not yet in the file."""
    store = tmp_path / "store"
    with Catalog.open(store, BUILT_WITH, create=True) as writer:
        writer.put_report(FIRST)
    with Catalog.open(store) as writer:
        writer.put_report(SECOND)
        for wreck in (None, b"", os.urandom(50_000)):
            copy = tmp_path / "copy"
            shutil.copytree(store, copy)
            (copy / "catalog.sqlite-shm").unlink(missing_ok=True)
            log = copy / "catalog.sqlite-wal"
            log.unlink() if wreck is None else log.write_bytes(wreck)
            with Catalog.open(copy) as catalog:
                assert catalog.check() == []
                assert ID in catalog.metas()
            shutil.rmtree(copy)
