"""Hybrid search over paragraphs: dense, lexical and by concept, fused, within a scope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from rag.catalog import Catalog
from rag.embedding import Embedder
from rag.index import Index
from rag.questions import Question
from rag.retrieval.corpus import Corpus
from rag.retrieval.fusion import fuse, spread
from rag.retrieval.matching import (
    Match,
    Matches,
    PassageMatcher,
    Weighted,
    best_first,
    is_instruction,
    weigh,
)
from rag.retrieval.names import with_pinyin_names
from rag.retrieval.passages import Passage
from rag.retrieval.report_text import ReportText
from rag.retrieval.scope import Scope
from rag.types import Context, Hit, Route, SectionKind

CANDIDATE_CHUNKS = 60
PINYIN_REPORTS = 12
"""In up to so many reports names written in pinyin are looked for in the text."""
WHOLE_SCOPE_REPORTS = 300
"""Up to so many reports every paragraph is matched by concept and may be quoted; beyond, those of the reports found."""
CONCEPT_WEIGHT, LEXICAL_WEIGHT, DENSE_WEIGHT = 2.0, 1.0, 1.0

Place = tuple[str, int]
"""(report id, paragraph number)."""


@dataclass(frozen=True)
class Retrieval:
    """What retrieval found.

    Attributes:
        contexts: Paragraphs, best first.
        matches: Sentences scored by concept, best first, over every paragraph looked at; scored as they are asked for.
        weighted: The question's concepts with their weights.
    """

    contexts: tuple[Context, ...]
    matches: Iterable[Match]
    weighted: tuple[Weighted, ...]


class Retriever:
    """Finds the paragraphs and sentences that a question is about."""

    def __init__(
        self, catalog: Catalog, index: Index, corpus: Corpus, embedder: Callable[[], Embedder], *, top_k: int
    ) -> None:
        self._catalog = catalog
        self._index = index
        self._corpus = corpus
        self._embedder = embedder
        self._top_k = top_k
        # Embedding and Chroma leave this interpreter free for the lexical search meanwhile.
        self._beside = ThreadPoolExecutor(thread_name_prefix="dense search")

    def retrieve(
        self, question: Question, scope: Scope, section_kinds: Sequence[SectionKind] = (), top_k: int | None = None
    ) -> Retrieval:
        """Return the best paragraphs and sentences of the reports in scope.

        Args:
            question: The question.
            scope: The reports to search; a scope without reports gives nothing.
            section_kinds: Search only sections of these kinds; empty: all.
            top_k: Number of paragraphs to return; None: the setting.
        """
        wanted = top_k or self._top_k
        if not scope.metas:
            return Retrieval((), (), ())
        question = self._with_names(question, scope)
        kinds = (SectionKind.PLAN,) if scope.following_plan and not section_kinds else tuple(section_kinds)
        searching = self._beside.submit(self._dense, question, scope, kinds)
        weighted = weigh(question, self._corpus.rarity)
        lexical = self._places(self._lexical(question, scope, kinds))
        dense = self._places(searching.result())
        texts = self._texts(scope, [*dense, *lexical])
        matcher = PassageMatcher(weighted, question)
        prospects = [prospect for text in texts.values() for prospect in matcher.prospects(text, kinds)]
        matches = Matches(match for match in best_first(prospects, matcher) if _tells(match, question, scope))
        reach = {(prospect.text.meta.id, prospect.number): prospect.most for prospect in prospects}
        best = list(islice(_distinct_places(matches), CANDIDATE_CHUNKS))
        ranking = fuse(
            [
                (CONCEPT_WEIGHT, best),
                (LEXICAL_WEIGHT, _inside_order(lexical, best, reach)),
                (DENSE_WEIGHT, _inside_order(dense, best, reach)),
            ]
        )
        found = list(_statements(ranking, texts, kinds))
        many = len(scope.metas) > 1 and not question.offices
        chosen = spread(found, lambda item: item[0].meta.id, max(2, wanted // 3) if many else wanted, wanted)
        best_passages = ((text.passage(at), score) for text, at, score in chosen)
        contexts = tuple(
            Context(passage.report, passage.paragraph, round(score, 5)) for passage, score in best_passages
        )
        return Retrieval(contexts, matches, weighted)

    def weigh(self, question: Question, scope: Scope) -> tuple[Weighted, ...]:
        """Return the question's concepts with their weights, as ``retrieve`` does, without searching."""
        return weigh(self._with_names(question, scope), self._corpus.rarity)

    def close(self) -> None:
        """Let the threads of searching end."""
        self._beside.shutdown()

    @property
    def top_k(self) -> int:
        """Number of paragraphs that ``retrieve`` returns at most, unless told otherwise."""
        return self._top_k

    def _with_names(self, question: Question, scope: Scope) -> Question:
        if len(scope.metas) > PINYIN_REPORTS:
            return question
        everything = (passage for passages in self._corpus.passages(scope.metas) for passage in passages)
        return with_pinyin_names(question, everything)

    def _dense(self, question: Question, scope: Scope, kinds: Sequence[SectionKind]) -> list[Hit]:
        vector = self._embedder().embed_query(question.text)
        return self._index.dense(vector, CANDIDATE_CHUNKS, report_ids=self._selected(scope), section_kinds=kinds)

    def _lexical(self, question: Question, scope: Scope, kinds: Sequence[SectionKind]) -> list[Hit]:
        words = " ".join(" ".join(concept.words[:4]) for concept in question.concepts if concept.words)
        if not words:
            return []
        hits = self._index.lexical(words, CANDIDATE_CHUNKS, report_ids=self._selected(scope), section_kinds=kinds)
        return hits or []

    def _selected(self, scope: Scope) -> frozenset[str] | None:
        return None if len(scope.metas) == len(self._catalog.metas()) else scope.ids

    def _places(self, hits: Sequence[Hit]) -> list[list[Place]]:
        """The paragraphs of each chunk found, chunk by chunk, best first."""
        chunks = self._catalog.paragraphs_of_chunks([hit.chunk_id for hit in hits])
        return [chunks[hit.chunk_id] for hit in hits if hit.chunk_id in chunks]

    def _texts(self, scope: Scope, groups: Sequence[Sequence[Place]]) -> dict[str, ReportText]:
        """Return the reports to look at closely, by id."""
        metas = list(scope.metas)
        if len(metas) > WHOLE_SCOPE_REPORTS:
            found = {report_id for group in groups for report_id, _ in group}
            metas = [meta for meta in metas if meta.id in found]
        return {text.meta.id: text for text in self._corpus.texts(metas)}


