"""Questions about the whole corpus: every report in scope gets a verdict with its evidence."""

from rag.survey.judge import Evidence, Judgement, candidates, judge_report
from rag.survey.predicate import Predicate, predicate_of
from rag.survey.stance import Stance, stance_towards

__all__ = [
    "Evidence",
    "Judgement",
    "Predicate",
    "Stance",
    "candidates",
    "judge_report",
    "predicate_of",
    "stance_towards",
]
