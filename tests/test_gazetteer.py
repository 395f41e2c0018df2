"""Names are found as if each were looked for by itself."""

from hypothesis import given
from hypothesis import strategies as st

from rag.folding import fold
from rag.questions.gazetteer import (
    Gazetteer,
    _english_name_pattern,
    _english_region_pattern,
    _name_pattern,
    _region_name,
    _region_stem,
    short_name,
)
from rag.types import ReportMeta

KINDS = ("街道办事处", "镇人民政府", "乡人民政府")
OFFICES = st.builds(
    lambda name, kind: name + kind, st.text("青石长埠云", min_size=1, max_size=3), st.sampled_from(KINDS)
)
REGIONS = st.one_of(st.none(), st.builds(lambda name: name + "区", st.text("临江北山", min_size=1, max_size=2)))
TEXTS = st.lists(
    st.sampled_from(
        [*"青石长埠云临江北山区镇乡办", "街道", "街道办事处", "Qing", "shi ", "changbu", "Zhangbu ", "Linjiang", " "]
    ),
    max_size=10,
).map("".join)


@st.composite
def metas(draw):
    pairs = draw(st.lists(st.tuples(OFFICES, REGIONS), max_size=6))
    return [
        ReportMeta(f"{number:012}", "a.txt", None, office, (short_name(office),), region, 2020 + number)
        for number, (office, region) in enumerate(pairs)
    ]


@given(metas(), TEXTS)
def test_offices_are_found_as_if_each_were_looked_for_by_itself(metas, text):
    folded = fold(text)
    last = {(meta.office, meta.region): meta for meta in metas}.values()
    expected = [
        (*match.span(), meta.id)
        for meta in last
        for pattern in (
            _name_pattern(meta.office, meta.office_variants),
            _english_name_pattern(short_name(meta.office)),
        )
        for match in pattern.finditer(folded)
    ]
    found = [(span.start, span.end, span.meta.id) for span in Gazetteer(metas).offices_in(folded)]
    assert sorted(found) == sorted(expected)


@given(metas(), TEXTS)
def test_regions_are_found_as_if_each_were_looked_for_by_itself(metas, text):
    folded = fold(text)
    expected = {}
    for region in {meta.region for meta in metas if meta.region}:
        patterns = (_region_name(region).written(), _english_region_pattern(_region_stem(region)))
        if spans := [match.span() for pattern in patterns for match in pattern.finditer(folded)]:
            expected[region] = spans
    assert Gazetteer(metas).regions_in(folded) == expected


def test_of_two_names_that_begin_alike_only_the_one_that_stands_there_is_found():
    metas = [
        ReportMeta(str(n), "a.txt", None, f"{name}街道办事处", (), None, 2023)
        for n, name in enumerate(("青石", "青石桥"))
    ]
    (span,) = Gazetteer(metas).offices_in("青石街道")
    assert span.meta.office == "青石街道办事处"
    assert {span.meta.office for span in Gazetteer(metas).offices_in("青石桥街道")} == {
        "青石街道办事处",
        "青石桥街道办事处",
    }
