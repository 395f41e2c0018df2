"""Questions understood: route, language, scope, what is asked for, and the concepts to look for."""

from rag.questions.analysis import Question, analyse, distinct_offices, question_patterns
from rag.questions.concepts import Concept, field_concepts, load_vocabulary
from rag.questions.gazetteer import Gazetteer, pinyin_name, short_name

__all__ = [
    "Concept",
    "Gazetteer",
    "Question",
    "analyse",
    "distinct_offices",
    "field_concepts",
    "load_vocabulary",
    "pinyin_name",
    "question_patterns",
    "short_name",
]
