"""A scripted assistant over two small fictional reports and a hostile one, for the page's tests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from rag.errors import CitationError, QuestionError
from rag.types import (
    Answer,
    Citation,
    CitedParagraph,
    Fact,
    Filters,
    Paragraph,
    QuoteMatch,
    Report,
    ReportMeta,
    Route,
    Section,
    SectionKind,
    Survey,
    SurveyRow,
    Turn,
    Verdict,
)

HOSTILE = (
    '<script>window.hacked = 1</script><img src="http://evil.invalid/x.png" onerror="window.hacked = 1">'
    "[点我](javascript:window.hacked=1) ![图](http://evil.invalid/y.png) $$\\frac{1}{2}$$ ${window.hacked=1}"
    " {{constructor}}"
)
EVERYTHING = Filters()
_HEADINGS = (
    ("一、2023年推进法治政府建设的主要举措", SectionKind.MEASURES),
    ("二、存在的不足和原因", SectionKind.PROBLEMS),
)


def _report(report_id: str, office: str | None, year: int | None, source: str, statements: Sequence[str]) -> Report:
    meta = ReportMeta(
        id=report_id, source=source, title=f"{office or '某单位'}{year or ''}年法治政府建设情况报告",
        office=office, region="云溪区" if office else None, year=year,
    )  # fmt: skip
    sections = tuple(Section(i, 1, heading, None, kind) for i, (heading, kind) in enumerate(_HEADINGS))
    paragraphs = [Paragraph(1, meta.title or "", "title", None, (), SectionKind.OTHER)]
    for index, (heading, kind) in enumerate(_HEADINGS):
        paragraphs.append(Paragraph(len(paragraphs) + 1, heading, "heading", index, (heading,), kind))
        for text in statements[index * 2 : index * 2 + 2]:
            paragraphs.append(Paragraph(len(paragraphs) + 1, text, "body", index, (heading,), kind))
    return Report(meta, sections, tuple(paragraphs))


REPORTS = (
    _report(
        "aaaaaaaaaaaa", "松岭街道办事处", 2023, "songling.docx",
        (
            "全年组织法治讲座18场，参加居民2100余人次；新聘法律顾问2名，审查合同37份。",
            "办理群众来信来访41件，办结率100%。" + "网格员逐户走访，把矛盾化解在楼栋和院落。" * 40,
            "街道每天面对大量占道经营和噪声扰民的投诉，却不具备行政执法权，只能劝导和上报，问题反复出现。",
            "专职法治人员只有1名，还兼管信访和平安建设。",
        ),
    ),
    _report(
        "bbbbbbbbbbbb", "白鹭镇人民政府", 2022, "bailu.pdf",
        (
            "镇综合行政执法队全年立案23起，罚款4.6万元。",
            "开展行政执法培训6次，持证执法人员达到19人。",
            "少数执法案卷制作不够规范，文书填写有漏项。",
            "普法形式比较单一，对老年居民的宣传不够。",
        ),
    ),
    _report("cccccccccccc", None, None, "hostile.html", (HOSTILE, "其余内容。", "暂无。", "暂无。")),
)  # fmt: skip


def cite(marker: int, report: Report, quote: str) -> Citation:
    """Return the citation of ``quote`` in ``report``."""
    paragraph = next(paragraph for paragraph in report.paragraphs if quote in paragraph.text)
    start = paragraph.text.index(quote)
    end = start + len(quote)
    meta = report.meta
    return Citation(
        marker, f"{meta.id}-p{paragraph.number}-s{start}-e{end}", meta.id, meta.office, meta.region, meta.year,
        paragraph.path, paragraph.number, start, end, quote, meta.source,
    )  # fmt: skip


LACKS = cite(1, REPORTS[0], "却不具备行政执法权，只能劝导和上报，问题反复出现。")
HAS = cite(2, REPORTS[1], "镇综合行政执法队全年立案23起，罚款4.6万元。")
ATTACK = cite(1, REPORTS[2], HOSTILE)

SURVEY = Survey(
    searched=3,
    reports=3,
    rows=(
        SurveyRow("cccccccccccc", "hostile.html", None, None, None, Verdict.NOT_MENTIONED),
        SurveyRow("bbbbbbbbbbbb", "bailu.pdf", "白鹭镇人民政府", "云溪区", 2022, Verdict.NO, (2,)),
        SurveyRow("aaaaaaaaaaaa", "songling.docx", "松岭街道办事处", "云溪区", 2023, Verdict.YES, (1,)),
    ),
)


def survey_answer(question: str) -> Answer:
    """Return the answer to who lacks the power, in the question's language."""
    english = question.isascii()
    lead = "1 of 3 reports says so:" if english else "3份报告中有1份明确说明不具备行政执法权："
    return Answer(
        question=question, language="en" if english else "zh", route=Route.SURVEY, refused=False,
        answer=f"**{lead}**\n\n- 松岭街道办事处（2023年）：“却不具备行政执法权，只能劝导和上报，问题反复出现。”[1]\n"
        "- 白鹭镇人民政府（2022年）设有镇综合行政执法队。[2]",
        citations=(LACKS, HAS), survey=SURVEY, notes=("hostile.html：单位和年份不详。",), elapsed_ms={"total": 240},
    )  # fmt: skip


