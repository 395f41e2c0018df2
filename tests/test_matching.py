"""The best sentences are the same, and in the same order, as if every one had been looked at."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.catalog import ParagraphRow
from rag.folding import fold
from rag.loading import find_files, load_document
from rag.questions import Concept, Gazetteer, analyse
from rag.retrieval import ReportText
from rag.retrieval.matching import Matches, PassageMatcher, best_first, weigh
from rag.structure import parse_report
from rag.types import ReportMeta

NOBODY = Gazetteer(())
QUESTIONS = (
    "哪些街道不具备行政执法权？",
    "执法队有多少名执法人员？",
    "谁是法治建设第一责任人？",
    "什么时候成立了综合行政执法中心？",
    "开展了哪些普法活动？",
    "下一年打算怎么推进复议工作？",
    "存在哪些不足？",
    "“三色预警”办法是什么？",
    "How many disputes were mediated?",
    "How often did the person in charge appear in court?",
)
WORDS = (
    "执法人员",
    "执法",
    "人员",
    "12名",
    "百分之九十",
    "。",
    "，",
    "不具备",
    "调解纠纷3件",
    "三色",
    "色预",
    "三",
    "警",
    "预警",
    "（",
    "）",
    "第一责任人",
)


def matcher_of(asked: str) -> PassageMatcher:
    question = analyse(asked, NOBODY)
    return PassageMatcher(weigh(question, lambda concept: 1.0 + len(concept.words) / 7), question)


def report_of(statements) -> ReportText:
    """Statements of three kinds, each second under a heading that speaks of enforcement."""
    kinds, paths = ("body", "table_row", "heading"), ('["执法"]', "[]")
    rows = [ParagraphRow(n, text, kinds[n % 3], None, paths[n % 2], "plan") for n, text in enumerate(statements)]
    return ReportText(ReportMeta("0" * 12, "a.txt"), rows)


def look_at_every_one(matcher, texts):
    """Return the statements that meet the question, and every sentence's match, best first."""
    prospects = [prospect for text in texts for prospect in matcher.prospects(text)]
    every = [(prospect, met, matcher.match(met)) for prospect in prospects for met in matcher.met_by(prospect)]
    assert all(match.score <= min(met.most, prospect.most) for prospect, met, match in every)
    one_by_one = [match for text in texts for passage in text.passages for match in matcher.matches_in(passage)]
    assert [match for *_, match in every] == one_by_one
    return prospects, sorted(one_by_one, key=lambda match: -match.score)


@pytest.fixture(scope="module")
def texts():
    found = []
    for number, path in enumerate(find_files([Path("data/reports")])):
        report = parse_report(load_document(path, max_bytes=1 << 26))
        rows = [
            ParagraphRow(p.number, p.text, p.kind, p.section, json.dumps(p.path), p.section_kind.value)
            for p in report.paragraphs
        ]
        found.append(ReportText(ReportMeta(f"{number:012}", path.name), rows))
    return found


@given(
    st.lists(st.text("执法权员人记录仪。", max_size=8), max_size=6),
    st.sampled_from(["执法人员", "记录仪", "执法"]),
    st.sampled_from(["word", "quoted", "light"]),
)
def test_a_word_met_in_part_is_found_at_once_as_in_each_statement(statements, word, kind):
    question = replace(analyse("执法", NOBODY), concepts=(Concept(word, (word,), kind),))
    matcher = PassageMatcher(weigh(question, lambda concept: 1.0), question)
    look_at_every_one(matcher, [report_of(statements)])


@pytest.mark.parametrize("asked", QUESTIONS)
def test_the_sample_reports_give_their_best_sentences_first(texts, asked):
    matcher = matcher_of(asked)
    prospects, expected = look_at_every_one(matcher, texts)
    assert list(best_first(prospects, matcher)) == expected


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map("".join), max_size=6), st.sampled_from(QUESTIONS))
@example(["三色、警、预。预警"], "“三色预警”办法是什么？")
def test_any_passages_give_their_best_sentences_first(statements, asked):
    matcher = matcher_of(asked)
    prospects, expected = look_at_every_one(matcher, [report_of(statements)])
    assert list(best_first(prospects, matcher)) == expected


def test_no_passage_and_no_form_is_looked_at_before_it_may_be_the_best(texts, monkeypatch):
    matcher = matcher_of("执法队有多少名执法人员？")
    prospects, expected = look_at_every_one(matcher, texts)
    looked_at = {"met_by": [], "match": []}
    for name, asked in looked_at.items():
        method = getattr(matcher, name)
        monkeypatch.setattr(
            matcher, name, lambda item, asked=asked, method=method: (asked.append(item), method(item))[1]
        )
    statements, sentences = looked_at.values()

    found = Matches(best_first(prospects, matcher))
    assert next(iter(found)) == expected[0]
    assert 0 < len(statements) < len(prospects) / 2
    assert 0 < len(sentences) < len(statements)
    assert list(found) == list(found) == expected
    assert (len(statements), len(sentences)) == (len(prospects), len(expected))


@given(st.lists(st.text("执法权ＡA。 ①㈠ﬁİ1", max_size=8), max_size=5))
def test_a_statement_of_a_report_folds_as_it_does_alone(statements):
    rows = [ParagraphRow(n, text, "body", None, "[]", "other") for n, text in enumerate(statements)]
    passages = ReportText(ReportMeta("0" * 12, "a.txt"), rows).passages
    assert [passage.folded for passage in passages] == [fold(text) for text in statements]
