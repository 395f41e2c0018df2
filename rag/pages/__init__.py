"""Pages beside the chat: the reports, each report, and evaluation runs; plain HTML that needs no script."""

from rag.pages.router import create_pages

__all__ = ["create_pages"]
