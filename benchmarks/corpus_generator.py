"""Make many distinct reports out of a few: ``python -m benchmarks.corpus_generator FOLDER --count N [--seed S]``.

Each report belongs to an invented office and a year. Its sections are put together from passages of the given reports:
other passages, other sentences of them, other figures, the invented office's name in place of the real one. Report
number *i* is the same for the same seed, however many are made.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from rag.loading import find_files, load_document
from rag.structure import parse_report
from rag.structure.numbering import parse_numbering
from rag.structure.offices import office_stem, office_variants
from rag.structure.sentences import split_sentences
from rag.types import Paragraph, Report, SectionKind

SAMPLE = Path("data/reports")
FIRST_YEAR, YEARS = 2018, 7
OFFICES_IN_A_REGION = 10
KEPT_SENTENCES = 0.85
OFFICES = [
    f"{first}{second}"
    for second in "溪泉塘岭坪湾桥亭渡川峰原坡崖滩"
    for first in "青白红金玉清松柏梅兰竹桃柳榆槐枫荷菊莲芦"
]
REGIONS = [
    f"{first}{second}{kind}" for kind in "区县" for second in "阳宁安昌兴康丰泽" for first in "云江海临永怀嘉德瑞和文武"
]
ENDINGS = ("街道办事处", "镇人民政府", "乡人民政府")
PARTS = (
    (SectionKind.MEASURES, "主要工作和成效", (7, 11)),
    (SectionKind.PROBLEMS, "存在的不足和原因", (2, 4)),
    (SectionKind.LEADERSHIP, "党政主要负责人履职情况", (1, 2)),
    (SectionKind.PLAN, "{next_year}年工作安排", (1, 2)),
)
NUMERALS = "一二三四五六七八九十"
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
FIGURE = re.compile(r"(?<![\d.])(?!(?:12345|12348|12309)(?!\d))\d{1,6}(?:\.\d+)?(?![\d.月日])")


@dataclass(frozen=True)
class MadeReport:
    """A report that was made.

    Attributes:
        name: File name, in Markdown.
        region: District or county.
        office: Canonical name of the office.
        year: Year it is about.
        text: Its whole text.
    """

    name: str
    region: str
    office: str
    year: int
    text: str


@dataclass(frozen=True)
class _Origin:
    """The report that a passage is taken from: its year, and every form that its office goes by."""

    report: Report

    @cached_property
    def names(self) -> re.Pattern[str] | None:
        meta = self.report.meta
        stem = office_stem(meta.office or "")
        forms = [*office_variants(meta.office or ""), *filter(None, [stem, meta.region])]
        return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None

    @property
    def year(self) -> int:
        return self.report.meta.year or FIRST_YEAR


@dataclass(frozen=True)
class _Part:
    """Paragraphs that stand together under one heading, as sentences; a table row is one."""

    origin: _Origin
    heading: str
    paragraphs: tuple[tuple[str, ...], ...]
    table: bool


class CorpusGenerator:
    """Makes reports out of others.

    Args:
        reports: What to make them of; each kind of section must stand in one of them.
        seed: Another seed gives other reports.
    """

    def __init__(self, reports: Sequence[Report], *, seed: int = 0) -> None:
        self._seed = seed
        self._parts: dict[SectionKind, list[_Part]] = defaultdict(list)
        for report in reports:
            for kind, part in _parts(_Origin(report)):
                self._parts[kind].append(part)

    @classmethod
    def from_files(cls, paths: Sequence[Path] = (SAMPLE,), *, seed: int = 0) -> CorpusGenerator:
        """Read the reports to make others of."""
        documents = (load_document(path, max_bytes=1 << 26) for path in find_files(paths))
        return cls([parse_report(document) for document in documents], seed=seed)

    def make(self, index: int) -> MadeReport:
        """Make report number ``index``, from 0; every seven share an office, a year each."""
        office_number, years_on = divmod(index, YEARS)
        stem = OFFICES[office_number % len(OFFICES)]
        office = stem + ENDINGS[office_number % len(ENDINGS)]
        region = REGIONS[office_number // OFFICES_IN_A_REGION % len(REGIONS)]
        year = FIRST_YEAR + years_on
        text = self._text(random.Random(f"{self._seed}/{index}"), region, office, year)
        return MadeReport(f"report-{index:06d}.md", region, office, year, text)

    def write(self, folder: Path, count: int) -> None:
        """Write the first ``count`` reports into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for report in map(self.make, range(count)):
            (folder / report.name).write_text(report.text, encoding="utf-8")

    def _text(self, chance: random.Random, region: str, office: str, year: int) -> str:
        forms = [form for form in office_variants(office) if form.startswith(office_stem(office) or office)]
        short = min((form for form in forms if form != office_stem(office)), key=len)
        lines = [f"{region}{short}{year}年法治政府建设年度报告"]
        lines.append(f"{year}年，{short}按照上级部署推进法治政府建设。现将{year}年有关情况报告如下。")
        for number, (kind, heading, (least, most)) in zip(NUMERALS, PARTS, strict=False):
            lines.append(f"{number}、{heading.format(next_year=year + 1)}")
            chosen = chance.sample(self._parts[kind], chance.randint(least, most))
            lines.extend(_section(chance, chosen, short, region, year))
        lines.append(f"{region}{office}\n\n{year + 1}年{chance.randint(1, 3)}月{chance.randint(1, 28)}日")
        return "\n\n".join(lines) + "\n"


