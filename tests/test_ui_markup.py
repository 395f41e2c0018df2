from hypothesis import example, given
from hypothesis import strategies as st
from ui_scripted import HOSTILE, Reader

from rag.ui.markup import escape, prose, tag

TABLE = {"div", "table", "thead", "tbody", "tr", "th", "td"}
TAGS = {"p", "h4", "ul", "ol", "li", "blockquote", "strong", "span", "button", *TABLE}
ATTRIBUTES = {"class", "value", "role", "tabindex", "aria-label", "scope"}


@given(st.text(st.characters(exclude_characters="\r\0")))  # HTML itself has no way to write these two
def test_escaped_text_reads_as_itself_and_holds_no_element(text):
    reader = Reader(f"<p>{escape(text)}</p>")
    assert reader.text == text
    assert [name for name, _ in reader.tags] == ["p"]


@given(st.text(alphabet="${}`\\<>&\"' a"))
def test_escaped_text_holds_no_mark_of_html_or_templates(text):
    assert not set(escape(text)) & set("${}`\\<>\"'")


@given(st.text())
def test_an_attribute_cannot_be_left(text):
    assert Reader(tag("p", title=text)).tags == [("p", {"title": text})]


@given(st.text(alphabet="<>[]()*#->.`1 2\n&;\"'ab$|:\\", max_size=60))
@example("|a|<b>|\n|-|-|\n|[1]|<script>|\n")
def test_prose_of_any_answer_is_well_nested_and_holds_only_its_own_elements(text):
    reader = Reader(prose(text, {1: tag("button", "1")}))
    assert reader.open == []
    assert {name for name, _ in reader.tags} <= TAGS
    assert all(set(attributes) <= ATTRIBUTES for _, attributes in reader.tags)


def test_hostile_text_shows_as_text():
    reader = Reader(prose(HOSTILE, {}))
    assert reader.text == HOSTILE
    assert [name for name, _ in reader.tags] == ["p"]


def test_markers_become_buttons_and_unknown_ones_stay_text():
    html = prose("依据充分。[1][7]", {1: '<button data-citation="x">1</button>'})
    assert html == '<p>依据充分<span class="together">。<button data-citation="x">1</button>[7]</span></p>'


def test_an_answer_keeps_its_paragraphs_lists_quotes_and_bold():
    html = prose("### 结论\n**两条：**\n\n- 甲\n- 乙\n\n2. 丙\n> 原文", {})
    assert html == (
        "<h4>结论</h4><p><strong>两条：</strong></p><ul><li>甲</li><li>乙</li></ul>"
        '<ol><li value="2">丙</li></ol><blockquote>原文</blockquote>'
    )


def test_a_pipe_table_becomes_a_table_with_its_markers_inside():
    markdown = (
        "结论。\n\n| 单位 | 数字 | 依据 |\n|---|:--:|--:|\n| 甲 | **3件** | [1] |\n| 乙 | 未披露 |  |\n\n- “原文”"
    )
    html = prose(markdown, {1: '<button data-citation="x">1</button>'}, "表格")
    assert html == (
        '<p>结论。</p><div class="table" role="region" tabindex="0" aria-label="表格"><table><thead><tr>'
        '<th scope="col">单位</th><th scope="col">数字</th><th scope="col">依据</th></tr></thead><tbody>'
        "<tr><td>甲</td><td><strong>3件</strong></td>"
        '<td><span class="together"><button data-citation="x">1</button></span></td></tr>'
        "<tr><td>乙</td><td>未披露</td><td></td></tr></tbody></table></div><ul><li>“原文”</li></ul>"
    )


def test_a_bar_alone_makes_no_table_and_unequal_rows_lose_nothing():
    assert prose("| 只有一行 |", {}) == "<p>| 只有一行 |</p>"
    reader = Reader(prose("| a | b |\n|---|---|\n| 1 |\n| 1 | 2 | 3 \\| 4 |", {}))
    assert [name for name, _ in reader.tags].count("td") == 6
    assert reader.text == "ab1123 | 4"


@given(st.lists(st.text(alphabet="<>&\"'$[1]甲 *", max_size=8), min_size=1, max_size=4))
def test_every_cell_reads_as_written(cells):
    line = "| " + " | ".join(cells) + " |"
    reader = Reader(prose(f"| x |\n|---|\n{line}", {}))
    assert {name for name, _ in reader.tags} <= TAGS
    assert "".join(reader.text.split()).replace("*", "") == "x" + "".join("".join(cells).split()).replace("*", "")
