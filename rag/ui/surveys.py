"""The survey table: every report with its verdict, in an order that the reader can change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from rag.types import Answer, Language, Survey, SurveyRow, Verdict
from rag.ui.labels import office_label, year_label
from rag.ui.markup import escape, tag
from rag.ui.texts import say

_COLUMNS = ("survey_office", "survey_year", "survey_verdict")


def survey_html(answer: Answer, markers: Mapping[int, str], language: Language) -> str:
    """Return the table of all reports, folded away where the answer's text already names those that say something.

    Args:
        answer: The answer; nothing is shown without a survey.
        markers: Button HTML by marker number.
        language: The interface's language.
    """
    survey = answer.survey
    if survey is None or not survey.rows:
        return ""
    caption = say("survey_caption", language, reports=survey.reports, searched=survey.searched)
    table = tag("table", tag("caption", escape(caption)) + _head(language) + _body(survey, markers, language))
    box = tag("div", table, class_="table survey", role="region", tabindex="0", aria_label=caption)
    summary = tag("summary", escape(say("survey_summary", language)) + _counts(survey, language))
    return tag("details", summary + box, class_="reports", open=None if _told_in_text(answer, survey) else "")


def _told_in_text(answer: Answer, survey: Survey) -> bool:
    """Tell whether every report with a verdict of its own is cited in the text."""
    written = {int(number) for number in re.findall(r"\[(\d{1,4})\]", answer.answer)}
    told = [row for row in survey.rows if row.verdict is not Verdict.NOT_MENTIONED]
    return bool(told) and all(written & set(row.citations) for row in told)


def _counts(survey: Survey, language: Language) -> str:
    """Return how many reports have each verdict, as badges."""
    counted = Counter(row.verdict for row in survey.rows)
    badges = (_badge(verdict, f" {counted[verdict]}", language) for verdict in Verdict if counted[verdict])
    return tag("span", " ".join(badges), class_="counts")


def _badge(verdict: Verdict, after: str, language: Language) -> str:
    return tag("span", escape(say(f"verdict_{verdict}", language) + after), class_=f"verdict {verdict}")


def _head(language: Language) -> str:
    # Rows come by verdict; page.js sorts them anew by the column whose button is pressed.
    heads = (
        tag("th", _sorter(column, language), scope="col", aria_sort="ascending" if column == "survey_verdict" else None)
        for column in _COLUMNS
    )
    sources = tag("th", escape(say("citations", language)), scope="col")
    return tag("thead", tag("tr", "".join(heads) + sources))


def _sorter(column: str, language: Language) -> str:
    words = say(column, language)
    described = say("survey_sort", language, column=words)
    return tag("button", escape(words), type="button", class_="sort", data_sort="", title=described)


def _body(survey: Survey, markers: Mapping[int, str], language: Language) -> str:
    return tag("tbody", "".join(_row(row, markers, language) for row in sorted(survey.rows, key=_verdict_order)))


def _verdict_order(row: SurveyRow) -> tuple[int, str, int]:
    return (_rank(row.verdict), row.office or row.source, row.year or 0)


def _rank(verdict: Verdict) -> int:
    return list(Verdict).index(verdict)


def _row(row: SurveyRow, markers: Mapping[int, str], language: Language) -> str:
    name = office_label(row.office, row.source, language) + (f" ({row.region})" if row.region else "")
    cells = (
        tag("th", escape(name), scope="row", data_value=name),
        tag("td", escape(year_label(row.year, language)), class_="year", data_value=str(row.year or 0)),
        tag("td", _badge(row.verdict, "", language), data_value=str(_rank(row.verdict))),
        tag("td", "".join(markers.get(marker, "") for marker in row.citations)),
    )
    return tag("tr", "".join(cells))
