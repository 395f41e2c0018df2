"""Answers: what the text says, in which language, and whether it refuses when it should."""

from __future__ import annotations

import re
import unicodedata

from rag.evaluation.case import Answer, Case

FIGURE_KINDS = ("number", "compare", "count")
LEAD_KINDS = (*FIGURE_KINDS, "followup")
LEAD_END = re.compile(r"\n|。|\[\d{1,3}\]")
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
MARKER = re.compile(r"\[(\d{1,3})\]")
CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]")
QUOTED = re.compile(r"“[^”]*”|「[^」]*」|^>.*$", re.MULTILINE)
TELLING_LETTERS = 8
"""An answer of fewer letters besides its quotes is judged with its quotes: too little is left to tell by."""


def contains(text: str, spelling: str) -> bool:
    """Return whether the text contains the spelling, width and white space aside, never inside a longer number."""
    text, spelling = (unicodedata.normalize("NFKC", words) for words in (text, "".join(spelling.split())))
    if not spelling:
        return False
    before = r"(?<!\d)(?<!\d\.)" if spelling[0].isdecimal() else ""
    after = r"(?!\d|\.\d)" if spelling[-1].isdecimal() else ""
    if re.search(r"(?<!\d)\d{1,3}$", spelling):  # of a longer number, a comma would part off thousands
        after += r"(?!,\d{3}(?!\d))"
    return re.search(before + r"\s*".join(map(re.escape, spelling)) + after, text) is not None


def says(text: str, spellings: tuple[str, ...]) -> bool:
    """Return whether the text, with its Markdown bold marks or without, contains one of the spellings."""
    text = MARKER.sub(" ", text)
    return any(contains(version, spelling) for version in (text, text.replace("**", "")) for spelling in spellings)


def missing_facts(case: Case) -> list[tuple[str, ...]]:
    """Return the facts that the answer does not state."""
    return [fact for fact in case.question.facts if not says(case.answer["answer"], fact)]


def fact_recall(case: Case) -> float | None:
    """Share of the facts that the answer states; a fact is stated in any of its spellings."""
    if not case.question.facts:
        return None
    return 1 - len(missing_facts(case)) / len(case.question.facts)


def figures_asked(case: Case) -> list[tuple[str, ...]]:
    """Return the facts that have digits in one of their spellings."""
    return [fact for fact in case.question.facts if any(re.search(r"\d", spelling) for spelling in fact)]


def numbers_exact(case: Case) -> float | None:
    """1 if the answer, quotes included, states every figure asked for with its unit; questions about figures only."""
    figures = figures_asked(case)
    if case.question.kind not in FIGURE_KINDS or not figures:
        return None
    return float(all(says(case.answer["answer"], fact) for fact in figures))


def lead_figure_right(case: Case) -> float | None:
    """1 if the figure that the answer puts forward in its first sentence is one asked for; without one, not applicable.

    A right figure somewhere among the quotes earns ``numbers_exact``; a reader takes the one put forward.
    """
    if case.question.kind not in LEAD_KINDS or case.answer["refused"] or not case.question.facts:
        return None
    lead = LEAD_END.split(own_words(case.answer).strip(), maxsplit=1)[0]
    if not re.search(r"\d", YEAR.sub(" ", lead)) or not figures_asked(case):
        return None
    return float(any(says(lead, fact) for fact in figures_asked(case)))


def language_right(case: Case) -> float | None:
    """1 if the answer's own words, its quotes and names aside, are in the question's language."""
    share = chinese_share(case.answer)
    if share is None:
        return None
    return float(share >= 0.5 if case.question.language == "zh" else share < 0.5)


def chinese_share(answer: Answer) -> float | None:
    """Return the share of Chinese characters among the letters of the answer's own words, None if it has none."""
    shares = [_share(version) for version in (own_words(answer), answer["answer"])]
    return next((share for letters, share in shares if letters >= TELLING_LETTERS), shares[1][1])


def own_words(answer: Answer) -> str:
    """Return the answer's text without what it quotes and without the names of offices, regions and files."""
    text: str = answer["answer"]
    rows = (answer.get("survey") or {}).get("rows", ())
    names = ("quote", "office", "region", "source")
    borrowed = {item.get(name) for item in (*answer.get("citations", ()), *rows) for name in names}
    for words in sorted((words for words in borrowed if words), key=len, reverse=True):
        text = text.replace(words, " ")
    return QUOTED.sub(" ", text)


def refusal_right(case: Case) -> float | None:
    """1 if a question that the reports do not answer is refused; only for those."""
    return float(bool(case.answer["refused"])) if case.question.refuse else None


def false_refusal(case: Case) -> float | None:
    """1 if a question that the reports answer is refused; only for those. Lower is better."""
    return None if case.question.refuse else float(bool(case.answer["refused"]))


def unverified_share(case: Case) -> float | None:
    """Share of a chat model's statements that no paragraph bears out; only where it made any. Lower is better."""
    statements = case.answer.get("statements")
    return statements["unverified"] / statements["made"] if statements and statements["made"] else None


def _share(text: str) -> tuple[int, float | None]:
    chinese, latin = len(CHINESE.findall(text)), len(LATIN.findall(text))
    return chinese + latin, chinese / (chinese + latin) if chinese + latin else None
