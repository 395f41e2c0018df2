"""What a report tells about itself, and what the user knows better."""

from datetime import date
from pathlib import Path

import pytest

from rag.errors import MetadataError
from rag.structure import (
    MetaOverrides,
    canonical_office,
    office_names,
    office_variants,
    parse_report,
    read_metadata_csv,
)
from rag.types import Block, Document, ReportMeta


def meta(*lines: str, title: str | None = None, overrides: MetaOverrides | None = None) -> ReportMeta:
    blocks = tuple(Block(line) for line in lines)
    return parse_report(Document("report.txt", "txt", blocks, title=title), overrides).meta


def test_a_title_over_two_lines_is_one() -> None:
    found = meta("临江街道党工委      临江街道办事处", "关于2023年度法治政府建设情况的报告", "临江街道认真工作。")
    assert found.title == "临江街道党工委 临江街道办事处关于2023年度法治政府建设情况的报告"
    assert (found.office, found.year) == ("临江街道办事处", 2023)


@pytest.mark.parametrize(
    ("title", "office", "region"),
    [
        ("江北区临江街道办事处2023年法治政府建设报告", "临江街道办事处", "江北区"),
        ("中共南陵市东湖街道工作委员会关于2023年法治建设的报告", "东湖街道办事处", "南陵市"),
        ("平川市江北区人民政府临江街道办事处2023年度报告", "临江街道办事处", "江北区"),
        ("枣河市市中区市中街道2023年依法行政报告", "市中街道办事处", "市中区"),
        ("安平县青山镇人民政府2023年度法治政府建设报告", "青山镇人民政府", "安平县"),
        ("柳林乡2023年度法治政府建设情况报告", "柳林乡人民政府", None),
        ("云岭县白石彝族乡人民政府2023年度报告", "白石彝族乡人民政府", "云岭县"),
        ("朝晖区北营地区办事处2023年度报告", "北营地区办事处", "朝晖区"),
        ("江北區臨江街道辦事處2023年度報告", "临江街道办事处", "江北区"),
        ("各街道办事处2023年法治政府建设报告", None, None),
    ],
)
def test_office_and_region_come_from_the_title(title: str, office: str | None, region: str | None) -> None:
    found = meta(title, "有关情况报告如下。")
    assert (found.office, found.region) == (office, region)


def test_signature_tells_office_region_and_date() -> None:
    found = meta("关于法治政府建设的报告", "2023年，街道认真工作。", "南陵市东湖街道办事处", "二〇二四年一月十五日")
    assert (found.office, found.region, found.issued) == ("东湖街道办事处", "南陵市", date(2024, 1, 15))
    assert found.year == 2023


def test_the_region_may_stand_in_the_salutation() -> None:
    found = meta("东湖街道2023年法治政府建设报告", "江北区人民政府：", "现将有关情况报告如下。")
    assert found.region == "江北区"


def test_a_signature_with_a_date_behind_it_or_in_brackets_is_read() -> None:
    for line in ("东湖街道办事处二○二四年一月五日", "（东湖街道办事处 2024年1月5日）", "东湖街道办事处　2024年1月5日"):
        found = meta("2023年法治政府建设报告", "街道认真工作。", line)
        assert (found.office, found.issued) == ("东湖街道办事处", date(2024, 1, 5)), line


def test_the_office_that_the_text_keeps_naming_is_its_own() -> None:
    found = meta("一、工作情况", "东湖街道办案3件。", "市里表扬了三个单位。东湖街道名列第一。")
    assert found.office == "东湖街道办事处"


def test_offices_named_in_passing_are_not_the_reports_own() -> None:
    found = meta("2023年，我街道学习西门街道、东门街道经验，与北门街道联合执法。", "一、工作情况", "与东门街道共建。")
    assert found.office is None
    assert "office unknown" in found.notes


@pytest.mark.parametrize(
    ("lines", "year"),
    [
        (("２０２３年度法治政府建设报告", "2024年1月召开会议。"), 2023),
        (("二〇二三年法治政府建设报告", "街道认真工作。"), 2023),
        (("法治政府建设报告", "2024年1月，街道召开会议。现将2023年度工作情况报告如下。"), 2023),
        (("法治政府建设报告", "街道落实《实施纲要（2021—2025年）》，2023年取得成效。"), 2023),
        (("法治政府建设报告", "现将2022年工作情况和2023年工作计划报告如下："), 2022),
        (("法治政府建设报告", "自2019年以来，街道持续推进。2022年，街道办案3件。"), 2022),
        (
            (
                "一、工作情况",
                "2022年办案3件，2022年培训2次，2021年为1次。",
                "二、下一步打算",
                "2023年、2023年、2023年继续。",
            ),
            2022,
        ),
        (("法治政府建设报告", "街道认真工作。"), None),
        (("2021—2025年法治政府建设中期报告", "2023年办案3件。"), None),
    ],
)
def test_the_year_is_the_one_reported_on(lines: tuple[str, ...], year: int | None) -> None:
    assert meta(*lines).year == year


def test_what_is_not_told_is_unknown_and_said_so() -> None:
    found = meta("街道认真工作，取得成效。")
    assert (found.title, found.office, found.region, found.year, found.issued) == (None,) * 5
    assert found.notes == ("title unknown", "office unknown", "region unknown", "year unknown")


