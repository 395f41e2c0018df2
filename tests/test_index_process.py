"""The process that runs Chroma: what fails in it is told, and it goes on."""

from __future__ import annotations

import numpy as np
import pytest

from rag.errors import StoreError
from rag.index.chroma_process import Service
from rag.index.collection import ChromaProcess
from rag.index.failure import Busy, CollectionFailed


def test_an_error_of_chroma_is_told_and_does_not_end_its_process(tmp_path):
    process = ChromaProcess(str(tmp_path / "chroma-1"))
    try:
        with pytest.raises(CollectionFailed, match="NotFoundError"):
            process.ask(60, "count", "chunks")
        process.ask(60, "make", "chunks")
        process.ask(60, "upsert", "chunks", ["1"], np.ones((1, 8), np.float32), [{"section_kind": "plan"}])
        assert process.ask(60, "count", "chunks") == 1
    finally:
        assert process.close()
    with pytest.raises(CollectionFailed, match="exit status 0"):
        process.ask(60, "count", "chunks")


def test_a_panic_of_chroma_which_is_no_exception_is_told_too(tmp_path):
    class Panic(BaseException):
        """As PyO3's ``PanicException``, which Rust's panics become."""

    class Panicking:
        def count(self, name):
            raise Panic(f"index out of bounds in {name}")

    service = Service(str(tmp_path / "chroma-1"))
    service._chroma = Panicking()
    with pytest.raises(StoreError, match="Panic: index out of bounds in chunks"):
        service(("count", ("chunks",)), print)


def test_who_has_no_patience_is_told_that_the_process_is_busy(tmp_path):
    process = ChromaProcess(str(tmp_path / "chroma-1"))
    try:
        with process._turn, pytest.raises(Busy):
            process.ask(60, "count", "chunks", patience=0.01)
        process.ask(60, "make", "chunks")
    finally:
        assert process.kill()
