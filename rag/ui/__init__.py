"""The chat page."""

from rag.ui.page import create_app, create_server

__all__ = ["create_app", "create_server"]
