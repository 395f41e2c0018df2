"""What is fuzzed: each target takes any bytes and holds them to what its module promises; a broken promise raises."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path

from rag.chunking import chunk_report
from rag.citations import cut_citation, parse_citation_id
from rag.errors import CitationError, LoadError, QuestionError
from rag.facts import extract_facts
from rag.figures import parse_figures
from rag.folding import fold
from rag.loading import load_document
from rag.loading.text import text_blocks
from rag.questions import Gazetteer, analyse
from rag.quotes import occurrences, prepare_quote
from rag.structure import parse_report, split_sentences
from rag.types import Document, Report, ReportMeta

BUDGET = 128
NAMES = Gazetteer(
    (
        ReportMeta("3f9ac1d2b07e", "a.txt", "报告", "青石街道办事处", ("青石街道",), "临江区", 2023, date(2024, 1, 3)),
        ReportMeta("3f9ac1d2b07f", "b.txt", None, None, (), None, None),
    )
)


def visible(text: str) -> str:
    """The text without white space."""
    return "".join(text.split())


def check_report(document: Document) -> Report:
    """Parse, chunk and read the facts of a document, and hold all of it to what is promised."""
    report = parse_report(document)
    texts = {paragraph.number: paragraph.text for paragraph in report.paragraphs}
    assert visible("".join(texts.values())) == visible("".join(block.text for block in document.blocks)), "text lost"
    assert list(texts) == list(range(1, len(texts) + 1))
    assert parse_report(Document("other", "md", document.blocks)).meta.id == report.meta.id
    for section in report.sections:
        assert section.parent is None or section.parent < section.index
        assert section.parent is None or report.sections[section.parent].level < section.level
    spans = sorted((s.paragraph, s.start, s.end) for c in chunk_report(report, max_tokens=BUDGET) for s in c.spans)
    assert all(a[0] < b[0] or a[2] <= b[1] for a, b in pairwise(spans)), "a character in two chunks"
    covered = {number: sum(end - start for own, start, end in spans if own == number) for number in texts}
    for paragraph in report.paragraphs:
        assert paragraph.kind not in ("body", "table_row") or covered[paragraph.number] == len(paragraph.text)
    for fact in extract_facts(report):
        assert fact.text in texts[fact.paragraph][fact.start : fact.end]
    return report


def loader(suffix: str) -> Callable[[bytes], None]:
    """The target of one format: a document with a sound report, or a LoadError."""

    def load(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"file{suffix}")
            path.write_bytes(data)
            try:
                document = load_document(path, max_bytes=1 << 20, max_pages=20)
            except LoadError as error:
                assert path.name in str(error)
                return
        assert document.blocks and all(block.text.strip() for block in document.blocks)
        check_report(document)

    return load


def structure(data: bytes) -> None:
    """Lines of any text."""
    check_report(Document("file.txt", "txt", text_blocks(data.decode("utf-8", "replace"))))


def figures(data: bytes) -> None:
    """Any text."""
    text = data.decode("utf-8", "replace")
    for figure in parse_figures(text):
        assert text[figure.start : figure.end] == figure.text
        assert 0 <= figure.value < float("inf")
    assert "".join(text[start:end] for start, end in split_sentences(text)) == text
    assert len(fold(text)) == len(text)


def citations(data: bytes) -> None:
    """Any text as a citation id, or as the paragraph that one is cut from."""
    text = data.decode("utf-8", "replace")
    try:
        assert str(parse_citation_id(text)) == text.strip()
    except CitationError:
        pass
    report = parse_report(Document("file.txt", "txt", text_blocks(text)))
    for paragraph in report.paragraphs:
        end = len(paragraph.text)
        citation = cut_citation(report.meta, paragraph, end // 2, end)
        address = parse_citation_id(citation.id)
        assert paragraph.text[address.start : address.end] == citation.quote


def quotes(data: bytes) -> None:
    """A paragraph and, after a null byte, a quote; every half of the paragraph is a quote as well."""
    paragraph, _, quote = data.decode("utf-8", "replace").partition("\x00")
    for text in (quote, paragraph[len(paragraph) // 2 :], paragraph[: len(paragraph) // 2]):
        searched = prepare_quote(text)
        places = list(occurrences(searched, paragraph))
        for start, end, exact in places:
            assert 0 <= start < end <= len(paragraph)
            assert exact == (paragraph[start:end] == searched.text)
        if searched.core and searched.text in paragraph:
            assert any(exact for _, _, exact in places)


def questions(data: bytes) -> None:
    """Any text as a question."""
    try:
        question = analyse(data.decode("utf-8", "replace"), NAMES)
    except QuestionError:
        return
    assert question.language in ("zh", "en")


TARGETS: dict[str, Callable[[bytes], None]] = {
    **{suffix[1:]: loader(suffix) for suffix in (".txt", ".md", ".html", ".docx", ".pdf")},
    "structure": structure,
    "figures": figures,
    "citations": citations,
    "quotes": quotes,
    "questions": questions,
}
