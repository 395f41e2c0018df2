from rag.types import Filters, Route
from rag.ui.labels import reminder, report_label, scope_label


def test_what_is_unknown_is_said_to_be_unknown():
    assert report_label(None, None, "a.txt", "zh") == "单位不详 (a.txt) · 年份不详"
    assert report_label("白鹭镇人民政府", 2022, "a.txt", "en") == "白鹭镇人民政府 · 2022"


def test_a_scope_names_regions_offices_and_years():
    filters = Filters(offices=("白鹭镇人民政府",), regions=("云溪区", "北山县"), years=(2022,))
    assert scope_label(filters, "zh") == "云溪区、北山县 · 白鹭镇人民政府 · 2022年"
    assert scope_label(Filters(), "zh") == ""


def test_the_reminder_tells_all_that_is_set_and_nothing_else():
    assert reminder(Filters(years=(2022,)), Route.COUNT, "zh") == "只在以下范围内回答：2022年；回答方式：计数"
    assert reminder(Filters(), Route.COMPARE, "en") == "Way of answering: Comparison"
    assert reminder(Filters(), None, "zh") == ""
