"""The five real reports, where they are at hand: their metadata, their outline, their broken lines."""

from datetime import date
from pathlib import Path

import pytest

from rag.chunking import chunk_report
from rag.loading import load_document
from rag.structure import parse_report
from rag.types import Report

FOLDER = Path(__file__).parents[2] / "shared" / "reports"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the real reports are not part of the repository")

MEASURES, PROBLEMS, LEADERSHIP, PLAN = "measures", "problems", "leadership", "plan"


def read(name: str) -> Report:
    return parse_report(load_document(FOLDER / name, max_bytes=10_000_000))


@pytest.mark.parametrize(
    ("name", "office", "region", "year", "issued"),
    [
        ("000.txt", "新华街道办事处", "解放区", 2023, None),
        ("001.txt", "嘉祥街道办事处", "嘉祥县", 2023, None),
        ("002.txt", "河南街道办事处", "公主岭市", 2024, date(2024, 12, 31)),
        ("003.txt", "少海街道办事处", None, 2022, None),
        ("004.txt", None, None, 2021, None),
    ],
)
def test_metadata(name: str, office: str | None, region: str | None, year: int, issued: date | None) -> None:
    meta = read(name).meta
    assert (meta.office, meta.region, meta.year, meta.issued) == (office, region, year, issued)


@pytest.mark.parametrize(
    ("name", "kinds", "sections"),
    [
        ("000.txt", [LEADERSHIP, MEASURES, PROBLEMS, PLAN], 12),
        ("001.txt", [MEASURES, PROBLEMS, LEADERSHIP, PLAN], 15),
        ("002.txt", [MEASURES, PROBLEMS, LEADERSHIP, PLAN], 15),
        ("003.txt", [MEASURES, LEADERSHIP, PROBLEMS, PLAN], 16),
        ("004.txt", [MEASURES, PROBLEMS, PLAN, PLAN, MEASURES], 24),
    ],
)
def test_top_sections_and_their_kinds(name: str, kinds: list[str], sections: int) -> None:
    report = read(name)
    assert [section.kind for section in report.sections if section.level == 1] == kinds
    assert len(report.sections) == sections


@pytest.mark.parametrize(
    ("name", "paragraph", "joined"),
    [
        ("000.txt", 10, "但仍存在一些问题和差距"),
        ("000.txt", 14, "以街道综治信访办"),
        ("000.txt", 6, "经济社会发展总体规划"),
        ("004.txt", 10, "深入到社会各个层面"),
        ("004.txt", 34, "绝大多数都得到了有效落实"),
    ],
)
def test_broken_lines_are_joined(name: str, paragraph: int, joined: str) -> None:
    assert joined in read(name).paragraphs[paragraph - 1].text


def test_kinds_of_paragraphs() -> None:
    assert [paragraph.kind for paragraph in read("002.txt").paragraphs][:2] == ["title", "title"]
    assert [paragraph.kind for paragraph in read("002.txt").paragraphs][-2:] == ["closing", "closing"]
    assert [paragraph.kind for paragraph in read("003.txt").paragraphs][:3] == ["debris", "debris", "body"]
    assert read("001.txt").paragraphs[-1].kind == "closing"


@pytest.mark.parametrize("name", ["000.txt", "001.txt", "002.txt", "003.txt", "004.txt"])
def test_chunks_fit_the_budget_and_are_not_minuscule(name: str) -> None:
    chunks = chunk_report(read(name), max_tokens=320)
    assert all(60 <= chunk.tokens <= 320 for chunk in chunks)
    assert len(chunks) <= 30
