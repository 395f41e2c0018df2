"""Answers by a chat model, streamed, and held to the evidence statement by statement."""

from rag.generation.engine import Generated, Generation
from rag.generation.verification import VerifiedReply, verify

__all__ = ["Generated", "Generation", "VerifiedReply", "verify"]
