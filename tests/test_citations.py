import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.citations import CitationAddress, Marker, cut_citation, parse_citation_id
from rag.errors import CitationError, MalformedCitation
from rag.types import Paragraph, ReportMeta, SectionKind

PLACES = st.tuples(st.integers(1, 10**9 - 1), st.integers(0, 10**9 - 2), st.integers(1, 10**9 - 1)).filter(
    lambda place: place[1] < place[2]
)
REPORT_IDS = st.text("0123456789abcdef", min_size=12, max_size=12)


@given(REPORT_IDS, PLACES, st.sampled_from(["{}", " {}\n"]))
def test_a_citation_id_comes_back(report_id, place, written):
    address = CitationAddress(report_id, *place)
    assert parse_citation_id(written.format(address)) == address


@given(REPORT_IDS, PLACES, st.data())
def test_an_id_with_one_character_changed_is_another_place_or_malformed_and_never_the_same(report_id, place, data):
    written = str(CitationAddress(report_id, *place))
    position = data.draw(st.integers(0, len(written) - 1))
    other = data.draw(st.characters().filter(lambda character: character != written[position]))
    changed = written[:position] + other + written[position + 1 :]
    if changed.strip() != changed:
        return
    try:
        address = parse_citation_id(changed)
    except CitationError as error:
        assert isinstance(error, MalformedCitation) or "ends before it begins" in str(error)
    else:
        assert str(address) == changed


@given(st.one_of(st.text(), st.from_regex(r"[0-9a-f]{11,13}-p[\d٣]{1,11}-s[\d１]{1,11}-e\d{1,11}", fullmatch=True)))
@example("3f9ac1d2b07e-p１4-s120-e141")
@example("3f9ac1d2b07e-p014-s120-e141")
@example("3f9ac1d2b07e-p0-s120-e141")
@example("3f9ac1d2b07e-p14-s120-e141\x00")
def test_any_text_is_an_id_in_its_one_form_or_malformed(text):
    try:
        assert str(parse_citation_id(text)) == text.strip()
    except CitationError as error:
        assert isinstance(error, MalformedCitation) or "ends before it begins" in str(error)


@given(st.text(max_size=30), st.integers(-5, 40), st.integers(-5, 40))
def test_a_cut_citation_quotes_its_paragraph_or_is_refused(text, start, end):
    meta = ReportMeta("3f9ac1d2b07e", "a.txt")
    paragraph = Paragraph(1, text, "body", None, (), SectionKind.OTHER)
    if 0 <= start < end <= len(text):
        citation = cut_citation(meta, paragraph, start, end)
        assert citation.quote == text[start:end]
        assert parse_citation_id(citation.id) == CitationAddress(meta.id, 1, start, end)
    else:
        with pytest.raises(CitationError, match="outside"):
            cut_citation(meta, paragraph, start, end)


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
    numbers = [marker.cite(told.meta, told.paragraphs[0], start, 7).marker for start in (2, 0, 2)]
    assert numbers == [1, 2, 1]
    assert [citation.marker for citation in marker.citations] == [1, 2]
