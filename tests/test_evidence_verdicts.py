"""Verdicts: what a report says follows from its strongest statements; silence is never a denial."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evidence import Score, Thresholds, confidence, verdict
from rag.evidence.scripted import certain
from rag.types import Verdict

THRESHOLDS = Thresholds(yes=0.5, no=0.4, mixed=0.65, review=0.25)


DECIDED = (Verdict.YES, Verdict.NO, Verdict.MIXED)


def score(yes: float = 0.0, no: float = 0.0, planned: float = 0.0) -> Score:
    return Score(1 - yes - no - planned, 0.0, yes, no, planned, (0, 1))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], Verdict.NOT_MENTIONED),
        ([score(yes=0.2), score(no=0.2)], Verdict.NOT_MENTIONED),
        ([score(yes=0.1), score(yes=0.6)], Verdict.YES),
        ([score(no=0.45)], Verdict.NO),
        ([score(yes=0.7), score(no=0.7)], Verdict.MIXED),
        ([score(yes=0.6), score(no=0.55)], Verdict.YES),
        ([score(yes=0.6), score(no=0.62)], Verdict.NO),
        ([score(yes=0.35), score(no=0.45)], Verdict.NO),
        ([score(yes=0.3)], Verdict.NEEDS_REVIEW),
        ([score(planned=0.99)], Verdict.NOT_MENTIONED),
        ([certain("near", (0, 1))], Verdict.NOT_MENTIONED),
    ],
)
def test_the_strongest_statements_decide(scores, expected):
    assert verdict(scores, THRESHOLDS) is expected


probabilities = st.floats(0, 1).flatmap(lambda yes: st.floats(0, 1 - yes).map(lambda no: score(yes, no)))


@given(st.lists(probabilities, max_size=8), probabilities)
def test_a_further_statement_never_takes_a_verdict_back(scores, more):
    before, after = verdict(scores, THRESHOLDS), verdict([*scores, more], THRESHOLDS)
    if before in DECIDED:
        assert after in DECIDED


@given(st.lists(probabilities, max_size=8))
def test_confidence_is_a_probability(scores):
    assert 0 <= confidence(scores, verdict(scores, THRESHOLDS)) <= 1


def test_confidence_speaks_for_the_verdict_given():
    assert confidence([score(yes=0.9), score(no=0.1)], Verdict.YES) == 0.9
    assert confidence([score(yes=0.9), score(no=0.6)], Verdict.MIXED) == 0.6
    assert confidence([], Verdict.NOT_MENTIONED) == 1
