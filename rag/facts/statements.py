"""Which figures state something: an article, a slogan's name or a threshold does not."""

from __future__ import annotations

import re
from functools import cache

from rag import lexicon
from rag.figures import CHINESE, Figure

TITLE = re.compile(r"《[^》]*》")
QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|「[^」]*」|‘[^’]*’")
LONGEST_NAME = 24
"""Characters of a quoted name, at most; what is longer is a quotation."""


@cache
def _cue(name: str) -> re.Pattern[str]:
    return re.compile(lexicon.load("facts")[name])


def states_something(folded: str, figure: Figure) -> bool:
    """Tell whether a figure of a folded text is a statement."""
    before, after = folded[max(0, figure.start - 4) : figure.start], folded[figure.end : figure.end + 8]
    if _inside_a_name(folded, figure):
        return False
    if _cue("threshold").match(after) and (figure.unit == "岁" or figure.text.endswith(("以上", "以下", "以内"))):
        return False
    numeral = re.match(CHINESE, figure.text)
    if not numeral:
        return True
    if _cue("name_before").search(before) or _cue("name_after").match(after):
        return False
    return figure.value != 1 or _counts_one(figure, after)


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
