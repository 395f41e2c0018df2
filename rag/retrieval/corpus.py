"""The text of the reports as retrieval reads it, kept in memory while nothing changes."""

from __future__ import annotations

import math
import threading
from collections import ChainMap
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from rag.catalog import Catalog
from rag.questions import Concept, field_concepts, load_vocabulary, question_patterns
from rag.retrieval.pair_index import PairIndex
from rag.retrieval.passages import Passage
from rag.retrieval.report_text import ReportText
from rag.types import ReportMeta

READ_AT_ONCE = 500
"""Reports read together; so many beyond those kept are in memory at a time."""
PRELOADED_AT_ONCE = 20
"""Reports read ahead together; a question that comes meanwhile waits for so many."""
PRELOADING_PAUSE_S = 0.01
"""Seconds between two such batches, or between cutting the sentences of two, for questions to go on."""
RARITY_SAMPLE = 20_000
"""Paragraphs over which a concept's rarity is estimated."""


class Corpus:
    """Text of reports, read from the catalog on demand and kept in memory up to a bound. Thread-safe.

    Args:
        catalog: The catalog.
        kept: Number of reports whose text stays in memory, about 30 kB each.
    """

    def __init__(self, catalog: Catalog, kept: int) -> None:
        self._catalog = catalog
        self._kept = kept
        self._texts: dict[str, ReportText] = {}
        self._sample: PairIndex | None = None
        self._rarities: dict[frozenset[str], float | None] = {}
        self._counter = self._preloaded = -1
        self._lock = threading.Lock()

    def passages(self, metas: Sequence[ReportMeta]) -> Iterator[tuple[Passage, ...]]:
        """Yield the passages of each report that can carry a statement, in the order given."""
        return (text.passages for text in self.texts(metas))

    def texts(self, metas: Sequence[ReportMeta]) -> Iterator[ReportText]:
        """Yield the text of each report that is still in the catalog, in the order given.

        They are read as they are asked for, so that memory stays bounded however many reports there are.
        """
        for start in range(0, len(metas), READ_AT_ONCE):
            with self._lock:
                self._forget_what_changed()
                found = self._found(metas[start : start + READ_AT_ONCE])
            yield from found

    def _found(self, metas: Sequence[ReportMeta]) -> list[ReportText]:
        """Return reports' texts, kept while there is room.

        What came first stays: a survey goes through all reports in the same order, so putting the latest in place of
        the oldest would throw out each just before it is wanted again.
        """
        missing = [meta for meta in metas if meta.id not in self._texts]
        if not missing:
            return [self._texts[meta.id] for meta in metas]
        read = self._read(missing)
        known = ChainMap(read, self._texts)
        live = self._catalog.metas()
        found = [
            known[meta.id] if meta.id in known else ReportText(meta, ())  # one without a paragraph
            for meta in metas
            if meta.id in known or meta.id in live
        ]
        # What the caller knows of a report may be older than the report: that serves this once and is not kept.
        current = ((report_id, text) for report_id, text in read.items() if live.get(report_id) == text.meta)
        self._texts.update(islice(current, max(0, self._kept - len(self._texts))))
        return found

    def preload(self, stopping: threading.Event) -> bool:
        """Read what is not in memory yet, as far as it is kept, weigh the terms of the field, and cut sentences.

        What saves a question most comes first; in the end all is known.

        Args:
            stopping: Ends it early when set.

        Returns:
            True if all is known, False if it was stopped.
        """
        counter = self._catalog.change_counter()
        if counter == self._preloaded:
            return True
        metas = list(islice(self._catalog.metas().values(), self._kept))
        missing = [meta for meta in metas if meta.id not in self._texts]
        for start in range(0, len(missing), PRELOADED_AT_ONCE):
            for text in self.texts(missing[start : start + PRELOADED_AT_ONCE]):
                text.prepare()
            if stopping.wait(PRELOADING_PAUSE_S):
                return False
        question_patterns()
        load_vocabulary()
        for concept in field_concepts():
            self.rarity(concept)
            if stopping.is_set():
                return False
        texts = list(self._texts.values())
        for start in range(0, len(texts), PRELOADED_AT_ONCE):
            for text in texts[start : start + PRELOADED_AT_ONCE]:
                text.prepare_sentences()
            if stopping.wait(PRELOADING_PAUSE_S):
                return False
        self._preloaded = counter
        return True

    def rarity(self, concept: Concept) -> float | None:
        """Return the inverse document frequency of a concept over the paragraphs, at least 0.2; None if in none."""
        with self._lock:
            self._forget_what_changed()
            words = frozenset(concept.words)
            if words not in self._rarities:
                if self._sample is None:
                    self._sample = self._read_sample()
                mentioning = self._sample.holding(words)
                rarity = max(0.2, math.log((len(self._sample) + 1) / (mentioning + 0.5)))
                self._rarities[words] = rarity if mentioning else None
            return self._rarities[words]

    def _read_sample(self) -> PairIndex:
        """Return the statements of the catalog's first reports, whichever were asked for before."""
        metas = list(self._catalog.metas().values())
        sample: list[ReportText] = []
        paragraphs = 0
        for start in range(0, len(metas), READ_AT_ONCE):
            for text in self._found(metas[start : start + READ_AT_ONCE]):
                if paragraphs >= RARITY_SAMPLE:
                    return PairIndex(sample)
                sample.append(text)
                paragraphs += len(text)
        return PairIndex(sample)

    def _read(self, metas: Iterable[ReportMeta]) -> dict[str, ReportText]:
        by_id = {meta.id: meta for meta in metas}
        rows = self._catalog.paragraph_rows(by_id)
        return {report_id: ReportText(by_id[report_id], found) for report_id, found in rows.items()}

    def _forget_what_changed(self) -> None:
        counter = self._catalog.change_counter()
        if counter == self._counter:
            return
        live = self._catalog.metas()
        written = set(self._catalog.reports_since(self._counter)) if counter > self._counter else live.keys()
        self._texts = {
            report_id: text for report_id, text in self._texts.items() if report_id in live and report_id not in written
        }
        self._sample = None
        self._rarities.clear()
        self._counter = counter
