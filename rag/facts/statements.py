"""Which figures state something: an article, a slogan's name or a threshold does not."""

from __future__ import annotations

import re
from functools import partial

from rag import lexicon
from rag.figures import Figure
from rag.numerals import CHINESE

TITLE = re.compile(r"《[^》]*》")
QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|「[^」]*」|‘[^’]*’")
DURATIONS = ("天", "小时", "分钟", "工作日", "个工作日")
LONGEST_NAME = 24
"""Characters of a quoted name, at most; what is longer is a quotation."""


_cue = partial(lexicon.cue, "facts")


def states_something(folded: str, figure: Figure) -> bool:
    """Tell whether a figure of a folded text is a statement."""
    before, after = folded[max(0, figure.start - 4) : figure.start], folded[figure.end : figure.end + 8]
    if _inside_a_name(folded, figure):
        return False
    if _is_time_or_number(folded, figure, before, after) or _is_threshold(folded, figure, after):
        return False
    numeral = re.match(CHINESE, figure.text)
    if not numeral:
        return True
    if _cue("name_before").search(before) or _cue("name_after").match(after):
        return False
    return figure.value != 1 or _counts_one(figure, after)


def _is_time_or_number(folded: str, figure: Figure, before: str, after: str) -> bool:
    """晚7点至10点 is a time, 4个月 a while, 两人 a pronoun, the 5.6 at the beginning a number."""
    if figure.unit == "点" and _cue("clock").search(before):
        return True
    if figure.unit == "个" and after.startswith("月"):
        return True
    if (
        _cue("pronoun").match(figure.text)
        and re.match(r"[^,，。;；、)）]", after)
        and not re.search(r"[^,，。;；]$", before)
    ):
        return True
    return not folded[: figure.start].strip() and re.match(r"\d+\.\d+\s", figure.text) is not None


def _is_threshold(folded: str, figure: Figure, after: str) -> bool:
    """60岁以上的72人 counts people, 标的10万元以上的合同 contracts; 在二十个工作日内答复 counts nothing."""
    if figure.unit == "岁" and "年龄" not in folded[max(0, figure.start - 12) : figure.start]:
        return True
    if _cue("beyond").match(after) or figure.unit in DURATIONS and _cue("deadline").match(after):
        return True
    return figure.text.endswith(("以上", "以下", "以内")) and _cue("threshold").match(after) is not None


def _inside_a_name(folded: str, figure: Figure) -> bool:
    """《用工合规二十条》 and “十个明确” are names; a longer quotation may state something."""
    for match in TITLE.finditer(folded):
        if match.start() < figure.start < match.end():
            return True
    return any(
        match.start() < figure.start < match.end() and len(match[0]) <= LONGEST_NAME
        for match in QUOTED.finditer(folded)
    )


def _counts_one(figure: Figure, after: str) -> bool:
    """行政复议一件 counts at the end of its clause; 一个方案 and 每季一次 do not."""
    return figure.unit in ("件", "起", "宗", "例", "名", "户") and not re.match(r"[^,，。;；、)）]", after)