def test_the_pages_own_title_serves_where_the_text_has_none() -> None:
    assert meta("街道认真工作。", title="东湖街道2023年法治报告_某区人民政府").title == "东湖街道2023年法治报告"
    assert meta("街道认真工作。", title="无标题文档").title is None


def test_overrides_win_and_leave_the_id_alone() -> None:
    lines = ("东湖街道2023年度法治政府建设报告", "街道认真工作。")
    given = MetaOverrides(office="临江街道办", region="江北区", year=2022, issued=date(2023, 1, 5))
    found = meta(*lines, overrides=given)
    assert (found.office, found.region, found.year, found.issued) == (
        "临江街道办事处",
        "江北区",
        2022,
        date(2023, 1, 5),
    )
    assert found.id == meta(*lines).id
    assert "临江街道党工委" in found.office_variants
    assert found.notes == ()


def test_an_office_has_many_forms_and_one_canonical_name() -> None:
    assert office_variants("新华街道办事处")[0] == "新华街道办事处"
    assert {"新华街道", "新华街道办", "新华街道党工委", "新华办事处"} < set(office_variants("新华街道办事处"))
    assert {"青山镇", "青山镇政府", "青山镇党委"} < set(office_variants("青山镇人民政府"))
    for form in office_variants("新华街道办事处"):
        assert canonical_office(form) == "新华街道办事处"
    assert canonical_office("解放区新华街道办") == "新华街道办事处"
    assert canonical_office("司法局") is None


def test_words_that_only_look_like_offices_name_none() -> None:
    for text in ("我街道", "全街道各部门", "各乡镇", "哪些街道", "兄弟街道", "城镇", "这几个街道"):
        assert office_names(text) == [], text


def test_office_names_know_where_they_stand() -> None:
    text = "据悉，江北区临江街道办事处办案3件。"
    (found,) = office_names(text)
    assert text[found.start : found.end] == "江北区临江街道办事处"


def write(tmp_path: Path, content: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "metadata.csv"
    path.write_bytes(content.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_csv_is_read_in_any_order_and_either_language(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "年份,文件,单位,日期\n2023,a.txt,东湖街道,2024年1月5日\n,b.txt,,\n", encoding)
    assert read_metadata_csv(path) == {
        "a.txt": MetaOverrides(office="东湖街道", year=2023, issued=date(2024, 1, 5)),
        "b.txt": MetaOverrides(),
    }


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("file,year\na.txt,twenty\n", ["row 2", "'year'", "'twenty'", "2023"]),
        ("file,issued\na.txt,soon\n", ["row 2", "'issued'", "'soon'"]),
        ("file,colour\na.txt,red\n", ["row 1", "'colour'", "office"]),
        ("office\n东湖街道\n", ["row 1", "'file'"]),
        ("file,year\n,2023\n", ["row 2", "'file'"]),
        ("file,year\na.txt,2023\na.txt,2022\n", ["row 3", "'a.txt'", "twice"]),
        ("file,title\na.txt,one, two\n", ["row 2", "quotes"]),
        ("", ["empty"]),
    ],
)
def test_an_unusable_csv_says_where_and_what_to_do(tmp_path: Path, content: str, names: list[str]) -> None:
    path = write(tmp_path, content)
    with pytest.raises(MetadataError) as raised:
        read_metadata_csv(path)
    for name in [str(path), *names]:
        assert name in str(raised.value)


def test_a_missing_csv_is_named(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match="nowhere.csv"):
        read_metadata_csv(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("title", "office"),
    [
        ("2024年三岔梁镇法治政府建设年度报告", "三岔梁镇人民政府"),
        ("2023年度青石街道法治政府建设情况报告", "青石街道办事处"),
        ("二〇二二年石门镇法治政府建设工作报告", "石门镇人民政府"),
        ("二零二三年石门镇法治政府建设工作报告", "石门镇人民政府"),
        ("年家桥镇2023年法治政府建设情况报告", "年家桥镇人民政府"),
    ],
)
def test_the_year_before_an_offices_name_is_no_part_of_it(title, office):
    assert [found.canonical for found in office_names(title)] == [office]


@pytest.mark.parametrize(
    ("text", "office", "region"),
    [
        ("石景山区古城街道办事处", "古城街道办事处", "石景山区"),
        ("北京市房山区拱辰街道", "拱辰街道办事处", "房山区"),
        ("荆州市沙市区中山路街道", "中山路街道办事处", "沙市区"),
        ("诸城市密州街道", "密州街道办事处", "诸城市"),
        ("天门市竟陵街道", "竟陵街道办事处", "天门市"),
        ("关于报送靠河街道办事处2021年法治政府建设情况的报告", "靠河街道办事处", None),
        ("关于呈报石门镇2022年法治政府建设情况的报告", "石门镇人民政府", None),
    ],
)
def test_regions_whose_names_end_like_common_words_are_regions(text, office, region):
    assert [(found.canonical, found.region) for found in office_names(text)] == [(office, region)]


@pytest.mark.parametrize("text", ["全市街道", "城市街道", "市区街道", "各县市区街道"])
def test_common_words_before_an_ending_name_no_office(text):
    assert office_names(text) == []
