"""The REST API: questions, citations, reports, figures; OpenAI-compatible chat; health and metrics."""

from rag.api.application import install_api

__all__ = ["install_api"]
