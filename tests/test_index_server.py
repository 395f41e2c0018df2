"""Vectors in a real Chroma server, shared by processes and stores."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import chromadb
import numpy as np
import pytest
from stored_reports import EMBEDDER, stored_report

from rag.catalog import BuiltWith, Catalog
from rag.errors import StoreLocked
from rag.index import Index, exact, vector

QUESTION = EMBEDDER.embed_query("不具备行政执法权")


class Server:
    """``chroma run`` over a folder, on the same port each time."""

    def __init__(self, folder):
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        command = [Path(sys.executable).with_name("chroma"), "run", "--path", self.folder, "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*map(str, command), "--host", "127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        limit = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < limit, "the server did not start"
                time.sleep(0.05)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def collections(self):
        client = chromadb.HttpClient("127.0.0.1", self.port)
        return {found.name: client.get_collection(found.name) for found in client.list_collections()}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(tmp_path / "store", BuiltWith(EMBEDDER.name, 320), create=True) as opened:
        for number in range(20):
            opened.put_report(
                stored_report(f"{number}.txt", f"第{number}项举措。", f"第{number}街道不具备行政执法权。")
            )
        yield opened


def expected(catalog, k=5):
    return [round(hit.score, 4) for hit in exact.search(catalog.vector_rows(), QUESTION, k)]


def by_server(index, k=5):
    hits = index._vector.search(QUESTION, k, patience=60)
    return hits and [round(hit.score, 4) for hit in hits]


def collections_of(server, catalog):
    return {name: one for name, one in server.collections().items() if catalog.catalog_id() in name}


def test_any_process_searches_what_one_has_written(server, catalog):
    with Index.open(catalog, owner=True, chroma_url=server.url) as writer:
        writer.sync()
        assert by_server(writer) == expected(catalog)
        assert writer.verify().problems == ()
        with Index.open(catalog, chroma_url=server.url) as reader:
            assert by_server(reader) == expected(catalog) and not reader.owns_vector
            catalog.put_report(stored_report("new.txt", "新街道不具备行政执法权。"))
            assert reader._vector.search(QUESTION, 5) is None, "it is behind, so it must not be asked"
            assert [round(hit.score, 4) for hit in reader.dense(QUESTION, 5)] == expected(catalog)
            writer.sync()
            assert by_server(reader) == expected(catalog)
    assert not list(catalog.store.glob("chroma*")), "nothing of Chroma is in the store's folder"


def test_the_collection_tells_what_it_stands_for_and_two_stores_share_a_server(server, catalog, tmp_path):
    with Catalog.open(tmp_path / "other", BuiltWith(EMBEDDER.name, 320), create=True) as other:
        other.put_report(stored_report("x.txt", "另一个目录的报告。"))
        for one in (catalog, other):
            with Index.open(one, owner=True, chroma_url=server.url) as index:
                index.sync()
        for one in (catalog, other):
            ((name, found),) = collections_of(server, one).items()
            assert name == f"rag-{one.catalog_id()}-1" and found.count() == one.chunk_count()
            assert (found.metadata["changed"], found.metadata["rows"]) == (one.change_counter(), one.chunk_count())


def test_a_rebuild_makes_a_new_collection_and_deletes_the_old_one(server, catalog):
    with Index.open(catalog, owner=True, chroma_url=server.url) as writer:
        writer.sync()
        with Index.open(catalog, chroma_url=server.url) as reader:
            assert by_server(reader) == expected(catalog)
            writer.rebuild()
            assert list(collections_of(server, catalog)) == [f"rag-{catalog.catalog_id()}-2"]
            assert [round(hit.score, 4) for hit in reader.dense(QUESTION, 5)] == expected(catalog)
            reader._vector._failures.forget()  # as if the time to the next attempt were over
            assert by_server(reader) == expected(catalog)


def test_one_process_writes_and_the_other_is_told_who(server, catalog):
    with (
        Index.open(catalog, owner=True, chroma_url=server.url) as first,
        Index.open(catalog, owner=True, chroma_url=server.url) as second,
    ):
        assert first.owns_vector and not second.owns_vector
        with pytest.raises(StoreLocked, match=r"process \d+ since"):
            second.rebuild()


def test_what_differs_on_the_server_is_told_and_mended(server, catalog):
    with Index.open(catalog, owner=True, chroma_url=server.url) as index:
        index.sync()
        ((_, found),) = collections_of(server, catalog).items()
        first, second = map(str, catalog.vectors().ids[:2])
        found.delete([first])
        found.upsert([second, "strange"], embeddings=np.ones((2, 64), np.float32))
        assert index.verify().problems == (
            "vector index: 1 chunks of the catalog are missing",
            "vector index: 1 rows are not in the catalog",
            "vector index: 1 rows differ from the catalog",
        )
        index.rebuild()
        assert index.verify().problems == ()


def test_a_server_out_of_reach_costs_no_answer_and_is_used_again_when_it_is_back(catalog, tmp_path, monkeypatch):
    monkeypatch.setattr(vector, "RETRY_S", 0.5)
    server = Server(tmp_path / "server")
    try:
        with Index.open(catalog, owner=True, chroma_url=server.url) as index:
            index.sync()
            assert by_server(index) == expected(catalog)
            server.stop()
            assert [round(hit.score, 4) for hit in index.dense(QUESTION, 5)] == expected(catalog)
            assert any("could not be used" in note for note in index.notes)
            catalog.put_report(stored_report("new.txt", "新街道不具备行政执法权。"))
            index.sync()
            assert [round(hit.score, 4) for hit in index.dense(QUESTION, 5)] == expected(catalog)
            server.start()
            time.sleep(0.6)
            index.sync()
            assert by_server(index) == expected(catalog)
    finally:
        server.stop()
