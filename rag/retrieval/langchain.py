"""Retrieval offered as a LangChain retriever, for chains and agents built elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from rag.types import Context


class ReportRetriever(BaseRetriever):
    """Returns paragraphs of the reports as LangChain documents, best first.

    Attributes:
        find: Called with the question; returns the paragraphs found, best first.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    find: Callable[[str], tuple[Context, ...]]

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        **kwargs: Any,  # noqa: ANN401
    ) -> list[Document]:
        return [as_document(context) for context in self.find(query)]


def as_document(context: Context) -> Document:
    """Return a paragraph as a LangChain document; its metadata say where it stands."""
    report, paragraph = context.report, context.paragraph
    return Document(
        id=f"{report.id}-p{paragraph.number}",
        page_content=paragraph.text,
        metadata={
            "report_id": report.id,
            "source": report.source,
            "office": report.office,
            "region": report.region,
            "year": report.year,
            "paragraph": paragraph.number,
            "section": list(paragraph.path),
            "score": context.score,
        },
    )
