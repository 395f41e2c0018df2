"""The data that teaches what is asked: enough of it, and each line as the format says."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from training.data import DataError
from training.queries import load_conversations, load_queries


def test_there_are_questions_of_every_kind_in_both_languages():
    queries = load_queries()
    kinds = Counter(asked.kind for query in queries for asked in query.asks)
    assert len(queries) >= 3000 and len(kinds) == 13 and min(kinds.values()) >= 20
    assert sum(len(query.asks) > 1 for query in queries) >= 300
    assert 0.2 < sum(query.lang == "en" for query in queries) / len(queries) < 0.4


def test_there_are_conversations_that_carry_over_and_some_that_do_not():
    conversations = load_conversations()
    later = Counter(turn.carries for conversation in conversations for turn in conversation.turns[1:])
    assert len(conversations) >= 600
    assert later.keys() == {"none", "scope", "matter", "both"} and later["none"] > later.total() / 3
    assert all(conversation.turns[0].carries == "none" for conversation in conversations)


@pytest.mark.parametrize(
    "change",
    [
        {"lang": "fr"},
        {"asks": []},
        {"asks": [{"kind": "poem"}]},
        {"asks": [{"kind": "talk", "years": ["去年"]}]},
        {"more": 1},
    ],
)
def test_a_line_that_is_not_as_the_format_says_is_named(tmp_path, change):
    (tmp_path / "queries").mkdir()
    record = {"q": "你好", "lang": "zh", "asks": [{"kind": "talk"}]} | change
    (tmp_path / "queries" / "a.jsonl").write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl:1"):
        load_queries(tmp_path)
