import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.citations import CitationAddress, Marker, cut_citation, parse_citation_id
from rag.errors import CitationError


@given(st.integers(1, 9999), st.integers(0, 9999), st.integers(1, 9999))
def test_a_citation_id_comes_back(paragraph, start, length):
    address = CitationAddress("3f9ac1d2b07e", paragraph, start, start + length)
    assert parse_citation_id(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", "14", "3f9ac1d2b07e-p14", "3f9ac1d2b07e-p14-s9-e3", "XYZ-p1-s0-e2", "../etc/passwd"]
)
def test_what_is_no_id_is_told_with_an_example(text):
    with pytest.raises(CitationError, match="3f9ac1d2b07e-p14-s120-e141"):
        parse_citation_id(text)


def test_a_quote_is_cut_from_the_paragraph(tell):
    told = tell("青石", 2023, ("measures", "全年受理26件。"))
    citation = cut_citation(told.meta, told.paragraphs[0], 2, 7)
    assert citation.quote == told.paragraphs[0].text[2:7] == "受理26件"


def test_offsets_outside_the_paragraph_are_refused(tell):
    told = tell("青石", 2023, ("measures", "全年受理26件。"))
    with pytest.raises(CitationError, match="8 characters"):
        cut_citation(told.meta, told.paragraphs[0], 2, 99)


def test_one_place_has_one_marker(tell):
    told = tell("青石", 2023, ("measures", "全年受理26件。"))
    marker = Marker()
    numbers = [marker.cite(told.meta, told.paragraphs[0], start, 7) for start in (2, 0, 2)]
    assert numbers == [1, 2, 1]
    assert [citation.marker for citation in marker.citations] == [1, 2]
