"""The source panel: a cited paragraph in its report, with the quote highlighted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rag.conversations import ChangedCitation
from rag.errors import CitationError, RagError
from rag.types import Citation, CitedParagraph, Language, Paragraph, Report
from rag.ui.answers import changed_html, error_html
from rag.ui.assistant import Assistant
from rag.ui.labels import report_label
from rag.ui.markup import escape, tag
from rag.ui.texts import say

Changed = Callable[[str, str], ChangedCitation | None]
"""Tells, by turn and citation id, what a citation was whose report has changed; None where it is not known."""


_STEPS = (("‹", "-1", "source_previous"), ("›", "1", "source_next"))


def source_html(
    assistant: Assistant, request: Mapping[str, object], changed: Changed = lambda turn, identifier: None
) -> str:
    """Return what the panel shows for a request that the browser sent; it may hold anything.

    Args:
        assistant: Opens the citation.
        request: ``citation``: an id, empty to close the panel; ``whole``: the whole report rather than the passage;
            ``language``: the interface's; ``turn``: the answer's id, where it is kept.
        changed: Looks up a citation that the store no longer has.
    """
    language: Language = "en" if request.get("language") == "en" else "zh"
    citation_id = str(request.get("citation") or "")
    if not citation_id:
        return hint_html(language)
    try:
        cited = assistant.cite(citation_id)
        if request.get("whole"):
            return report_html(cited, assistant.report(cited.report.id), language)
        return passage_html(cited, language)
    except CitationError as error:
        found = changed(str(request.get("turn") or ""), citation_id)
        return stored_html(found, language) if found else error_html(error, language)
    except RagError as error:
        return error_html(error, language)


def stored_html(changed: ChangedCitation, language: Language) -> str:
    """Return a quote as it was kept with its answer, its report having changed."""
    citation = changed.citation
    label = report_label(citation.office, citation.year, citation.source, language)
    number = say("source_paragraph", language, number=citation.paragraph)
    known = (
        ("source_region", citation.region),
        ("source_section", " › ".join((*citation.section, number))),
        ("source_file", citation.source),
    )
    quote = tag("p", tag("mark", escape(citation.quote)), class_="cited")
    parts = (_head(label, language), _rows(known, language), tag("div", quote, class_="text", lang="zh-CN"))
    return tag(
        "article", "".join(parts) + changed_html(changed, language), class_="opened", aria_labelledby="source-heading"
    )


def hint_html(language: Language) -> str:
    """Return what the panel shows while nothing is open."""
    return tag("p", escape(say("source_hint", language)), class_="hint")


def passage_html(cited: CitedParagraph, language: Language) -> str:
    """Return the cited paragraph between its neighbours."""
    paragraphs = (*cited.before, cited.paragraph, *cited.after)
    body = _paragraphs(paragraphs, cited.citation)
    return _panel(cited, body, whole=False, language=language)


def report_html(cited: CitedParagraph, report: Report, language: Language) -> str:
    """Return the whole report with the cited paragraph in its place."""
    return _panel(cited, _paragraphs(report.paragraphs, cited.citation), whole=True, language=language)


def _panel(cited: CitedParagraph, body: str, *, whole: bool, language: Language) -> str:
    report = cited.report
    parts = (
        _head(report_label(report.office, report.year, report.source, language), language),
        _facts(cited, language),
        tag("div", body, class_="text", lang="zh-CN"),
        _foot(cited.citation, whole=whole, language=language),
    )
    return tag("article", "".join(parts), class_="opened", aria_labelledby="source-heading")


def _head(label: str, language: Language) -> str:
    close = say("source_close", language)
    button = tag("button", "×", type="button", class_="close", data_close="", aria_label=close, title=close)
    steps = "".join(_step(sign, step, key, language) for sign, step, key in _STEPS)
    return tag("header", tag("h3", escape(label), id="source-heading", tabindex="-1") + steps + button)


def _step(sign: str, step: str, key: str, language: Language) -> str:
    """Return a button to the previous or next citation of the answer, which page.js knows."""
    words = say(key, language)
    return tag("button", sign, type="button", class_="step", data_step=step, aria_label=words, title=words)


def _facts(cited: CitedParagraph, language: Language) -> str:
    number = say("source_paragraph", language, number=cited.paragraph.number)
    section = " › ".join((*cited.paragraph.path, number))
    known = (
        ("source_title", cited.report.title),
        ("source_region", cited.report.region),
        ("source_section", section),
        ("source_file", cited.report.source),
    )
    return _rows(known, language)


def _rows(known: Sequence[tuple[str, str | None]], language: Language) -> str:
    rows = (tag("dt", escape(say(key, language))) + tag("dd", escape(value)) for key, value in known if value)
    return tag("dl", "".join(rows))


def _paragraphs(paragraphs: Sequence[Paragraph], citation: Citation) -> str:
    return "".join(_paragraph(paragraph, citation) for paragraph in paragraphs)


def _paragraph(paragraph: Paragraph, citation: Citation) -> str:
    kind = paragraph.kind.replace("_", "-")
    if paragraph.number != citation.paragraph:
        return tag("p", escape(paragraph.text), class_=kind)
    before, quote, after = (
        paragraph.text[: citation.start],
        paragraph.text[citation.start : citation.end],
        paragraph.text[citation.end :],
    )
    content = escape(before) + tag("mark", escape(quote)) + escape(after)
    return tag("p", content, class_=f"{kind} cited", aria_current="true")


def _foot(citation: Citation, *, whole: bool, language: Language) -> str:
    toggle = tag(
        "button",
        escape(say("source_part" if whole else "source_whole", language)),
        type="button",
        class_="plain",
        data_citation=citation.id,
        data_whole=None if whole else "true",
    )
    copy = tag(
        "button",
        escape(say("source_copy", language)),
        type="button",
        class_="plain",
        data_copy=citation.id,
        data_copied=say("source_copied", language),
    )
    identifier = tag("code", escape(citation.id), title=say("source_id", language))
    place = f"/reports/{citation.report_id}#p{citation.paragraph}"
    page = tag("a", escape(say("source_page", language)), href=place, target="_blank", rel="noopener", class_="plain")
    return tag("footer", toggle + copy + page + identifier)