def _tells(match: Match, question: Question, scope: Scope) -> bool:
    """Tell whether a sentence is for people, and names the year where no report is about it."""
    return not is_instruction(match.sentence.folded) and (
        question.route is Route.COMPARE or _names_a_year(match, scope.absent_years)
    )


def _inside_order(
    groups: Sequence[Sequence[Place]], best: Sequence[Place], reach: Mapping[Place, float]
) -> list[Place]:
    """Return paragraphs in the order of their chunks; within a chunk the one that meets more of the question first.

    Args:
        groups: The paragraphs of each chunk.
        best: The paragraphs whose sentences meet most, best first.
        reach: For every paragraph that meets anything, how much of the question a sentence of it might meet.
    """
    ranks = {place: rank for rank, place in enumerate(best)}
    ordered: dict[Place, None] = {}
    for group in groups:
        for place in sorted(group, key=lambda place: (ranks.get(place, len(ranks)), -reach.get(place, -1.0))):
            ordered.setdefault(place)
    return list(ordered)


def _distinct_places(matches: Iterable[Match]) -> Iterator[Place]:
    """Yield the paragraphs of matches, each once."""
    seen: set[Place] = set()
    for match in matches:
        place = _place(match.sentence.passage)
        if place not in seen:
            seen.add(place)
            yield place


def _statements(
    ranking: Mapping[Place, float], texts: Mapping[str, ReportText], kinds: Sequence[SectionKind]
) -> Iterator[tuple[ReportText, int, float]]:
    """Yield each paragraph ranked that is a statement: its report's text, its place in it, its score.

    Args:
        ranking: Paragraphs with their scores, best first.
        texts: The reports looked at.
        kinds: Of sections of these kinds; none named: of all.
    """
    for (report_id, number), score in ranking.items():
        text = texts.get(report_id)
        at = None if text is None else text.place_numbered(number)
        if text is not None and at is not None and (not kinds or text.row(at)[-2] in kinds):
            yield text, at, score


def _names_a_year(match: Match, years: Sequence[int]) -> bool:
    return not years or any(match.sentence.names_year(year) for year in years)


def _place(passage: Passage) -> Place:
    return passage.report.id, passage.paragraph.number
