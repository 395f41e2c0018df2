"""An answer as HTML: its text with markers, the survey table, the list of sources, notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rag.errors import CitationError, GenerationError, QuestionError, RagError, StoreError
from rag.types import Answer, Citation, Filters, Language, Survey, SurveyRow, Verdict
from rag.ui.markup import escape, prose, tag
from rag.ui.texts import say

_ERROR_TEXTS: tuple[tuple[type[RagError], str], ...] = (
    (QuestionError, "error_question"),
    (CitationError, "error_citation"),
    (StoreError, "error_store"),
    (GenerationError, "error_generation"),
)


def report_label(office: str | None, year: int | None, source: str, language: Language) -> str:
    """Return how a report is named on the page; an unknown office shows the file's name."""
    named = office or f"{say('office_unknown', language)} ({source})"
    dated = say("year_unknown", language) if year is None else say("year_value", language, year=year)
    return f"{named} · {dated}"


def scope_label(filters: Filters, language: Language) -> str:
    """Return what the user restricted questions to, in words; empty when nothing is restricted."""
    years = [say("year_value", language, year=year) for year in filters.years]
    parts = (_joined(filters.offices, language), _joined(years, language))
    return " · ".join(part for part in parts if part)


def _joined(names: Iterable[str], language: Language) -> str:
    return ("、" if language == "zh" else ", ").join(names)


def question_html(question: str) -> str:
    """Return a question as shown in the conversation."""
    return tag("div", escape(question), class_="question")


def partial_html(text: str, language: Language) -> str:
    """Return an answer that is still growing; its markers cannot be opened yet."""
    body = prose(text, {}) or tag("p", escape(say("searching", language)), class_="waiting")
    return tag("div", body, class_="answer", aria_busy="true")


def answer_html(answer: Answer, filters: Filters, language: Language) -> str:
    """Return a finished answer.

    Args:
        answer: The answer; its text keeps its own language.
        filters: What the question was restricted to.
        language: The interface's language, for everything around the text.
    """
    markers = {citation.marker: _marker(citation, language) for citation in answer.citations}
    parts = (
        tag("div", prose(answer.answer, markers), lang="zh-CN" if answer.language == "zh" else "en"),
        _survey_table(answer.survey, markers, language) if answer.survey else "",
        _sources(answer.citations, language),
        _notes(answer.notes, language),
        _details(answer, filters, language),
    )
    kind = "answer refused" if answer.refused else "answer"
    return tag("div", "".join(parts), class_=kind)


def error_html(error: Exception, language: Language) -> str:
    """Return a message for a question that failed: what to make of it, and our own error's words."""
    key = next((key for kind, key in _ERROR_TEXTS if isinstance(error, kind)), "error_other")
    detail = tag("p", escape(str(error)), class_="detail") if isinstance(error, RagError) and str(error) else ""
    return tag("div", tag("p", escape(say(key, language))) + detail, class_="failure", role="alert")


def _marker(citation: Citation, language: Language) -> str:
    label = report_label(citation.office, citation.year, citation.source, language)
    described = say("citation_label", language, marker=citation.marker, label=label)
    return _opener(citation, escape(str(citation.marker)), "marker", described)


def _opener(citation: Citation, content: str, kind: str, described: str) -> str:
    return tag(
        "button", content, type="button", class_=kind, data_citation=citation.id, aria_label=described, title=described
    )


def _sources(citations: Sequence[Citation], language: Language) -> str:
    if not citations:
        return ""
    items = "".join(tag("li", _source(citation, language)) for citation in citations)
    heading = say("citations", language)
    return tag("section", tag("h4", escape(heading)) + tag("ol", items), class_="sources", aria_label=heading)


def _source(citation: Citation, language: Language) -> str:
    label = report_label(citation.office, citation.year, citation.source, language)
    content = (
        tag("span", escape(str(citation.marker)), class_="number")
        + tag("span", escape(label), class_="label")
        + tag("span", escape(citation.quote), class_="quote", lang="zh-CN")
    )
    described = say("citation_label", language, marker=citation.marker, label=f"{label}: {citation.quote}")
    return _opener(citation, content, "source", described)


def _survey_table(survey: Survey, markers: dict[int, str], language: Language) -> str:
    caption = say("survey_caption", language, reports=survey.reports, searched=survey.searched)
    columns = ("survey_report", "survey_verdict", "citations")
    head = "".join(tag("th", escape(say(column, language)), scope="col") for column in columns)
    rows = "".join(_survey_row(row, markers, language) for row in sorted(survey.rows, key=_verdict_order))
    table = tag("caption", escape(caption)) + tag("thead", tag("tr", head)) + tag("tbody", rows)
    return tag("div", tag("table", table), class_="survey", role="region", tabindex="0", aria_label=caption)


def _verdict_order(row: SurveyRow) -> tuple[int, str, int]:
    return (list(Verdict).index(row.verdict), row.office or row.source, row.year or 0)


def _survey_row(row: SurveyRow, markers: dict[int, str], language: Language) -> str:
    label = escape(report_label(row.office, row.year, row.source, language))
    verdict = tag("span", escape(say(f"verdict_{row.verdict}", language)), class_=f"verdict {row.verdict}")
    buttons = "".join(markers.get(marker, "") for marker in row.citations)
    return tag("tr", tag("th", label, scope="row") + tag("td", verdict) + tag("td", buttons))


def _notes(notes: Sequence[str], language: Language) -> str:
    if not notes:
        return ""
    items = "".join(tag("li", escape(note)) for note in notes)
    heading = say("notes", language)
    return tag("section", tag("h4", escape(heading)) + tag("ul", items), class_="notes", aria_label=heading)


def _details(answer: Answer, filters: Filters, language: Language) -> str:
    """Return the line that tells how the answer came about: route, engine, time, scope."""
    extractive = answer.engine == "extractive"
    engine = say("engine_extractive", language) if extractive else say("engine_model", language, engine=answer.engine)
    parts = [say(f"route_{answer.route}", language), engine]
    if "total" in answer.elapsed_ms:
        seconds = answer.elapsed_ms["total"] / 1000
        parts.append(say("seconds", language, seconds="<0.1" if seconds < 0.1 else f"{seconds:.1f}"))
    if filters:
        parts.append(say("scope_line", language, scope=scope_label(filters, language)))
    return tag("p", escape(" · ".join(parts)), class_="details")
