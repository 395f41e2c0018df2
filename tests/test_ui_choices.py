import pytest
from ui_scripted import REPORTS

from rag.types import Filters, ReportMeta, Route, SectionKind
from rag.ui.choices import NOTHING_CHOSEN, Choices, inventory, kind_names, known_choices, route_names


def test_what_the_fields_hold_becomes_filters_and_a_route():
    choices = Choices.read(["松岭街道办事处"], [2023], ["云溪区"], "count")
    assert choices == Choices(Filters(offices=("松岭街道办事处",), years=(2023,), regions=("云溪区",)), Route.COUNT)


def test_kinds_of_section_become_a_filter_and_come_back():
    choices = Choices.read([], [], [], "auto", ["plan", "problems", "no such kind"])
    assert choices.filters.section_kinds == (SectionKind.PROBLEMS, SectionKind.PLAN)
    assert choices.values(Filters()) == ([], [], [], "auto", ["problems", "plan"], False)
    assert [value for _, value in kind_names("zh")] == ["measures", "problems", "leadership", "plan"]


@pytest.mark.parametrize("fields", [NOTHING_CHOSEN, (None, None, None, None), ([], [], [], "refused")])
def test_untouched_and_emptied_fields_restrict_nothing(fields):
    assert Choices.read(*fields) == Choices(Filters(), None)


def test_the_ways_of_answering_are_offered_in_both_languages():
    assert [name for name, _ in route_names("zh")] == ["自动", "段落", "普查", "计数", "比较"]
    assert [value for _, value in route_names("en")] == ["auto", "passage", "survey", "count", "compare"]


def test_offices_years_and_regions_come_from_the_reports():
    known = known_choices([report.meta for report in REPORTS])
    assert known == Filters(offices=("松岭街道办事处", "白鹭镇人民政府"), years=(2023, 2022), regions=("云溪区",))


def test_offices_of_one_name_in_two_regions_count_as_two():
    metas = [
        ReportMeta(f"{number}" * 12, "a.txt", office="云溪街道办事处", region=region, year=2023)
        for number, region in enumerate(("临江区", "北山县", None))
    ]
    assert inventory(metas, "en") == "3 reports · 2 offices · 2023"
