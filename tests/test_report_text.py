"""What is looked for in a whole report at once is found in the very statements that a look at each finds."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.catalog import ParagraphRow
from rag.loading import find_files, load_document
from rag.questions.concepts import _vocabulary
from rag.retrieval import ReportText
from rag.retrieval.pair_index import PairIndex
from rag.structure import parse_report
from rag.types import ReportMeta

META = ReportMeta("0" * 12, "report.txt")
CONCEPTS = {entry.words: entry for entries in _vocabulary() for entry in entries.values()}.values()


def text_of(*statements: str, kind="body") -> ReportText:
    rows = [ParagraphRow(number, text, kind, None, "[]", "other") for number, text in enumerate(statements, 1)]
    return ReportText(META, rows)


@pytest.fixture(scope="module")
def sample() -> list[ReportText]:
    texts = []
    for path in find_files([Path("data/reports")]):
        report = parse_report(load_document(path, max_bytes=1 << 26))
        rows = [
            ParagraphRow(p.number, p.text, p.kind, p.section, "[]", p.section_kind.value) for p in report.paragraphs
        ]
        texts.append(ReportText(report.meta, rows))
    return texts


def test_every_concept_of_the_field_is_found_where_it_stands(sample):
    for text in sample:
        for concept in CONCEPTS:
            stated = [pattern for pattern in (concept.affirms, concept.denies) if pattern]
            by_word = [p for p in text.passages if any(word in p.folded for word in concept.words)]
            holding = [p for p in text.passages if p in by_word or any(pattern.search(p.folded) for pattern in stated)]
            found = text.matching(concept.words, concept.stated)
            assert text.matching(concept.words) == by_word
            assert PairIndex([text]).holding(concept.words) == len(by_word)
            assert [passage for passage in found if passage in holding] == holding


def test_patterns_that_affirm_or_deny_may_be_looked_for_in_joined_statements():
    for concept in CONCEPTS:
        for pattern in concept.stated:
            assert not re.search(r"(?<!\[)\^|\$|\(\?[=!<]|\\[bABZ]", pattern.pattern), pattern.pattern


@given(st.lists(st.text("执法权ＡA。 1", max_size=6), max_size=6), st.text("执法权a1", min_size=1, max_size=2))
def test_words_are_found_in_their_own_statement_only(statements, word):
    text = text_of(*statements)
    expected = [passage for passage in text.passages if word in passage.folded]
    assert text.matching([word]) == expected


@given(
    st.lists(st.lists(st.text("执法权a1𠮷𠮶", max_size=6), max_size=4), max_size=4),
    st.lists(st.text("执法权a1𠮷𠮶", max_size=3), max_size=3),
)
def test_statements_that_hold_a_word_are_counted_by_pairs_as_by_reading_them(reports, words):
    texts = [text_of(*statements) for statements in reports]
    passages = [passage for text in texts for passage in text.passages]
    index = PairIndex(texts)
    assert len(index) == len(passages)
    assert index.holding(words) == sum(any(word and word in passage.folded for word in words) for passage in passages)


def test_a_pattern_that_matches_nothing_at_all_ends():
    assert len(text_of("街道", "执法").matching((), [re.compile("x*")])) == 2
    assert text_of().matching(["执法"], [re.compile("x*")]) == []


def test_a_table_row_knows_its_first_row_however_it_is_come_by():
    rows = text_of("项目 | 件", "信访 | 26", kind="table_row")
    (found,) = rows.matching(["信访"])
    assert found.header == "项目 | 件"
    assert found is rows.passages[1]


def test_a_statement_is_found_by_its_paragraph_number():
    rows = [ParagraphRow(n, "甲", kind, None, "[]", "other") for n, kind in ((2, "body"), (3, "debris"), (5, "body"))]
    text = ReportText(META, rows)
    assert text.place_numbered(5) == 1 and text.row(1)[0] == 5
    assert text.place_numbered(3) is None and text.place_numbered(6) is None


@given(
    st.lists(
        st.tuples(st.text("执法。；! “”\n1件 |", max_size=12), st.sampled_from(["body", "table_row"])), max_size=6
    ),
)
def test_sentences_worked_out_ahead_are_those_found_when_wanted(statements):
    rows = [ParagraphRow(n, text, kind, None, "[]", "other") for n, (text, kind) in enumerate(statements, 1)]
    ahead, when_wanted = ReportText(META, rows), ReportText(META, rows)
    ahead.prepare_sentences()
    assert all(passage.known_sentences is not None for passage in ahead.passages)
    assert [p.sentences for p in ahead.passages] == [p.sentences for p in when_wanted.passages]
    for known, found in zip(ahead.passages, when_wanted.passages, strict=True):
        assert [s.states_figure for s in known.sentences] == [bool(s.figures) for s in found.sentences]
