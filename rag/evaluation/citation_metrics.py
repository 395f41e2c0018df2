"""Citations: verbatim, resolving, and about the evidence.

Recall and precision follow ALCE (Gao et al., 2023, "Enabling Large Language Models to Generate Text with
Citations"), with overlap with gold evidence in the place of its entailment model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rag.evaluation.answer_metrics import MARKER, says
from rag.evaluation.case import Case
from rag.evaluation.gold import Evidence
from rag.evaluation.overlap import squeeze, touches

Citation = Mapping[str, Any]
STATEMENT = re.compile(r"(.*?)((?:\s*\[\d{1,3}\])+|\Z)", re.DOTALL)


def is_verbatim(citation: Citation, texts: Mapping[str, str]) -> bool:
    """Return whether the quote stands in the file it is said to come from, and is as long as its offsets say."""
    quote = squeeze(citation["quote"])
    is_cut = len(citation["quote"]) == citation["end"] - citation["start"]
    return bool(quote) and is_cut and quote in texts.get(citation["source"], "")


def hits(citation: Citation, item: Evidence) -> bool:
    """Return whether the citation comes from the evidence's source and overlaps it."""
    return bool(citation["source"] == item.source) and touches(citation["quote"], item.quote)


def uncited_evidence(case: Case) -> list[Evidence]:
    """Return the evidence that no citation overlaps."""
    return [item for item in case.question.evidence if not any(hits(citation, item) for citation in _citations(case))]


def verbatim(case: Case) -> float | None:
    """Share of the citations whose quote stands in the source file, read again from the file itself."""
    citations = _citations(case)
    if case.texts is None or not citations:
        return None
    return sum(is_verbatim(citation, case.texts) for citation in citations) / len(citations)


def citation_recall(case: Case) -> float | None:
    """Share of the evidence that some citation overlaps."""
    if not case.question.evidence:
        return None
    return 1 - len(uncited_evidence(case)) / len(case.question.evidence)


def citation_precision(case: Case) -> float | None:
    """Share of the citations that overlap some evidence."""
    citations = _citations(case)
    if not case.question.evidence or not citations:
        return None
    return sum(any(hits(citation, item) for item in case.question.evidence) for citation in citations) / len(citations)


def markers_resolve(case: Case) -> float | None:
    """1 if the answer has markers and each belongs to exactly one citation; a refusal needs none."""
    used = {int(marker) for marker in MARKER.findall(case.answer["answer"])}
    given = [citation["marker"] for citation in _citations(case)]
    if not used and case.answer["refused"]:
        return None
    return float(bool(used) and used <= set(given) and len(given) == len(set(given)))


def fact_attribution(case: Case) -> float | None:
    """Share of the facts stated whose own marker leads to evidence, to the very evidence that has the fact if one has.

    This notices right citations under wrong markers, which recall and precision over the whole answer do not.
    """
    stated = [fact for fact in case.question.facts if says(case.answer["answer"], fact)]
    if not case.question.evidence or not stated:
        return None
    return sum(_is_attributed(case, fact) for fact in stated) / len(stated)


def _is_attributed(case: Case, fact: tuple[str, ...]) -> bool:
    telling = [item for item in case.question.evidence if says(item.quote, fact)] or case.question.evidence
    by_marker = {citation["marker"]: citation for citation in _citations(case)}
    return any(
        hits(by_marker[marker], item)
        for text, markers in _statements(case.answer["answer"])
        if says(text, fact)
        for marker in markers
        if marker in by_marker
        for item in telling
    )


def _statements(answer: str) -> Iterator[tuple[str, list[int]]]:
    """Yield each stretch of the answer with the markers that follow it."""
    for match in STATEMENT.finditer(answer):
        yield match[1], [int(marker) for marker in MARKER.findall(match[2])]


def _citations(case: Case) -> list[Citation]:
    return list(case.answer.get("citations", ()))
