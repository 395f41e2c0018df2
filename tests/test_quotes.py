from hypothesis import given
from hypothesis import strategies as st

from rag.quotes import occurrences, prepare_quote

PARAGRAPH = "全年共办理信访案件26件，结案20件，“化积”工作１６起。"


def found(quote: str, paragraph: str = PARAGRAPH) -> list[tuple[str, bool]]:
    return [(paragraph[start:end], exact) for start, end, exact in occurrences(prepare_quote(quote), paragraph)]


def test_an_exact_quote_is_exact():
    assert found("结案20件") == [("结案20件", True)]


def test_width_punctuation_spaces_and_script_may_differ():
    assert found('"化积"工作 16起') == [("化积”工作１６起", False)]
    assert found("信訪案件26件,結案20件") == [("信访案件26件，结案20件", False)]


def test_another_number_is_another_quote():
    assert found("结案21件") == []


def test_a_quote_without_letters_is_found_nowhere():
    assert found("，。") == []


@given(st.text(alphabet="法治政府建设，。“”１２3 "), st.data())
def test_every_cut_of_a_paragraph_with_content_is_found_exactly(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    quote = text[start:end].strip()
    if prepare_quote(quote).core:
        assert (quote, True) in found(quote, text)
