"""Hypothesis strategies for lines as real reports have them, whole and broken, with all that gets between them."""

from __future__ import annotations

from hypothesis import strategies as st

CLAUSES = [
    "全年受理信访案件1,200余件，办结率98.5%", "召开专题会议4次", "街道不具备行政执法权", "聘请法律顾问２名",
    "开展“法治宣传月”活动",    "印发《合同管理办法》（试行）", "投入经费3至5万元", "主要负责人履行第一责任人职责",
    "村（社区）“两委”换届", "落实AI巡查、12345热线",
]  # fmt: skip
HEADINGS = ["主要举措", "存在的不足和原因", "2024年工作安排", "加强组织领导", "基本情况", "规范执法行为"]
NUMBERS = [
    "一、",
    "二、",
    "十一、",
    "（一）",
    "(二)",
    "(三）",
    "（四)",
    "1.",
    "2、",
    "3．",
    "1.1 ",
    "（1）",
    "①",
    "第一部分 ",
    "",
]
ITEMS = ["一是", "二是", "三要", "其一，", "一方面"]
MARKS = ["。", "；", "，", ".", ";", ",", "：", ""]
DEBRIS = [
    "首页 > 政务公开", "字号：大 中 小", "【打印】【关闭】", "来源：区司法局", "浏览次数：103", "上一篇：没有了",
    "- 3 -", "————",
]  # fmt: skip
TITLES = ["青石街道办事处2023年法治政府建设情况报告", "关于2023年度法治政府建设工作的报告", ""]
ENDINGS = ["青石街道办事处", "2024年1月3日", "特此报告。", ""]

SENTENCE = st.builds(lambda clause, mark: clause + mark, st.sampled_from(CLAUSES), st.sampled_from(MARKS))
TEXT = st.lists(st.one_of(SENTENCE, st.sampled_from(ITEMS)), min_size=1, max_size=6).map("".join)
HEADING = st.builds(
    lambda number, heading, mark, text: number + heading + mark + text,
    st.sampled_from(NUMBERS),
    st.sampled_from(HEADINGS),
    st.sampled_from(["", "。", "："]),
    st.one_of(st.just(""), TEXT),
)
LINE = st.one_of(TEXT, HEADING, st.sampled_from(DEBRIS))


@st.composite
def report_lines(draw: st.DrawFn) -> list[str]:
    """A report's lines: perhaps a title, headings and text, some broken in mid-sentence, debris, perhaps an end."""
    lines = [
        draw(st.sampled_from(TITLES)),
        *draw(st.lists(LINE, min_size=1, max_size=12)),
        draw(st.sampled_from(ENDINGS)),
    ]
    broken: list[str] = []
    for line in filter(None, lines):
        cut = draw(st.integers(0, len(line))) if draw(st.booleans()) else 0
        broken += [part for part in (line[:cut], line[cut:]) if part]
    return broken


def seen(text: str) -> str:
    """The text's visible characters: without white space."""
    return "".join(text.split())
