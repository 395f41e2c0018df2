import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opencc import OpenCC

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


# Simplified text in which nearly every character has another traditional form, and some have several.
SENTENCE = st.lists(
    st.sampled_from([
        "全年共办理信访案件", "26", "件", "，结案", "１,６００", "余起", "；围绕着", "卫生、法治建设", "“化积”工作",
        "《台账》", "。显著", "叙述只有", " ABC", "（一）", "头发与发展", "乾隆", "皇后之后", "里程", "云、余、志、征",
        "98.5%", "—",
    ]),
    min_size=1,
    max_size=8,
).map("".join)  # fmt: skip
WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
PUNCTUATION = str.maketrans("，；。（）“”《》—", ',;.()""<>-')
CONVERTERS = {name: OpenCC(name).convert for name in ("s2t", "s2hk", "s2tw")}
VARIANTS = {
    "width": lambda text: text.translate(WIDE),
    "punctuation": lambda text: text.translate(PUNCTUATION),
    "spaces": lambda text: " \u3000".join(text),
    "case": str.swapcase,
    **CONVERTERS,
}


def content_of(text: str, start: int, end: int) -> tuple[int, int]:
    """The part of a cut from its first letter or digit to its last."""
    letters = [start + match.start() for match in re.finditer(r"\w", text[start:end])]
    return (letters[0], letters[-1] + 1) if letters else (start, start)


@settings(deadline=None)
@given(st.one_of(SENTENCE, st.text(max_size=40)), st.data())
def test_every_cut_of_a_paragraph_is_found_exactly_where_it_stands(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    start, end = start + len(text[start:end]) - len(text[start:end].lstrip()), start + len(text[start:end].rstrip())
    quote = text[start:end]
    places = list(occurrences(prepare_quote(quote), text))
    if prepare_quote(quote).core:
        exact = [place for place in places if place[2]]
        assert (start, end, True) in exact or any(a < end and start < b for a, b, _ in exact), "but for overlaps"
    else:
        assert places == []


@settings(deadline=None, max_examples=200)
@given(SENTENCE, st.sampled_from(sorted(VARIANTS)), st.data())
def test_a_cut_written_in_another_way_is_found_as_a_variant_where_it_stands(text, change, data):
    start, end = sorted(data.draw(st.integers(0, len(text))) for _ in range(2))
    written = VARIANTS[change](text)[start:end] if change in CONVERTERS else VARIANTS[change](text[start:end])
    place = content_of(text, start, end)
    if place[0] == place[1]:
        return
    found = list(occurrences(prepare_quote(written), text))
    assert any(a < place[1] and place[0] < b for a, b, _ in found)
    if text.count(text[place[0] : place[1]]) == 1 and written.strip() != text[start:end].strip():
        assert (*place, False) in found


@settings(deadline=None)
@given(st.text("法治政府建設设，。“”１1Ａaé́㎡ \n", max_size=30), st.text("法治政府建設设，。１1Ａaé́㎡ ", max_size=6))
def test_no_place_is_called_exact_that_is_not_and_offsets_cut_the_stored_text(text, quote):
    for start, end, exact in occurrences(prepare_quote(quote), text):
        assert 0 <= start < end <= len(text)
        assert (text[start:end] == quote.strip()) == exact
        assert prepare_quote(text[start:end]).core == prepare_quote(quote).core


@pytest.mark.parametrize("written", ["圍繞著衞生敍述", "圍繞著衛生敘述", "围绕着卫生叙述"])
def test_the_forms_of_hong_kong_and_taiwan_are_known(written):
    assert found(written, "要围绕着卫生叙述") == [("围绕着卫生叙述", written == "围绕着卫生叙述")]
