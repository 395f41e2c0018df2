"""The chat page."""

from rag.ui.page import create_app, mount_page

__all__ = ["create_app", "mount_page"]
