from ui_scripted import ATTACK, HOSTILE, LACKS, REPORTS, Reader, ScriptedAssistant

from rag.ui.sources import source_html


def opened(**request):
    return source_html(ScriptedAssistant(), {"language": "zh", **request})


def test_a_citation_opens_in_its_paragraph_with_the_quote_marked():
    html = opened(citation=LACKS.id)
    assert html.count("<mark>") == 1
    assert f"噪声扰民的投诉，<mark>{LACKS.quote}</mark></p>" in html


def test_the_panel_names_office_region_year_title_section_paragraph_file_and_id():
    text = Reader(opened(citation=LACKS.id)).text
    for expected in (
        "松岭街道办事处 · 2023年", "标题松岭街道办事处2023年法治政府建设情况报告", "地区云溪区",
        "章节二、存在的不足和原因 › 第 6 段", "文件songling.docx", LACKS.id,
    ):  # fmt: skip
        assert expected in text


def test_neighbours_are_readable_and_the_whole_report_on_request():
    part, whole = Reader(opened(citation=LACKS.id)).text, Reader(opened(citation=LACKS.id, whole=True)).text
    assert "办结率100%" in part and "专职法治人员只有1名" in part
    assert "法治讲座18场" not in part
    assert all(paragraph.text in whole for paragraph in REPORTS[0].paragraphs)


def test_the_citation_id_can_be_copied():
    copying = [found for name, found in Reader(opened(citation=LACKS.id)).tags if "data-copy" in found]
    assert [button["data-copy"] for button in copying] == [LACKS.id]


def test_a_hostile_report_shows_as_text():
    reader = Reader(opened(citation=ATTACK.id, whole=True))
    assert HOSTILE in reader.text
    assert not {name for name, _ in reader.tags} & {"script", "img"}
    links = [found["href"] for name, found in reader.tags if name == "a"]
    assert links == [f"/reports/{ATTACK.report_id}#p{ATTACK.paragraph}"], "the page's own link, none of the report's"


def test_a_citation_that_points_nowhere_is_told_kindly_and_escaped():
    reader = Reader(opened(citation="<img src=x onerror=alert(1)>"))
    assert reader.text.startswith("找不到这条引用")
    assert "img" not in {name for name, _ in reader.tags}


def test_without_a_citation_the_panel_says_what_it_is_for():
    assert "点击回答中的编号" in opened(citation="")
    assert "Select a number" in source_html(ScriptedAssistant(), {"language": "en"})
