"""What fuzzing found, run again; the targets on whole, cut, flipped and spliced files, and on any bytes at all."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fuzz.seeds import seeds
from fuzz.targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

FOUND = sorted(path for path in (Path(__file__).parent / "fuzz" / "found").glob("*/*") if path.is_file())
FORMATS = ["txt", "md", "html", "docx", "pdf"]
SLOWEST = 20
"""Seconds of processor time that a small file may take, the machine being slow."""


def kept(target: str, data: bytes) -> None:
    """Run a target: it raises where a promise is broken."""
    began = time.process_time()
    TARGETS[target](data)
    assert time.process_time() - began < SLOWEST


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_stays_mended(path):
    kept(path.parent.name, path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_a_seed_keeps_the_promises(target):
    kept(target, next(seeds(target)))


@pytest.mark.parametrize("suffix", FORMATS)
@settings(max_examples=25, deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_a_report_or_a_load_error(suffix, data):
    kept(suffix, data)


@st.composite
def damaged(draw, whole):
    """A file cut off, with bits flipped, or with a piece of it put elsewhere or left out."""
    where = st.integers(0, len(whole) - 1)
    match draw(st.sampled_from(["cut", "flip", "splice", "drop"])):
        case "cut":
            return whole[: draw(where)]
        case "flip":
            data = bytearray(whole)
            for place in draw(st.lists(where, min_size=1, max_size=8)):
                data[place] ^= 1 << draw(st.integers(0, 7))
            return bytes(data)
        case "splice":
            start, to, length = draw(where), draw(where), draw(st.integers(1, 600))
            return whole[:to] + whole[start : start + length] + whole[to:]
        case _:
            start, length = draw(where), draw(st.integers(1, 600))
            return whole[:start] + whole[start + length :]


WHOLE = {suffix: next(seeds(suffix)) for suffix in FORMATS}


@pytest.mark.parametrize("suffix", FORMATS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_a_report_or_a_load_error(suffix, data):
    kept(suffix, data.draw(damaged(WHOLE[suffix])))
