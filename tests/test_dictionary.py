import pytest

from rag.questions.dictionary import translations


@pytest.mark.parametrize(
    ("phrase", "word"), [("wetland", "湿地"), ("compensated", "赔偿"), ("elevators", "电梯"), ("committees", "委员会")]
)
def test_an_english_word_in_any_form_is_found_in_chinese(phrase, word):
    assert word in translations(phrase)


def test_what_the_dictionary_does_not_know_has_no_translation():
    assert translations("qwertyuiop") == ()