def compare_answer(question: str = "松岭街道2022年和2023年的信访各多少件？") -> Answer:
    """Return the answer that sets two years side by side, with its table and figures."""
    return Answer(
        question=question, language="zh", route=Route.COMPARE, refused=False,
        answer="2023年比2022年少（减少）11件（52件 − 41件）。\n\n| 单位 | 年份 | 数字 | 依据 |\n|---|---|---|---|\n"
        "| 松岭街道办事处（云溪区） | 2022 | 52件 | [2] |\n| 松岭街道办事处（云溪区） | 2023 | 41件 | [1] |\n"
        "| 名字很长很长的经济技术开发区综合保税区筹备街道办事处（云溪区） | 2023 | 未披露 |  |",
        citations=(LACKS, HAS), elapsed_ms={"total": 80},
        facts=(
            Fact("松岭街道办事处", 2022, "信访案件", 52.0, "件", "exact", 2),
            Fact("松岭街道办事处", 2023, "信访案件", 41.0, "件", "exact", 1),
        ),
    )  # fmt: skip


def hostile_answer(question: str) -> Answer:
    """Return an answer that quotes the hostile report and is hostile itself."""
    return Answer(
        question=question, language="zh", route=Route.PASSAGE, refused=False, answer=f"{HOSTILE}[1]",
        citations=(ATTACK,), notes=(HOSTILE,), engine=HOSTILE,
    )  # fmt: skip


def _scripted(question: str) -> Answer:
    if "<" in question:
        return hostile_answer(question)
    return compare_answer(question) if "各" in question else survey_answer(question)


@dataclass
class ScriptedAssistant:
    """Answers by script and remembers what it was asked."""

    inventory: tuple[Report, ...] = REPORTS
    asked: list[tuple[str, Filters, tuple[Turn, ...]]] = field(default_factory=list)
    routes: list[Route | None] = field(default_factory=list)
    extractive: list[bool] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def ask(self, question: str) -> Answer:
        """Return the scripted answer at once."""
        self.tried.append(question)
        return _scripted(question)

    def stream(
        self,
        question: str,
        *,
        filters: Filters = EVERYTHING,
        history: Sequence[Turn] = (),
        route: Route | None = None,
        extractive: bool = False,
    ) -> Iterator[str | Answer]:
        """Yield the scripted answer in pieces."""
        self.asked.append((question, filters, tuple(history)))
        self.routes.append(route)
        self.extractive.append(extractive)
        if len(question) > 2000:
            raise QuestionError(f"The question has {len(question)} characters; ask in at most 2000.")
        if "崩溃" in question:
            raise ZeroDivisionError("secret detail")
        answer = _scripted(question)
        yield from re.findall(r".{1,8}", answer.answer, flags=re.DOTALL)
        yield answer

    def cite(self, citation_id: str) -> CitedParagraph:
        """Open one of the scripted citations."""
        for citation in (LACKS, HAS, ATTACK):
            if citation.id == citation_id:
                report = self.report(citation.report_id)
                paragraphs, at = report.paragraphs, citation.paragraph - 1
                before, after = paragraphs[max(at - 2, 0) : at], paragraphs[at + 1 : at + 3]
                return CitedParagraph(citation, report.meta, paragraphs[at], before, after)
        raise CitationError(f"No citation {citation_id!r}; list the reports with: python -m rag reports")

    def find(self, quote: str) -> list[QuoteMatch]:
        """Find a quote verbatim."""
        return [
            QuoteMatch(cite(0, report, quote), "exact")
            for report in self.inventory
            if any(quote in paragraph.text for paragraph in report.paragraphs)
        ]

    def reports(self) -> list[ReportMeta]:
        """Return the inventory."""
        return [report.meta for report in self.inventory]

    def identity(self) -> dict[str, object]:
        """Return what an answer is by."""
        return {"embedding_model": "scripted", "corpus_hash": "0" * 16}

    def report(self, report_id: str) -> Report:
        """Return one report."""
        return next(report for report in self.inventory if report.meta.id == report_id)


class Reader(HTMLParser):
    """What a browser makes of HTML: its elements, its text, and whether it is well nested."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.open = [], "", []
        self.feed(html)
        self.close()

    def handle_starttag(self, name, attributes):
        self.tags.append((name, dict(attributes)))
        self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        self.text += data
