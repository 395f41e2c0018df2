"""The bundled reader on a small fixed set written for this test: it is there, loads, and knows what it reads."""

from __future__ import annotations

import logging
import os

import psutil
import pytest

from rag.embedding.bundled import weights_hash, weights_path
from rag.embedding.bundled_embedder import adapter_hash
from rag.errors import ScoringError
from rag.evidence import RETRIEVER, Passage, Reader, Score, load_retriever, load_scorer, verdict
from rag.evidence.process import ProcessReader
from rag.evidence.reader import WEIGHTS
from rag.evidence.reader_file import read_header
from rag.settings import Settings
from rag.types import Verdict

CONTEXT = "槐荫街道办事处 2023 | 三、存在的问题"
LARGEST = 30_000_000
STATEMENTS = {
    "lacks": "街道至今没有行政处罚权，发现违法行为只能劝阻并上报。",
    "has": "自2022年6月起，街道以自己的名义行使行政处罚权87项。",
    "planned": "2024年，争取区政府将部分行政处罚权下放到街道。",
    "other": "全年组织法治宣传活动36场，发放资料4200份。",
    "adviser": "街道聘请衡信律师事务所两名律师担任法律顾问，年费6万元。",
    "no adviser": "因经费紧张，本年度未聘请法律顾问。",
    "mediated": "全年调解矛盾纠纷215件，调解成功208件。",
}
QUESTIONS = {
    "谁家手里没有罚款的权力？": ("lacks", "has"),
    "Which offices have no power to impose penalties?": ("lacks", "has"),
    "哪些街道自己能作出处罚决定": ("has", "lacks"),
    "哪几个单位请不起律师当顾问": ("no adviser", "adviser"),
    "Which offices hired outside lawyers as advisers?": ("adviser", "no adviser"),
    "调解了多少起纠纷": ("mediated", "other"),
}


@pytest.fixture(scope="module")
def reader():
    return Reader(Settings(_env_file=None))


def scores(reader: Reader, question: str) -> dict[str, Score]:
    passages = [Passage(text, CONTEXT) for text in STATEMENTS.values()]
    return dict(zip(STATEMENTS, reader.score(question, passages), strict=True))


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_statement_that_answers_is_the_likeliest_yes(reader, question):
    answers, _ = QUESTIONS[question]
    found = scores(reader, question)
    assert max(found, key=lambda name: found[name].yes) == answers


@pytest.mark.parametrize("question", [question for question, (_, opposite) in QUESTIONS.items() if opposite != "other"])
def test_the_statement_that_denies_is_the_likeliest_no(reader, question):
    _, denies = QUESTIONS[question]
    found = scores(reader, question)
    assert max(found, key=lambda name: found[name].no) == denies


def test_a_verdict_follows_from_the_fitted_thresholds(reader):
    found = scores(reader, "谁家手里没有罚款的权力？")
    assert verdict([found["lacks"], found["other"]], reader.thresholds) is Verdict.YES
    assert verdict([found["other"]], reader.thresholds) is Verdict.NOT_MENTIONED


def test_the_span_is_the_words_that_answer(reader):
    score = scores(reader, "调解了多少起纠纷")["mediated"]
    assert "215件" in STATEMENTS["mediated"][slice(*score.span)]


def test_scores_do_not_depend_on_what_is_read_beside(reader):
    passages = [Passage(text, CONTEXT) for text in STATEMENTS.values()]
    together = reader.score("谁没有处罚权？", passages)
    for passage, score in zip(passages, together, strict=True):
        (alone,) = reader.score("谁没有处罚权？", [passage])
        assert alone.yes == pytest.approx(score.yes, abs=0.02) and alone.no == pytest.approx(score.no, abs=0.02)


def test_odd_texts_are_read(reader):
    odd = [Passage(""), Passage("。"), Passage("\ud800法"), Passage("执法" * 2000), Passage("a\0b", "\n")]
    found = reader.score("", odd)
    assert len(found) == len(odd)
    for passage, score in zip(odd, found, strict=True):
        assert 0 <= score.span[0] <= score.span[1] <= len(passage.text)
        assert score.irrelevant + score.near + score.yes + score.no + score.planned == pytest.approx(1, abs=1e-3)
    assert reader.score("谁？", []) == []


def test_the_weights_are_small_and_say_where_they_come_from():
    assert WEIGHTS.stat().st_size + RETRIEVER.stat().st_size <= LARGEST
    header = read_header(WEIGHTS)
    assert header.base == weights_hash(weights_path()) and header.retriever == adapter_hash(RETRIEVER)
    assert len(header.data) == 64 and header.recipe["layers"] == 12


def test_progress_adds_up(reader):
    told: list[int] = []
    reader.score("谁？", [Passage(text) for text in STATEMENTS.values()] * 12, told.append)
    assert sum(told) == 12 * len(STATEMENTS)


def test_none_is_no_reader():
    assert load_scorer(Settings(_env_file=None, reader="none")) is None


def test_the_retriever_has_vectors_of_its_own():
    own = load_retriever(Settings(_env_file=None))
    assert "+adapter@" in own.name
    assert own.embed_query("谁没有处罚权？").shape == (own.dimension,)
    assert load_retriever(Settings(_env_file=None, embedding_model="hash")).name.startswith("hash")


@pytest.fixture
def apart():
    made = ProcessReader(Settings(_env_file=None, embedding_model="hash"))
    yield made
    made.close()


def test_a_child_scores_and_embeds_as_this_process_does(reader, apart):
    passages = [Passage(text, CONTEXT) for text in STATEMENTS.values()]
    expected = reader.score("谁没有处罚权？", passages)
    assert [one.yes for one in apart.score("谁没有处罚权？", passages)] == pytest.approx(
        [one.yes for one in expected], abs=0.02
    )
    scoring = apart.child_pid
    assert scoring not in (None, os.getpid())
    assert apart.embedder.embed_passages(["街道"]).shape[0] == 1 and apart.child_pid == scoring
    assert apart.name == reader.name


def test_a_killed_child_is_replaced(apart):
    passages = [Passage(text) for text in STATEMENTS.values()]
    apart.score("谁？", passages)
    killed = psutil.Process(apart.child_pid)
    killed.kill()
    killed.wait(10)
    assert len(apart.score("谁？", passages)) == len(passages)
    assert apart.child_pid != killed.pid


def test_bad_weights_are_said_by_the_child_too(tmp_path, caplog):
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    made = ProcessReader(Settings(_env_file=None, embedding_model="hash", reader=str(tmp_path / "bad.safetensors")))
    try:
        with caplog.at_level(logging.ERROR), pytest.raises(ScoringError, match="RAG_READER"):
            made.score("谁？", [Passage("街道")])
    finally:
        made.close()
