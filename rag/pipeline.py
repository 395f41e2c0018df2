"""The facade: a store of reports that takes files in, answers questions, opens citations and finds quotes."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rag.answering import Draft, ExtractiveEngine, phrase, refuse_scope
from rag.catalog import BuiltWith, Catalog, InventoryRow
from rag.citations import cut_citation, parse_citation_id
from rag.embedding import Embedder, load_embedder
from rag.embedding.process import ProcessEmbedder, embedder_apart
from rag.errors import CitationError, QuestionError
from rag.fact_listing import CitedFact, about, with_citations
from rag.generation import Generated, Generation
from rag.index import Follower, Index, Verification
from rag.ingestion import IngestEvent, correct_report, ingest, remove_files, remove_report
from rag.questions import Gazetteer, Question, analyse
from rag.questions.analysis import LONGEST_QUESTION, language_of
from rag.quotes import occurrences, prepare_quote
from rag.reading import LocalReader, ReadFile, ReadingLimits
from rag.retrieval import Corpus, Preloader, Retriever, Scope, resolve_scope
from rag.settings import Settings
from rag.structure import MetaOverrides
from rag.types import (
    Answer,
    CitedParagraph,
    Filters,
    IngestSummary,
    QuoteMatch,
    Report,
    ReportMeta,
    Route,
    Turn,
)
from rag.uploads import Upload, UploadCheck, UploadResult, Uploads, accept

NEIGHBOURS = 2
QUOTE_MATCHES = 200
ATTEMPTS = 5
"""So often a question is answered anew where a report goes meanwhile; after that, what is gone is left out."""


class Observer(Protocol):
    """Told of what a ``Rag`` did; called from several threads, and must not raise."""

    def answered(self, answer: Answer) -> None:
        """Hear of an answer, a refusal included."""

    def ingested(self, summary: IngestSummary) -> None:
        """Hear of an ingest run."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much the store holds."""

    reports: int
    chunks: int


