"""What readers made of answers: kept with the answer, and turned into candidates for gold questions."""

from __future__ import annotations

from rag.feedback.gold import gold_candidate, to_jsonl
from rag.feedback.records import Feedback, Rating
from rag.feedback.store import FeedbackBook

__all__ = ["Feedback", "FeedbackBook", "Rating", "gold_candidate", "to_jsonl"]
