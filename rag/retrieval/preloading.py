"""Reading the reports into memory while a serving process has nothing else to do."""

from __future__ import annotations

import threading

from rag.background import Background
from rag.garbage import collect_seldom
from rag.retrieval.corpus import Corpus


class Preloader:
    """A thread that keeps a corpus in memory, so that no question waits for its reports to be read.

    Args:
        corpus: The corpus of a process that serves.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._loaded = threading.Event()
        self._background = Background("read the reports into memory", self._step)
        self._background.start()

    def wait(self, seconds: float) -> bool:
        """Wait until all that is kept has been read once; say whether it has."""
        return self._loaded.wait(seconds)

    def stop(self) -> None:
        """Stop, after the reports being read."""
        self._background.stop()

    def _step(self) -> None:
        if self._corpus.preload(self._background.stopping) and not self._loaded.is_set():
            collect_seldom()
            self._loaded.set()