class Rag:
    """Question answering over a store of reports; safe to share between threads.

    Args:
        settings: The settings; the store must exist unless ``create``.
        create: Make the store if there is none.
        owner: Take the vector index for this process if it is free (the app, ingestion, rebuilding).
        serving: Answer for as long as it is open (the app): what comes in is read and embedded in child processes,
            what other processes write is followed in the background, and the reports are read into memory.

    Raises:
        StoreError: the store does not exist, is damaged, or was built with another model.
    """

    def __init__(self, settings: Settings, *, create: bool = False, owner: bool = False, serving: bool = False) -> None:
        self.settings = settings
        self._embedder = embedder_apart(settings, ranked_lower=True) if serving else load_embedder(settings)
        built_with = BuiltWith.of(self._embedder, settings)
        self._catalog = Catalog.open(settings.store, built_with, create=create, url=settings.catalog_url)
        self._index = Index.open(self._catalog, owner=owner, chroma_url=settings.chroma_url)
        self._follower = Follower(self._index) if serving else None
        self._unsynced = self._index.try_sync() if owner and not serving else ()
        self._corpus = Corpus(self._catalog, settings.reports_in_memory)
        self._retriever = Retriever(
            self._catalog, self._index, self._corpus, lambda: self._embedder, top_k=settings.top_k
        )
        self._preloader = Preloader(self._corpus) if serving else None
        self._engine = ExtractiveEngine(self._corpus, self._retriever)
        self._generation = Generation(settings, self._corpus, self._retriever) if settings.llm_model else None
        self._names: tuple[Mapping[str, ReportMeta], Gazetteer] | None = None
        self._writing = threading.RLock()
        self._observers: list[Observer] = []
        limits = ReadingLimits.of(settings)
        self._reader = LocalReader(limits, here_bytes=0) if serving else LocalReader(limits)
        self._uploads = Uploads(
            self._catalog, limits.file_bytes, settings.wait_s, self._reader, self._take_in_uploads, self._forget
        )
        if owner:
            self._uploads.recover()

    def __enter__(self) -> Self:
        """Return itself; leaving closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the indexes and the catalog."""
        if self._preloader is not None:
            self._preloader.stop()
        if self._follower is not None:
            self._follower.stop()
        self._retriever.close()
        self._reader.close()
        if isinstance(self._embedder, ProcessEmbedder):
            self._embedder.close()
        self._index.close()
        self._catalog.close()

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        metadata: Path | None = None,
        prune: bool = False,
        on_progress: Callable[[IngestEvent], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> IngestSummary:
        """Read files and folders into the store; one bad file never stops the rest.

        Args:
            paths: Files, and folders read recursively.
            metadata: CSV that fills in or overrides office, region, year, title and date by file name.
            prune: Also take out reports whose file is gone from the folders given.
            on_progress: Called as each file is done.
            stop: Asked between commits; True ends the run early, with all that is in kept.
        """
        with self._writing:
            summary = ingest(
                paths,
                settings=self.settings,
                catalog=self._catalog,
                index=self._index,
                embedder=self._embedder,
                reader=self._reader,
                metadata=metadata,
                prune=prune,
                on_progress=on_progress,
                stop=stop,
            )
        return self._told_of(summary)

    def _take_in_uploads(self, read: Mapping[Path, ReadFile]) -> IngestSummary:
        with self._writing:
            summary = ingest(
                list(read),
                settings=self.settings,
                catalog=self._catalog,
                index=self._index,
                embedder=self._embedder,
                reader=self._reader,
                already=read,
            )
        return self._told_of(summary)

    def _told_of(self, summary: IngestSummary) -> IngestSummary:
        for observer in self._observers:
            observer.ingested(summary)
        return summary

    def upload(self, uploads: Iterable[Upload], *, check: UploadCheck = accept) -> tuple[UploadResult, ...]:
        """Keep files in the store's uploads folder and take them in; see ``rag.uploads``.

        Args:
            uploads: Files with the names that people gave them.
            check: Looks at each before it is read; raises a ``LoadError`` to refuse it.
        """
        return self._uploads.take_in(uploads, check)

    def delete(self, report_id: str) -> tuple[str, ...]:
        """Take a report out, with every file that holds its text; uploads are deleted, other files left where they are.

        Returns:
            The names of its files.

        Raises:
            CitationError: there is no such report.
        """
        held = [record.path for record in self._catalog.files().values() if record.report_id == report_id]
        with self._uploads.removing(held), self._writing:
            records = remove_report(report_id, self._catalog, self._index, self.settings.wait_s)
        if not records:
            raise _no_report(report_id)
        return tuple(record.source for record in records)

    def _forget(self, paths: Sequence[str]) -> None:
        with self._writing:
            remove_files(paths, self._catalog, self._index, self.settings.wait_s)

    def observe(self, observer: Observer) -> None:
        """Tell an observer of every answer and ingest run from now on."""
        self._observers.append(observer)

    def ask(
        self,
        question: str,
        *,
        filters: Filters = Filters(),  # noqa: B008 - frozen
        history: Sequence[Turn] = (),
        route: Route | None = None,
        extractive: bool = False,
    ) -> Answer:
        """Answer a question from the reports, with verbatim citations, or say that they do not say.

        Args:
            question: Chinese or English, as a person types it.
            filters: Restrict the reports and sections to answer from.
            history: Earlier turns, oldest first.
            route: Overrides the route that the wording suggests.
            extractive: Answer without the chat model, even where there is one.

        Returns:
            The answer; a refusal for an empty, overlong or unanswerable question.
        """
        return next(
            piece
            for piece in self.stream(question, filters=filters, history=history, route=route, extractive=extractive)
            if isinstance(piece, Answer)
        )

    def stream(
        self,
        question: str,
        *,
        filters: Filters = Filters(),  # noqa: B008 - frozen
        history: Sequence[Turn] = (),
        route: Route | None = None,
        extractive: bool = False,
    ) -> Iterator[str | Answer]:
        """Yield the answer's text piece by piece, then the whole answer.

        What a chat model writes comes as it writes it; the whole answer is its verified form and may differ.
        """
        started = time.perf_counter()
        generation = None if extractive else self._generation
        gazetteer = self._gazetteer()
        try:
            understood, notes = self._understand(question, gazetteer, history, route, generation)
        except QuestionError:
            reply = _unaskable(question)
            yield from reply.answer.splitlines(keepends=True)
            yield self._told(reply)
            return
        scope, draft, retrieve_seconds = self._answer_steadily(understood, filters)
        given = Generated(draft, "extractive")
        if generation and scope.metas:
            for piece in generation.stream(understood, draft, scope, filters.section_kinds, gazetteer):
                if isinstance(piece, str):
                    yield piece
                else:
                    given = piece
        else:
            yield from draft.text.splitlines(keepends=True)
        answer = _answered(question, understood, given, notes, retrieve_seconds, time.perf_counter() - started)
        yield self._told(answer)

    def _told(self, answer: Answer) -> Answer:
        for observer in self._observers:
            observer.answered(answer)
        return answer

    def _gazetteer(self) -> Gazetteer:
        """Return the names of the corpus, made anew only when its reports have changed."""
        metas = self._catalog.metas()
        if self._names is None or self._names[0] is not metas:
            self._names = (metas, Gazetteer(metas.values()))
        return self._names[1]

    def _understand(
        self,
        text: str,
        gazetteer: Gazetteer,
        history: Sequence[Turn],
        route: Route | None,
        generation: Generation | None,
    ) -> tuple[Question, tuple[str, ...]]:
        """Understand a question, a follow-up by the chat model if there is one; notes say how."""
        question = analyse(text, gazetteer, history=history, route=route)
        if generation is None:
            return question, ()
        notes: tuple[str, ...] = ()
        if history:
            alone, notes = generation.rewrite(question.text, history, gazetteer)
            question = analyse(alone, gazetteer, route=route) if alone else question
        question, translated = generation.translate(question)
        return question, (*notes, *translated)

    def _answer_steadily(self, question: Question, filters: Filters) -> tuple[Scope, Draft, float]:
        """Answer from reports that are all still in at the end, so that none is missed that was replaced meanwhile."""
        for _ in range(ATTEMPTS):
            available = self._catalog.report_metas(filters)
            scope = resolve_scope(question, available)
            draft, seconds = self._answer(question, scope, filters, available)
            if scope.ids <= self._catalog.metas().keys():
                break
        return scope, draft, seconds

    def _answer(
        self, question: Question, scope: Scope, filters: Filters, available: Sequence[ReportMeta]
    ) -> tuple[Draft, float]:
        """Take the question's route; returns the draft and the seconds that retrieval took."""
        if not scope.metas:
            return refuse_scope(question, available or list(self._catalog.metas().values())), 0.0
        return self._engine.answer(question, scope, filters.section_kinds)

    def cite(self, citation_id: str) -> CitedParagraph:
        """Open a citation: its quote, its paragraph and the neighbours.

        Raises:
            CitationError: the id is malformed, or its report or paragraph is not in the store.
        """
        address = parse_citation_id(citation_id)
        report = self._catalog.report(address.report_id)
        if report is None:
            raise CitationError(
                f"No report {address.report_id} in this store. Its text may have changed since: "
                "`python -m rag reports` lists the reports, `python -m rag find QUOTE` finds a quote."
            )
        paragraphs = {paragraph.number: paragraph for paragraph in report.paragraphs}
        paragraph = paragraphs.get(address.paragraph)
        if paragraph is None:
            raise CitationError(
                f"{report.meta.source} has {len(paragraphs)} paragraphs, no paragraph {address.paragraph}."
            )
        place = report.paragraphs.index(paragraph)
        return CitedParagraph(
            citation=cut_citation(report.meta, paragraph, address.start, address.end),
            report=report.meta,
            paragraph=paragraph,
            before=report.paragraphs[max(0, place - NEIGHBOURS) : place],
            after=report.paragraphs[place + 1 : place + 1 + NEIGHBOURS],
        )

    def find(self, quote: str) -> list[QuoteMatch]:
        """Find where a quote stands: exact places first, then those that differ in width, punctuation or script."""
        searched = prepare_quote(quote)
        metas = self._catalog.metas()
        matches = [
            QuoteMatch(cut_citation(metas[report_id], paragraph, start, end), "exact" if exact else "variant")
            for report_id, paragraphs in self._catalog.paragraphs().items()
            if report_id in metas  # another may have come in since
            for paragraph in paragraphs
            for start, end, exact in occurrences(searched, paragraph.text)
        ]
        return sorted(matches, key=lambda match: match.match != "exact")[:QUOTE_MATCHES]

    def reports(self) -> list[ReportMeta]:
        """Return every report, by region, office and year."""
        return self._catalog.report_metas()

    def report(self, report_id: str) -> Report:
        """Return a whole report.

        Raises:
            CitationError: there is no such report.
        """
        report = self._catalog.report(report_id)
        if report is None:
            raise _no_report(report_id)
        return report

    def inventory(self) -> list[InventoryRow]:
        """Return every report with its file, size and duplicates."""
        return self._catalog.inventory()

    def facts(self, filters: Filters = Filters(), indicator: str = "") -> list[CitedFact]:  # noqa: B008 - frozen
        """Return the figures that reports state, with citations.

        Args:
            filters: Restrict the offices, regions and reports; years are those that the figures are for.
            indicator: Only figures of what this names, in these or other words; empty for all.
        """
        reports = [meta.id for meta in self._catalog.report_metas(replace(filters, years=()))]
        facts = self._catalog.facts(reports)
        facts = [fact for fact in facts if not filters.years or fact.year in filters.years]
        chosen = about(facts, indicator) if indicator else facts
        stating = {fact.report_id for fact in chosen}
        return with_citations(chosen, self._catalog.metas(), self._catalog.paragraphs(stating))

    def size(self) -> Size:
        """Return how much the store holds."""
        return Size(len(self._catalog.metas()), self._catalog.chunk_count())

    def wait_until_loaded(self, seconds: float) -> bool:
        """Wait until a serving process has read the reports into memory; say whether it has, True for any other."""
        return self._preloader is None or self._preloader.wait(seconds)

    def lagging(self) -> tuple[str, ...]:
        """Name the indexes on disk that are behind the catalog; see ``Index.lagging``."""
        return self._index.lagging()

    @property
    def owns_index(self) -> bool:
        """True while this process is the one that writes the vector index."""
        return self._index.owns_vector

    def holder(self) -> str:
        """Say which process writes the vector index, and since when; empty if none does."""
        return self._index.holder()

    def correct(self, report_id: str, given: MetaOverrides) -> ReportMeta:
        """Let office, region, year, title or date given by hand win over what was read in a report.

        Raises:
            CitationError: there is no such report.
        """
        with self._writing:
            return correct_report(
                report_id,
                given,
                catalog=self._catalog,
                index=self._index,
                embedder=self._embedder,
                chunk_tokens=self.settings.chunk_tokens,
                wait_s=self.settings.wait_s,
            )

    def verify(self) -> Verification:
        """Check the catalog against its indexes."""
        return self._index.verify()

    def rebuild(self) -> None:
        """Build the indexes anew from the catalog, without embedding."""
        self._index.rebuild()

    def identity(self) -> dict[str, object]:
        """Return what an evaluation run records: model, chunking, corpus hash and sizes."""
        ids = sorted(self._catalog.metas())
        return {
            "embedding_model": self._embedder.name,
            "chunk_tokens": self.settings.chunk_tokens,
            "corpus_hash": hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16],
            "reports": len(ids),
            "chunks": self._catalog.chunk_count(),
            "engine": self._generation.name if self._generation else "extractive",
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What opening the store mended or could not have."""
        return (*self._index.notes, *self._unsynced)

    @property
    def embedder(self) -> Embedder:
        """The embedding model, loaded when first used."""
        return self._embedder


def _no_report(report_id: str) -> CitationError:
    return CitationError(f"No report {report_id!r}. `python -m rag reports` lists the reports.")


def _answered(
    question: str, understood: Question, given: Generated, notes: Sequence[str], retrieve_seconds: float, total: float
) -> Answer:
    """Put an answer together from what gave it."""
    draft = given.draft
    return Answer(
        question=question,
        language=understood.language,
        route=draft.route,
        answer=draft.text,
        refused=draft.refused,
        citations=draft.citations,
        contexts=draft.contexts,
        survey=draft.survey,
        facts=draft.facts,
        engine=given.engine,
        statements=given.statements,
        notes=(*notes, *draft.notes),
        elapsed_ms={
            "retrieve": round(retrieve_seconds * 1000),
            "answer": round((total - retrieve_seconds) * 1000),
            "total": round(total * 1000),
        },
    )


def _unaskable(question: str) -> Answer:
    """Reply to an empty or overlong question."""
    text = question.strip()
    language = language_of(text) if len(text) > LONGEST_QUESTION else "zh"
    if len(text) > LONGEST_QUESTION:
        reply = phrase(language, "refusal_long", length=len(text), limit=LONGEST_QUESTION)
    else:
        reply = phrase(language, "refusal_empty") + " " + phrase("en", "refusal_empty")
    return Answer(question, language, Route.REFUSED, reply, refused=True)
