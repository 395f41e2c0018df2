"""Embedding in a child process: the same vectors, questions answered meanwhile, and a child that may be killed."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import psutil
import pytest
from fault_tally import count_fault
from waiting import wait_for

from rag.embedding import HashEmbedder
from rag.embedding.openai_embedder import OpenAIEmbedder
from rag.embedding.process import ProcessEmbedder, embedder_apart
from rag.errors import EmbeddingError
from rag.pipeline import Rag
from rag.settings import load_settings
from rag.uploads import Upload

SETTINGS = load_settings(embedding_model="hash")
TEXTS = ["街道没有执法权。", "信访案件办结二十六件。", "", "街道没有执法权。"]
MANY = [f"第{number}项工作有序开展，" * 60 for number in range(1500)]
REPORT = "青石街道办事处2023年法治政府建设情况报告\n\n一、主要举措\n全年受理信访案件26件。\n"


@pytest.fixture
def embedder():
    made = ProcessEmbedder(SETTINGS)
    yield made
    made.close()
    running = [child.cmdline() for child in psutil.Process().children()]
    assert not any("rag.embedding.process" in line for line in running)


def kill(pid):
    process = psutil.Process(pid)
    process.kill()
    process.wait(10)


def test_a_child_gives_the_vectors_that_this_process_gives(embedder):
    own, told = HashEmbedder(), []
    np.testing.assert_array_equal(embedder.embed_passages(TEXTS, told.append), own.embed_passages(TEXTS))
    np.testing.assert_array_equal(embedder.embed_query("执法权"), own.embed_query("执法权"))
    assert sum(told) == len(TEXTS)
    assert (embedder.name, embedder.dimension) == (own.name, own.dimension)
    assert embedder.embed_passages([]).shape == (0, own.dimension)


def test_the_child_is_another_process_and_stays_while_there_is_work(embedder):
    assert embedder.child_pid is None
    embedder.embed_passages(TEXTS)
    first = embedder.child_pid
    embedder.embed_passages(TEXTS)
    assert first not in (None, os.getpid()) and embedder.child_pid == first


def test_a_child_prepared_is_the_one_that_embeds(embedder):
    embedder.prepare()
    prepared = embedder.child_pid
    np.testing.assert_array_equal(embedder.embed_passages(TEXTS), HashEmbedder().embed_passages(TEXTS))
    assert prepared is not None and embedder.child_pid == prepared


def test_a_child_prepared_in_vain_goes_too(embedder, monkeypatch):
    monkeypatch.setattr("rag.embedding.process.IDLE_SECONDS", 0.2)
    embedder.prepare()
    psutil.Process(embedder.child_pid).wait(10)


def test_the_child_goes_when_there_is_no_work(embedder, monkeypatch):
    monkeypatch.setattr("rag.embedding.process.IDLE_SECONDS", 0.2)
    embedder.embed_passages(TEXTS)
    process = psutil.Process(embedder.child_pid)
    process.wait(10)
    while embedder.child_pid is not None:
        time.sleep(0.01)
    assert len(embedder.embed_passages(TEXTS)) == len(TEXTS)


def test_a_child_killed_at_work_is_replaced_and_no_passage_is_told_twice(embedder):
    told = []

    def report(count):
        told.append(count)
        if sum(told) == 200:
            os.kill(embedder.child_pid, 9)

    vectors = embedder.embed_passages(MANY[:400], report)
    np.testing.assert_array_equal(vectors, HashEmbedder().embed_passages(MANY[:400]))
    assert sum(told) == 400


def test_children_that_are_killed_again_and_again_are_told(embedder):
    with pytest.raises(EmbeddingError, match="SIGKILL.*RAG_EMBEDDING_BATCH"):
        embedder.embed_passages(MANY[:400], lambda _count: os.kill(embedder.child_pid, 9))
    assert len(embedder.embed_passages(TEXTS)) == len(TEXTS), "the next call gets a child of its own"


def test_embedding_can_be_left_early(embedder):
    class Stopped(Exception):
        pass

    def stop(_count):
        raise Stopped

    with pytest.raises(Stopped):
        embedder.embed_passages(MANY, stop)
    assert len(embedder.embed_passages(TEXTS)) == len(TEXTS)


def test_a_model_that_cannot_be_loaded_is_told_in_its_own_words(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    embedder = ProcessEmbedder(load_settings(embedding_model=str(tmp_path)))
    try:
        with pytest.raises(EmbeddingError, match="not a usable Sentence Transformers folder"):
            embedder.embed_passages(TEXTS)
    finally:
        embedder.close()


def test_a_model_behind_a_server_needs_no_child():
    settings = load_settings(embedding_model="openai:m", embedding_base_url="http://127.0.0.1:1/v1")
    assert isinstance(embedder_apart(settings), OpenAIEmbedder)


@pytest.fixture
def serving(tmp_path):
    settings = load_settings(store=tmp_path / "store", embedding_model="hash", chunk_tokens=64)
    with Rag(settings, create=True, owner=True, serving=True) as rag:
        rag.upload([Upload("青石.txt", REPORT.encode())])
        yield rag


def large():
    lines = "\n".join(f"第{number}项工作由第{number}个小组有序开展，" * 6 + "完成。" for number in range(1500))
    return Upload("白鹿.txt", f"白鹿街道办事处2022年法治政府建设情况报告\n\n一、主要举措\n{lines}\n".encode())


@pytest.mark.slow
def test_questions_are_answered_while_a_large_upload_is_taken_in(serving):
    results, answered = [], 0
    thread = threading.Thread(target=lambda: results.extend(serving.upload([large()])))
    thread.start()
    while thread.is_alive():
        assert "26" in serving.ask("青石街道2023年受理信访案件多少件").answer
        answered += 1
    thread.join()
    assert [result.outcome for result in results] == ["in"]
    assert answered >= 3
    assert serving.embedder.child_pid not in (None, os.getpid())


@pytest.mark.slow
def test_an_embedding_child_killed_in_mid_upload_costs_no_upload(serving):
    tries = lost = 0
    for year in range(2015, 2018):
        results = []
        upload = Upload(f"{year}.txt", large().content.replace("2022年".encode(), f"{year}年".encode()))
        thread = threading.Thread(
            target=lambda upload=upload, results=results: results.extend(serving.upload([upload]))
        )
        earlier = serving.embedder.child_pid
        if earlier:
            kill(earlier)
        thread.start()
        while thread.is_alive() and serving.embedder.child_pid in (None, earlier):
            time.sleep(0.01)
        time.sleep(0.5)
        if thread.is_alive():
            tries += 1
            kill(serving.embedder.child_pid)
        thread.join()
        lost += [result.outcome for result in results] != ["in"]
    count_fault("embedding process killed in mid-upload", tries=tries, losses=lost)
    assert tries and not lost
    wait_for(lambda: serving.verify().problems == ())  # who serves follows the catalog in the background
    assert serving.verify().problems == ()
    assert len(serving.reports()) == 4