def _parts(origin: _Origin) -> Iterator[tuple[SectionKind, _Part]]:
    """Cut a report into passages; what stands before the first section or after the last is left out."""
    told = [p for p in origin.report.paragraphs if p.kind in ("body", "table_row") and p.path]
    for (path, table), group in groupby(told, key=lambda p: (p.path, p.kind == "table_row")):
        paragraphs = list(group)
        heading = path[-1] if len(path) > 1 else ""
        texts = tuple(filter(None, (_sentences(p, heading) for p in paragraphs)))
        if texts:
            yield paragraphs[0].section_kind, _Part(origin, _unnumbered(heading), texts, table)


def _sentences(paragraph: Paragraph, heading: str) -> tuple[str, ...]:
    """Cut a paragraph into sentences without a heading that runs into it."""
    if paragraph.kind == "table_row":
        return (paragraph.text,)
    text = _unnumbered(paragraph.text.removeprefix(heading).lstrip("。．. \u3000"))
    return tuple(text[start:end].strip() for start, end in split_sentences(text))


def _unnumbered(text: str) -> str:
    found = parse_numbering(text)
    return text[found.end :] if found else text


def _section(chance: random.Random, parts: Sequence[_Part], office: str, region: str, year: int) -> Iterator[str]:
    """Yield the lines of a section, its passages numbered anew."""
    numbered = 0
    for part in parts:
        heading = _renamed(chance, part.heading, part.origin, office, region, year)
        if heading and not part.table and numbered < len(NUMERALS):
            yield f"（{NUMERALS[numbered]}）{heading}"
            numbered += 1
        texts = [_kept(chance, sentences) for sentences in part.paragraphs]
        renamed = [_renamed(chance, text, part.origin, office, region, year) for text in texts]
        if part.table:
            yield _table(renamed)
        else:
            yield from renamed


def _kept(chance: random.Random, sentences: Sequence[str]) -> str:
    kept = [sentence for sentence in sentences if chance.random() < KEPT_SENTENCES]
    return "".join(kept or sentences[:1])


def _table(rows: Sequence[str]) -> str:
    first, *others = (f"| {row} |" for row in rows)
    return "\n".join([first, "|" + " --- |" * rows[0].count("|") + " --- |", *others])


def _renamed(chance: random.Random, text: str, origin: _Origin, office: str, region: str, year: int) -> str:
    """Put the invented office, its region, its years and other figures in place of those told."""
    text = FIGURE.sub(lambda match: _other_figure(chance, match[0]), text)
    text = YEAR.sub(lambda match: str(int(match[0]) + year - origin.year), text)
    if origin.names is None:
        return text
    return origin.names.sub(lambda match: region if match[0] == origin.report.meta.region else office, text)


def _other_figure(chance: random.Random, written: str) -> str:
    """Change a figure by up to a half; years, small counts and what is one stay."""
    value = float(written)
    if YEAR.fullmatch(written) or value < 2 or written.startswith("0"):
        return written
    decimals = len(written.partition(".")[2])
    changed = value * chance.uniform(0.5, 1.5)
    if value <= 100 < changed:  # a share stays one
        changed = value
    return f"{changed:.{decimals}f}" if decimals else str(max(1, round(changed)))


def main() -> None:
    """Write reports into a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reports", nargs="*", type=Path, default=[SAMPLE])
    options = parser.parse_args()
    CorpusGenerator.from_files(options.reports, seed=options.seed).write(options.folder, options.count)


if __name__ == "__main__":
    main()
