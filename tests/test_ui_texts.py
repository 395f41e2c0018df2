import string

import pytest

from rag.types import Route, Verdict
from rag.ui.texts import language_of, load_texts, say


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("de-DE,de;q=0.9,en;q=0.8,zh;q=0.7", "en"),
        ("en;q=0.2, zh-TW;q=0.7", "zh"),
        ("zh;q=0, en;q=0.1", "en"),
        ("en;q=nonsense", "zh"),
        ("fr", "zh"),
        ("", "zh"),
        (None, "zh"),
    ],
)
def test_interface_language_follows_the_browser(header, language):
    assert language_of(header) == language


def test_every_text_exists_in_both_languages_with_the_same_places():
    for key, text in load_texts().items():
        if key.startswith("examples_"):
            continue
        assert set(text) == {"zh", "en"}, key
        places = [{name for _, name, _, _ in string.Formatter().parse(text[language]) if name} for language in text]
        assert places[0] == places[1], key


def test_every_route_and_verdict_has_words():
    for language in ("zh", "en"):
        assert all(say(f"route_{route}", language) for route in Route)
        assert all(say(f"verdict_{verdict}", language) for verdict in Verdict)
