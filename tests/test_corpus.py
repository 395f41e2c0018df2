"""What is kept in memory of the reports is what the catalog says, and no more is read than has changed."""

import threading

import pytest
from stored_reports import EMBEDDER, stored_report
from waiting import wait_for

from rag.catalog import BuiltWith, Catalog
from rag.pipeline import Rag
from rag.questions import Concept
from rag.retrieval import Corpus
from rag.settings import load_settings

ADVISER = Concept("法律顾问", ("法律顾问", "顾问"), "lexicon")


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(tmp_path / "store", BuiltWith(EMBEDDER.name, 320), create=True) as opened:
        for number in range(4):
            opened.put_report(stored_report(f"{number}.txt", f"第{number}项举措有序开展。"))
        yield opened


def texts(corpus, catalog):
    return {text.meta.source: text for text in corpus.texts(list(catalog.metas().values()))}


def test_only_what_changed_is_read_again(catalog):
    corpus = Corpus(catalog, 10)
    before = texts(corpus, catalog)
    catalog.put_report(stored_report("1.txt", "第1项举措有序开展。", region="河西区"))  # the same text, corrected
    catalog.put_report(stored_report("new.txt", "聘请法律顾问2名。"))
    catalog.remove_file("/reports/3.txt")
    after = texts(corpus, catalog)
    assert set(after) == {"0.txt", "1.txt", "2.txt", "new.txt"}
    assert {source for source in after if after[source] is before.get(source)} == {"0.txt", "2.txt"}
    assert after["1.txt"].meta.region == "河西区"
    assert "法律顾问" in after["new.txt"].folded


def test_what_a_caller_knows_of_a_report_is_not_kept_once_it_is_corrected(catalog):
    corpus = Corpus(catalog, 10)
    known = list(catalog.metas().values())
    catalog.put_report(stored_report("1.txt", "第1项举措有序开展。", region="河西区"))
    assert len(list(corpus.texts(known))) == 4
    assert texts(corpus, catalog)["1.txt"].meta.region == "河西区"


def test_how_rare_a_word_is_follows_the_catalog_and_does_not_depend_on_the_form_asked_for(catalog):
    corpus = Corpus(catalog, 10)
    assert corpus.rarity(ADVISER) is None
    catalog.put_report(stored_report("new.txt", "聘请法律顾问2名。"))
    known = corpus.rarity(ADVISER)
    assert known is not None
    assert corpus.rarity(Concept("顾问", ("顾问", "法律顾问"), "word")) == known


def test_what_was_read_ahead_is_read_no_more(catalog, monkeypatch):
    corpus = Corpus(catalog, 10)
    assert corpus.preload(threading.Event())
    monkeypatch.setattr(Catalog, "paragraph_rows", lambda *_: pytest.fail("read again"))
    known = texts(corpus, catalog)
    assert len(known) == 4
    assert all(p.known_sentences is not None for text in known.values() for p in text.passages)
    assert corpus.preload(threading.Event())


def test_reading_ahead_stops_in_the_middle_and_goes_on_later(catalog, monkeypatch):
    monkeypatch.setattr("rag.retrieval.corpus.PRELOADED_AT_ONCE", 1)
    corpus, stopping = Corpus(catalog, 10), threading.Event()
    stopping.set()
    assert not corpus.preload(stopping)
    stopping.clear()
    assert corpus.preload(stopping)


def test_no_more_is_kept_than_allowed_and_the_rest_is_read_each_time(catalog):
    corpus = Corpus(catalog, 2)
    assert corpus.preload(threading.Event())
    first, second = texts(corpus, catalog), texts(corpus, catalog)
    assert len(first) == len(second) == 4
    assert sum(first[source] is second[source] for source in first) == 2
    assert {source: text.folded for source, text in first.items()} == {s: text.folded for s, text in second.items()}


def test_an_application_reads_its_reports_ahead_and_those_that_come_in(tmp_path):
    settings = load_settings(store=tmp_path / "store", embedding_model="hash")
    report = tmp_path / "report.txt"
    report.write_text("青石街道办事处2023年法治政府建设情况报告\n\n一、主要举措\n受理信访案件9件。\n", encoding="utf-8")
    with Rag(settings, create=True, owner=True, serving=True) as application:
        assert application.wait_until_loaded(60)
        with Rag(settings) as other:
            assert not other.ingest([report]).failures
            assert other.wait_until_loaded(0)  # it reads nothing ahead
        assert wait_for(lambda: application._corpus._texts)
