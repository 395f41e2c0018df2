"""Whole questions of gold files, never trained on, answered by the reader alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.embedding import Embedder
from rag.evaluation.gold import GoldQuestion, load_gold
from rag.evaluation.overlap import touches
from rag.evidence.retriever import embedded_text
from rag.evidence.scorer import Passage, Score, Scorer, context_of
from rag.evidence.statements import statements_of
from rag.evidence.verdicts import Thresholds, verdict
from rag.loading import find_files, load_document
from rag.questions.gazetteer import Gazetteer
from rag.questions.scope import find_mentions
from rag.structure import parse_report
from rag.types import Report, Verdict
from training.metrics import answers, area_under_curve, mean_survey_metrics
from training.scoring import READ

ROOT = Path(__file__).parent.parent
SETS = {
    "further-3": (ROOT / "data/further/further-3.jsonl", ROOT / "data/further/3/reports"),
    "further-4": (ROOT / "data/further/further-4.jsonl", ROOT / "data/further/4/reports"),
    "further-5": (ROOT / "data/further/further-5.jsonl", ROOT / "data/further/5/reports"),
    "real reports": (ROOT.parent / "shared/gold/reports.public.jsonl", ROOT.parent / "shared/reports"),
    "surveys*": (ROOT / "data/gold/surveys.jsonl", ROOT / "data/reports"),
    "sample*": (ROOT / "data/gold/sample.jsonl", ROOT / "data/reports"),
}
"""Gold files and their corpora; one that is not at hand is passed over. Of those with a star some of the reports are
trained on, with other questions."""
WHOLE = 4
"""A scope of so many reports is read whole."""
READ_IN_ALL = 60
"""Statements read for a passage question over a larger scope."""
LARGEST_FILE = 50 * 1024 * 1024
SURVEYED = ("survey", "count")


@dataclass(frozen=True)
class Corpus:
    """The reports of a folder, each statement with its vector.

    Attributes:
        reports: The reports.
        passages: Of each report, its statements as they are read.
        vectors: Of each report, a unit row for each statement.
    """

    reports: tuple[Report, ...]
    passages: tuple[tuple[Passage, ...], ...]
    vectors: tuple[NDArray[np.float32], ...]

    @classmethod
    def read(cls, folder: Path, embedder: Embedder) -> Corpus:
        """Read the reports of a folder."""
        documents = (load_document(path, max_bytes=LARGEST_FILE) for path in find_files([folder]))
        reports = tuple(parse_report(document) for document in documents)
        passages = tuple(tuple(passages_of(report)) for report in reports)
        vectors = tuple(embedder.embed_passages([embedded_text(one) for one in of_report]) for of_report in passages)
        return cls(reports, passages, vectors)

    @cached_property
    def gazetteer(self) -> Gazetteer:
        """The names of the corpus."""
        return Gazetteer(report.meta for report in self.reports)

    def scope(self, question: GoldQuestion) -> list[int]:
        """Return the places of the reports that a question names, or that its filters leave; all if it names none."""
        asked = " ".join((*question.filters.offices, *question.filters.regions, question.question))
        named = find_mentions(asked, self.gazetteer, question.language)
        years = question.filters.years or named.years
        return [
            place
            for place, report in enumerate(self.reports)
            if (not named.offices or (report.meta.office, report.meta.region) in named.offices)
            and (not years or report.meta.year in years)
        ]


def evaluate_set(
    gold: Path, corpus: Corpus, scorer: Scorer, thresholds: Thresholds, embedder: Embedder
) -> dict[str, float | None]:
    """Return what is measured over the questions of a gold file that need no history."""
    questions = [question for question in load_gold(gold) if not question.history]
    surveys, ranks, answerable = [], [], []
    for question in questions:
        vector = embedder.embed_query(question.question)
        if question.reports is not None and question.kind in SURVEYED:
            surveys.append(_survey(question, corpus, scorer, thresholds, vector))
            continue
        ranked = _ranked(question, corpus, scorer, vector)
        answerable.append((not question.refuse, answers([score for *_, score in ranked])))
        if not question.refuse:
            ranks += _evidence_ranks(question, corpus, ranked)
    found = {depth: [rank is not None and rank < depth for rank in ranks] for depth in (5, 10)}
    return {
        **mean_survey_metrics(surveys),
        "evidence in the first 5": float(np.mean(found[5])) if ranks else None,
        "evidence in the first 10": float(np.mean(found[10])) if ranks else None,
        "AUC of answerable": area_under_curve(answerable),
        "passage questions": float(len(answerable)),
    }


def _survey(
    question: GoldQuestion, corpus: Corpus, scorer: Scorer, thresholds: Thresholds, vector: NDArray[np.float32]
) -> list[tuple[Verdict, Verdict]]:
    """Return for each report in scope, or that the gold names, the verdict given and the gold verdict."""
    nearest = {
        place: np.argsort(-(corpus.vectors[place] @ vector), kind="stable")[:READ].tolist()
        for place in corpus.scope(question)
    }
    passages = [corpus.passages[place][number] for place, numbers in nearest.items() for number in numbers]
    scores = iter(scorer.score(question.question, passages))
    given = {place: verdict(list(islice(scores, len(numbers))), thresholds) for place, numbers in nearest.items()}
    return [
        (given.get(place, Verdict.NOT_MENTIONED), _gold(question, report.meta.source))
        for place, report in enumerate(corpus.reports)
    ]


def _gold(question: GoldQuestion, source: str) -> Verdict:
    if question.reports and source in question.reports.yes:
        return Verdict.YES
    return Verdict.NO if question.reports and source in question.reports.no else Verdict.NOT_MENTIONED


def _ranked(
    question: GoldQuestion, corpus: Corpus, scorer: Scorer, vector: NDArray[np.float32]
) -> list[tuple[int, int, Score]]:
    """Return the statements read, each as (report, statement, score), the most relevant first."""
    scope = corpus.scope(question)
    read = [(place, number) for place in scope for number in range(len(corpus.passages[place]))]
    if len(scope) > WHOLE:
        read.sort(key=lambda one: -float(corpus.vectors[one[0]][one[1]] @ vector))
        read = read[:READ_IN_ALL]
    scores = scorer.score(question.question, [corpus.passages[place][number] for place, number in read])
    rows = [(place, number, score) for (place, number), score in zip(read, scores, strict=True)]
    return sorted(rows, key=lambda row: -row[2].relevance)


def _evidence_ranks(
    question: GoldQuestion, corpus: Corpus, ranked: Sequence[tuple[int, int, Score]]
) -> list[int | None]:
    return [
        next(
            (
                rank
                for rank, (place, number, _) in enumerate(ranked)
                if corpus.reports[place].meta.source == item.source
                and touches(corpus.passages[place][number].text, item.quote)
            ),
            None,
        )
        for item in question.evidence
    ]


def passages_of(report: Report) -> Iterator[Passage]:
    """Yield the statements of a report as they are read."""
    for one in statements_of(report):
        yield Passage(one.text, context_of(report.meta.office, report.meta.year, one.path, one.header))


def available() -> Mapping[str, tuple[Path, Path]]:
    """Return the sets whose files are at hand."""
    return {name: paths for name, paths in SETS.items() if all(path.exists() for path in paths)}
