"""The score cache: what was scored is not scored again, and a cache out of order makes no answer wrong."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing

import pytest

from rag.evidence import CachedScorer, Passage, ScoreCache
from rag.evidence.cache import FILE
from rag.evidence.scripted import ScriptedScorer

QUESTION = "谁没有执法权？"
PASSAGES = [
    Passage("街道没有执法权。", "青石 2023"),
    Passage("执法3次。", "青石 2023"),
    Passage("街道没有执法权。", "白鹭 2023"),
]


class Counting(ScriptedScorer):
    """A scripted scorer that keeps what it was asked."""

    def __init__(self, name="scripted"):
        super().__init__(lambda question, passage: ("yes", "没有") if "没有" in passage.text else "near", name)
        self.asked = []

    def score(self, question, passages, on_progress=None):
        self.asked += [(question, passage) for passage in passages]
        return super().score(question, passages, on_progress)


def test_asking_again_costs_nothing_and_gives_the_same(tmp_path):
    scorer = Counting()
    first = CachedScorer(scorer, ScoreCache(tmp_path)).score(QUESTION, PASSAGES)
    told: list[int] = []
    again = CachedScorer(scorer, ScoreCache(tmp_path)).score(QUESTION, PASSAGES, told.append)
    assert len(scorer.asked) == 3 and sum(told) == 3
    assert [one.span for one in again] == [one.span for one in first]
    assert [one.yes for one in again] == pytest.approx([one.yes for one in first], abs=1e-6)


def test_only_what_is_new_is_scored(tmp_path):
    scorer = Counting()
    cached = CachedScorer(scorer, ScoreCache(tmp_path))
    cached.score(QUESTION, PASSAGES[:1])
    cached.score(QUESTION, [*PASSAGES, PASSAGES[1]])
    assert [passage for _, passage in scorer.asked] == PASSAGES
    cached.score(QUESTION + "！", PASSAGES[:1])
    assert len(scorer.asked) == 4


def test_another_readers_scores_are_not_taken(tmp_path):
    CachedScorer(Counting(), ScoreCache(tmp_path)).score(QUESTION, PASSAGES)
    other = Counting("another")
    CachedScorer(other, ScoreCache(tmp_path)).score(QUESTION, PASSAGES)
    assert len(other.asked) == 3


def test_the_questions_asked_longest_ago_go_first(tmp_path):
    scorer = Counting()
    cached = CachedScorer(scorer, ScoreCache(tmp_path, kept=3))
    for question in ("一", "二", "一", "三", "一", "四"):
        cached.score(question, PASSAGES[:1])
    scorer.asked.clear()
    for question in ("一", "三", "四", "二"):
        cached.score(question, PASSAGES[:1])
    assert [question for question, _ in scorer.asked] == ["二"]


def test_a_cache_of_another_layout_is_begun_anew(tmp_path):
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.executescript("CREATE TABLE scores (a); CREATE TABLE questions (b); PRAGMA user_version = 99;")
    scorer = Counting()
    for _ in range(2):
        assert len(CachedScorer(scorer, ScoreCache(tmp_path)).score(QUESTION, PASSAGES)) == 3
    assert len(scorer.asked) == 3


def test_a_score_that_cannot_be_read_is_scored_again(tmp_path):
    cached = CachedScorer(Counting(), ScoreCache(tmp_path))
    expected = cached.score(QUESTION, PASSAGES)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("UPDATE scores SET score = ?", (b"short",))
    assert cached.score(QUESTION, PASSAGES) == expected


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_a_damaged_cache_is_begun_anew(tmp_path, content, caplog):
    (tmp_path / FILE).write_bytes(content)
    scorer = Counting()
    cached = CachedScorer(scorer, ScoreCache(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert len(cached.score(QUESTION, PASSAGES)) == 3
    cached.score(QUESTION, PASSAGES)
    scorer.asked.clear()
    cached.score(QUESTION, PASSAGES)
    assert not scorer.asked
    assert bool(caplog.records) == bool(content)


def test_a_cache_that_cannot_be_written_is_said_once(tmp_path, caplog):
    cached = CachedScorer(Counting(), ScoreCache(tmp_path / "missing"))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert len(cached.score(QUESTION, PASSAGES)) == 3
    assert len(caplog.records) == 1 and "scores.sqlite" in caplog.text
