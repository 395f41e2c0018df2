"""Chunks hold every statement once, within the budget, cut where nothing is torn apart."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.chunking import chunk_report, count_tokens
from rag.structure import parse_report
from rag.types import Block, Chunk, Document, Report, SectionKind


def report(*lines: str | Block) -> Report:
    blocks = tuple(line if isinstance(line, Block) else Block(line) for line in lines)
    return parse_report(Document("report.txt", "txt", blocks))


def covered(chunks: tuple[Chunk, ...]) -> list[tuple[int, int]]:
    return [
        (span.paragraph, index) for chunk in chunks for span in chunk.spans for index in range(span.start, span.end)
    ]


LONG = "街道组织开展普法宣传活动，发放各类宣传资料1200余份，接待咨询群众360人次，取得良好成效。"


def test_tokens_are_counted_without_the_network() -> None:
    assert count_tokens("hello world") == 2
    assert count_tokens("") == 0


def test_a_section_that_fits_is_one_chunk_with_its_headings() -> None:
    (chunk,) = chunk_report(report("一、主要举措", "（一）规范执法", "街道办案3件。"), max_tokens=200)
    assert chunk.text == "一、主要举措\n（一）规范执法\n街道办案3件。"
    assert chunk.path == ("一、主要举措", "（一）规范执法")
    assert chunk.section_kind == SectionKind.MEASURES
    assert chunk.tokens == count_tokens(chunk.text)


def test_what_is_embedded_carries_office_year_and_headings() -> None:
    parsed = report("东湖街道2023年度法治政府建设报告", "一、存在不足", "人员力量不够。")
    (chunk,) = chunk_report(parsed, max_tokens=200)
    assert chunk.embedding_text == "东湖街道办事处 2023 一、存在不足\n一、存在不足\n人员力量不够。"
    assert chunk.id == f"{parsed.meta.id}-c0"


def test_title_signature_and_debris_are_in_no_chunk() -> None:
    lines = ["东湖街道2023年度法治政府建设报告", "街道认真工作。", "东湖街道办事处", "2024年1月5日", "【打印】"]
    (chunk,) = chunk_report(report(*lines), max_tokens=200)
    assert chunk.text == "街道认真工作。"


def test_chunks_stay_within_one_top_section() -> None:
    chunks = chunk_report(report("一、主要举措", "办案3件。", "二、存在不足", "人员少。"), max_tokens=500)
    assert [chunk.section_kind for chunk in chunks] == [SectionKind.MEASURES, SectionKind.PROBLEMS]


def test_small_sections_next_to_each_other_share_a_chunk() -> None:
    parsed = report("一、主要举措", "（一）执法。办案3件。", "（二）宣传。宣讲2场。", "（三）培训。培训1次。")
    (chunk,) = chunk_report(parsed, max_tokens=300)
    assert chunk.path == ("一、主要举措",)
    assert [span.paragraph for span in chunk.spans] == [1, 2, 3, 4]


def test_a_long_section_is_cut_between_paragraphs_first() -> None:
    parsed = report("一、主要举措", LONG, LONG, LONG)
    chunks = chunk_report(parsed, max_tokens=count_tokens(LONG) * 2)
    assert all(span.end == len(parsed.paragraphs[span.paragraph - 1].text) for c in chunks for span in c.spans)
    assert len(chunks) == 2


def test_items_of_an_enumeration_stay_whole() -> None:
    items = [f"{number}是加强学习。街道组织学习12次，参加干部300余人次。" for number in "一二三四五六"]
    chunks = chunk_report(report("一、主要举措", "".join(items)), max_tokens=100)
    assert len(chunks) > 1
    assert all(chunk.text.split("\n")[-1][:2] in "一是二是三是四是五是六是" for chunk in chunks)


def test_a_sentence_over_the_budget_is_cut_after_commas() -> None:
    sentence = "，".join(["街道组织开展普法宣传活动发放资料1200余份"] * 12) + "。"
    chunks = chunk_report(report(sentence), max_tokens=80)
    assert all(chunk.tokens <= 80 for chunk in chunks)
    assert all(chunk.text[-1] in "，。" for chunk in chunks)


def test_a_table_row_is_never_cut() -> None:
    row = Block(" | ".join(["信访案件办结12件"] * 40), kind="table_row")
    chunks = chunk_report(report("一、主要举措", row, "办案3件。"), max_tokens=64)
    assert any(row.text in chunk.text for chunk in chunks)


def test_a_heading_without_text_makes_no_chunk() -> None:
    chunks = chunk_report(report("一、主要举措", "办案3件。", "二、存在不足"), max_tokens=200)
    assert [chunk.path for chunk in chunks] == [("一、主要举措",)]


WORDS = [
    "街道",
    "办案12件",
    "3.5万元",
    "1,200余份",
    "，",
    "。",
    "；",
    "一是",
    "二是",
    "（",
    "）",
    "《",
    "》",
    "99.25%",
    "开展工作",
]
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=80).map("".join)
HEADINGS = st.sampled_from(["一、主要举措", "二、存在不足", "（一）规范执法", "（二）宣传。宣讲2场。", "1. 培训"])
LINES = st.one_of(
    SENTENCES.map(lambda text: Block(text + "。")),
    HEADINGS.map(Block),
    SENTENCES.map(lambda text: Block(f"指标 | {text}", kind="table_row")),
)


@given(st.lists(LINES, min_size=1, max_size=12), st.integers(64, 320))
@settings(max_examples=120, deadline=None)
def test_every_statement_is_in_exactly_one_chunk(blocks: list[Block], budget: int) -> None:
    parsed = report(*blocks)
    chunks = chunk_report(parsed, max_tokens=budget)
    places = covered(chunks)
    assert len(places) == len(set(places))
    statements = [p for p in parsed.paragraphs if p.kind in ("body", "table_row")]
    assert {(p.number, i) for p in statements for i in range(len(p.text))} <= set(places)
    for chunk in chunks:
        texts = [parsed.paragraphs[span.paragraph - 1].text[span.start : span.end] for span in chunk.spans]
        assert chunk.text == "\n".join(texts)
        paragraphs = [parsed.paragraphs[span.paragraph - 1] for span in chunk.spans]
        assert any(paragraph.kind != "heading" for paragraph in paragraphs)
        if all(paragraph.kind != "table_row" for paragraph in paragraphs):
            assert chunk.tokens <= budget


@given(SENTENCES, st.integers(64, 100))
@settings(max_examples=80, deadline=None)
def test_no_cut_falls_inside_a_number_with_its_unit(text: str, budget: int) -> None:
    parsed = report("街道" + text * 3 + "。")
    paragraph = parsed.paragraphs[0].text
    cuts = {span.end for chunk in chunk_report(parsed, max_tokens=budget) for span in chunk.spans} - {len(paragraph)}
    for number in re.finditer(r"办案\d+件|3\.5万元|1,200余份|99\.25%", paragraph):
        inner = range(number.start() + (3 if number[0].startswith("办") else 1), number.end())
        assert not cuts & set(inner), number[0]


@pytest.mark.parametrize("budget", [64, 320])
def test_chunking_is_repeatable(budget: int) -> None:
    parsed = report("一、主要举措", LONG * 8, "二、存在不足", LONG)
    assert chunk_report(parsed, max_tokens=budget) == chunk_report(parsed, max_tokens=budget)
