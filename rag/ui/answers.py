"""An answer as HTML: its text with markers, its chart and survey table, the list of sources, notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rag.conversations import ChangedCitation
from rag.errors import CitationError, GenerationError, QuestionError, RagError, StoreError
from rag.types import Answer, Citation, Filters, Language, Route
from rag.ui.charts import chart_html
from rag.ui.labels import report_label, scope_label
from rag.ui.markup import escape, prose, tag
from rag.ui.surveys import survey_html
from rag.ui.texts import say

_ERROR_TEXTS: tuple[tuple[type[RagError], str], ...] = (
    (QuestionError, "error_question"),
    (CitationError, "error_citation"),
    (StoreError, "error_store"),
    (GenerationError, "error_generation"),
)


def partial_html(text: str, language: Language) -> str:
    """Return an answer that is still growing; its markers cannot be opened yet."""
    body = prose(text, {}, say("table_label", language)) or tag(
        "p", escape(say("searching", language)), class_="waiting"
    )
    return tag("div", body, class_="answer", aria_busy="true")


def stopped_html(text: str, language: Language) -> str:
    """Return an answer that was never finished, with a word on that."""
    body = prose(text, {}, say("table_label", language)) + tag("p", escape(say("stopped", language)), class_="details")
    return tag("div", body, class_="answer stopped")


def answer_html(
    answer: Answer,
    filters: Filters,
    language: Language,
    forced: Route | None = None,
    changed: Mapping[str, ChangedCitation] = MappingProxyType({}),
    turn: str = "",
) -> str:
    """Return a finished answer.

    Args:
        answer: The answer; its text keeps its own language.
        filters: What the question was restricted to.
        language: The interface's language, for everything around the text.
        forced: The route that the reader chose, None where the question's wording decided.
        changed: Citations whose report has changed since, by id.
        turn: The answer's id in the store of conversations, by which a source that is gone can still be shown.
    """
    markers = {citation.marker: _marker(citation, language) for citation in answer.citations}
    text = prose(answer.answer, markers, say("table_label", language))
    parts = (
        tag("div", text, lang="zh-CN" if answer.language == "zh" else "en"),
        chart_html(answer, language),
        survey_html(answer, markers, language),
        _sources(answer.citations, changed, language),
        _notes(answer.notes, language),
        _details(answer, filters, language, forced),
    )
    kind = "answer refused" if answer.refused else "answer"
    return tag("div", "".join(parts), class_=kind, data_turn=turn or None)


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


def _sources(citations: Sequence[Citation], changed: Mapping[str, ChangedCitation], language: Language) -> str:
    if not citations:
        return ""
    items = "".join(
        tag("li", _source(citation, language) + changed_html(changed.get(citation.id), language))
        for citation in citations
    )
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


def changed_html(changed: ChangedCitation | None, language: Language) -> str:
    """Return the word on a citation whose report has changed, with a way to the newer text; nothing for any other."""
    if changed is None:
        return ""
    content = escape(say("changed_source", language))
    if changed.now:
        words = escape(say("changed_now", language))
        content += " " + tag("button", words, type="button", class_="plain", data_citation=changed.now.id)
    return tag("p", content, class_="changed")


def _notes(notes: Sequence[str], language: Language) -> str:
    if not notes:
        return ""
    items = "".join(tag("li", escape(note)) for note in notes)
    heading = say("notes", language)
    return tag("section", tag("h4", escape(heading)) + tag("ul", items), class_="notes", aria_label=heading)


def _details(answer: Answer, filters: Filters, language: Language, forced: Route | None) -> str:
    """Return the line that tells how the answer came about: route, engine, time, scope."""
    extractive = answer.engine == "extractive"
    engine = say("engine_extractive", language) if extractive else say("engine_model", language, engine=answer.engine)
    route = say("route_line", language, route=say(f"route_{answer.route}", language))
    parts = [route + (say("route_chosen", language) if forced is answer.route else ""), engine]
    if "total" in answer.elapsed_ms:
        seconds = answer.elapsed_ms["total"] / 1000
        parts.append(say("seconds", language, seconds="<0.1" if seconds < 0.1 else f"{seconds:.1f}"))
    if filters:
        parts.append(say("scope_line", language, scope=scope_label(filters, language)))
    return tag("p", escape(" · ".join(parts)), class_="details")
