from hypothesis import given
from hypothesis import strategies as st

from rag.retrieval.fusion import fuse, spread


def test_what_both_lists_rank_high_comes_first():
    assert list(fuse([(1.0, ["a", "b", "c"]), (1.0, ["b", "a", "d"]), (1.0, ["b"])]))[0] == "b"


def test_an_empty_list_does_not_outvote_the_other():
    assert list(fuse([(1.0, ["a", "b"]), (5.0, [])])) == ["a", "b"]


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers()), unique=True), st.integers(1, 4), st.integers(1, 9))
def test_spreading_holds_back_and_loses_nothing_that_fits(items, most, wanted):
    taken = spread(items, lambda item: item[0], most, wanted)
    assert len(taken) == min(wanted, len(items))
    assert set(taken) <= set(items)


def test_one_report_does_not_crowd_the_others_out():
    ranked = [("x", 1), ("x", 2), ("x", 3), ("y", 1), ("z", 1)]
    assert spread(ranked, lambda item: item[0], 1, 3) == [("x", 1), ("y", 1), ("z", 1)]
