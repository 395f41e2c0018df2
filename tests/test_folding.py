from hypothesis import given
from hypothesis import strategies as st

from rag.folding import fold


def test_width_script_and_case_are_folded():
    assert fold("行政執法權１２件％ＡＢ") == "行政执法权12件%ab"


def test_quotation_marks_of_all_sorts_become_one():
    assert fold("“四个一”「四个一」") == '"四个一""四个一"'


@given(st.text())
def test_the_length_never_changes(text):
    assert len(fold(text)) == len(text)


@given(st.text())
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)
