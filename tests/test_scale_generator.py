"""Reports made for measuring: distinct, readable by the parser, the same again for the same seed."""

import pytest

from benchmarks.corpus_generator import OFFICES_IN_A_REGION, YEARS, CorpusGenerator
from rag.loading import load_document
from rag.structure import parse_report
from rag.types import SectionKind

COUNT = YEARS * OFFICES_IN_A_REGION + YEARS


@pytest.fixture(scope="module")
def generator():
    return CorpusGenerator.from_files()


@pytest.fixture(scope="module")
def made(generator):
    return [generator.make(index) for index in range(COUNT)]


def test_no_two_reports_are_alike(made):
    assert len({report.text for report in made}) == COUNT
    assert len({(report.region, report.office, report.year) for report in made}) == COUNT


def test_ten_thousand_reports_have_ten_thousand_names(generator):
    numbers = range(0, 10_000, YEARS)
    assert len({(made.region, made.office) for made in map(generator.make, numbers)}) == len(numbers)


def test_the_same_seed_makes_the_same_reports_and_another_seed_others(made):
    assert CorpusGenerator.from_files().make(5) == made[5]
    assert CorpusGenerator.from_files(seed=1).make(5).text != made[5].text


def test_office_region_and_year_are_read_from_the_text(generator, made, tmp_path):
    generator.write(tmp_path, 40)
    for report in made[:40]:
        meta = parse_report(load_document(tmp_path / report.name, max_bytes=1 << 20)).meta
        assert (meta.office, meta.region, meta.year) == (report.office, report.region, report.year)


def test_every_kind_of_section_is_there_and_sentences_are_of_different_reports(generator, tmp_path):
    generator.write(tmp_path, 12)
    reports = [parse_report(load_document(path, max_bytes=1 << 20)) for path in sorted(tmp_path.iterdir())]
    wanted = {SectionKind.MEASURES, SectionKind.PROBLEMS, SectionKind.LEADERSHIP, SectionKind.PLAN}
    assert all(wanted <= {section.kind for section in report.sections} for report in reports)
    texts = [{p.text for p in report.paragraphs if p.kind == "body"} for report in reports]
    assert all(len(first & second) <= len(first) // 4 for first, second in zip(texts, texts[1:], strict=False))
