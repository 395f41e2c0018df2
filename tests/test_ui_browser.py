"""The page in a real browser, over scripted answers."""

import re
import socket
import threading

import pytest
import uvicorn
from fastapi import FastAPI
from ui_browser import ask, begin, chromium, clipped, overflow, wait_in_view, watched_page
from ui_scripted import HOSTILE, LACKS, ScriptedAssistant

from rag.settings import load_settings
from rag.types import Route
from rag.ui import mount_page

pytestmark = pytest.mark.browser

# The checks of axe-core's rules "button-name", "label" and "scrollable-region-focusable", and that an id stands once.
NAMELESS = """() => {
    const named = (part) => part.ariaLabel || part.title || part.innerText?.trim() || part.labels?.length
        || part.getAttribute('aria-labelledby');
    const seen = [...document.querySelectorAll('button, input, textarea, select, [role=region], [role=img], summary')]
        .filter((part) => part.checkVisibility() && part.type !== 'file');
    const wide = [...document.querySelectorAll('#chat .table')].filter((part) => part.tabIndex !== 0);
    const ids = [...document.querySelectorAll('.answer [id], #source [id]')].map((part) => part.id);
    const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
    return [...seen.filter((part) => !named(part)), ...wide].map((part) => part.outerHTML.slice(0, 300)).concat(twice);
}"""


class PausingAssistant(ScriptedAssistant):
    """Stops in mid-answer until let go, so that a test can look at the half answer."""

    go_on = threading.Event()

    def stream(self, question, **options):
        for number, piece in enumerate(super().stream(question, **options)):
            if number == 3 and "暂停" in question:
                assert self.go_on.wait(30)
            yield piece


@pytest.fixture(scope="module")
def assistant():
    return PausingAssistant()


@pytest.fixture(scope="module")
def url(assistant):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            mount_page(FastAPI(), assistant, load_settings()), log_level="error", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


def test_a_question_sent_while_another_is_answered_is_kept_and_can_be_sent_afterwards(browser, url, assistant):
    assistant.go_on.clear()
    with watched_page(browser, url) as page:
        box = begin(page, "暂停：哪些街道不具备行政执法权？")
        box.fill("它们分属哪里？")
        box.press("Enter")
        page.get_by_text("上一个问题还在回答").wait_for()
        assert box.input_value() == "它们分属哪里？"
        assistant.go_on.set()
        page.locator(".answer:not([aria-busy])").wait_for()
        box.press("Enter")
        page.locator(".answer:not([aria-busy])").nth(1).wait_for()
        assert len(assistant.asked[-1][2]) == 1


def test_an_answer_streams_and_a_marker_opens_its_paragraph_with_the_quote_highlighted(browser, url, assistant):
    assistant.go_on.clear()
    with watched_page(browser, url) as page:
        page.get_by_label("问题").fill("暂停：哪些街道不具备行政执法权？")
        page.get_by_role("button", name="发送").click()
        growing = page.locator(".answer[aria-busy]", has_text="3份报告")
        growing.wait_for()
        assert page.locator("button.marker").count() == 0
        assistant.go_on.set()
        page.locator(".answer .marker").first.click()
        assert page.locator("#source mark").inner_text() == LACKS.quote
        wait_in_view(page.locator("#source mark"))
        assert page.evaluate("window.scrollY") == 0
        assert page.locator("#source .text p").count() == 4
        page.locator("#source-heading:focus").wait_for()
        page.get_by_role("button", name="阅读全文").click()
        page.get_by_text("全年组织法治讲座18场").wait_for()
        page.keyboard.press("Escape")
        page.locator("#source .hint").wait_for()
        page.locator(".answer .marker:focus").wait_for()


def test_the_page_speaks_the_browsers_language_and_can_be_switched(browser, url):
    with watched_page(browser, url, locale="en-GB") as page:
        page.get_by_role("heading", name="Rule-of-law report answers").wait_for()
        page.locator("button.example").first.click()
        page.get_by_text("1 of 3 reports says so:").wait_for()
        page.get_by_text("Verdict for every report").click()
        page.get_by_role("rowheader", name="松岭街道办事处 (云溪区)").wait_for()
        page.get_by_label("中文").check()
        page.get_by_role("heading", name="法治政府建设报告问答").wait_for()
        page.wait_for_function("document.documentElement.lang === 'zh-CN'")


def test_filters_restrict_the_question_and_are_recalled_until_cleared(browser, url, assistant):
    with watched_page(browser, url) as page:
        page.get_by_label("限定单位").click()
        page.get_by_role("option", name="白鹭镇人民政府").click()
        page.get_by_text("只在以下范围内回答：白鹭镇人民政府").wait_for()
        page.keyboard.press("Escape")
        ask(page, "哪些街道不具备行政执法权？")
        assert assistant.asked[-1][1].offices == ("白鹭镇人民政府",)
        page.get_by_text("范围：白鹭镇人民政府", exact=False).last.wait_for()
        page.get_by_role("button", name="恢复默认").click()
        page.get_by_text("只在以下范围内回答").wait_for(state="hidden")


def test_history_goes_with_the_next_question_until_the_conversation_is_cleared(browser, url, assistant):
    with watched_page(browser, url) as page:
        ask(page, "哪些街道不具备行政执法权？")
        ask(page, "它们分属哪里？")
        wait_in_view(page.locator("#chat .user .message-content").last)
        assert clipped(page) == []
        wait_in_view(page.locator(".answer").last.locator("strong"))
        assert [turn.question for turn in assistant.asked[-1][2]] == ["哪些街道不具备行政执法权？"]
        with page.expect_response(re.compile("/queue/join")):
            page.get_by_role("button", name="新问答").click()
        page.locator("button.example").first.wait_for()
        ask(page, "哪些街道不具备行政执法权？")
        assert assistant.asked[-1][2] == ()


def test_a_hostile_report_shows_as_text(browser, url):
    with watched_page(browser, url) as page:
        ask(page, "<img src=x onerror='window.hacked=1'> ${window.hacked=1} {{constructor}}")
        assert page.locator("#chat .user .message-content").inner_text().startswith("<img src=x")
        page.locator("button.source").click()
        assert page.locator("#source mark").inner_text() == HOSTILE
        assert (
            page.locator(
                "#chat :is(.answer, .user) :is(script, img, a), #source :is(script, img, a:not([href^='/reports/']))"
            ).count()
            == 0
        )


def test_empty_and_endless_questions_and_failures_get_a_friendly_word(browser, url):
    with watched_page(browser, url) as page:
        box = page.get_by_label("问题")
        box.fill("   ")
        box.press("Enter")
        page.get_by_text("请先输入问题。").wait_for()
        ask(page, "长" * 10_000)
        page.get_by_text("这个问题没法回答，请换个问法。").wait_for()
        ask(page, "崩溃")
        page.get_by_text("出错了，这个问题没有得到回答。").wait_for()
        assert not re.search("Traceback|secret", page.locator("body").inner_text())
        assert overflow(page) == 0


def test_the_page_can_be_used_with_the_keyboard_alone(browser, url):
    with watched_page(browser, url) as page:
        ask(page, "哪些街道不具备行政执法权？")
        page.locator("button.source").first.focus()
        page.keyboard.press("Enter")
        page.locator("#source-heading:focus").wait_for()
        for name in ("上一条引文（←）", "下一条引文（→）", "关闭"):
            page.keyboard.press("Tab")
            assert page.locator(":focus").get_attribute("aria-label") == name
        page.keyboard.press("Enter")
        page.locator("#source .hint").wait_for()


def test_the_citation_id_is_copied(browser, url):
    with watched_page(browser, url, permissions=["clipboard-read", "clipboard-write"]) as page:
        ask(page, "哪些街道不具备行政执法权？")
        page.locator("button.source").first.click()
        page.get_by_role("button", name="复制编号").click()
        page.get_by_role("button", name="已复制").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == LACKS.id


def test_a_comparison_shows_a_table_whose_markers_open_and_a_chart_with_its_figures(browser, url):
    with watched_page(browser, url) as page:
        ask(page, "松岭街道2022年和2023年的信访各多少件？")
        assert page.locator(".answer .table th").all_inner_texts() == ["单位", "年份", "数字", "依据"]
        page.locator(".answer .table .marker").first.click()
        page.locator("#source mark").wait_for()
        chart = page.get_by_role("img", name=re.compile("信访案件（单位：件）"))
        widths = [bar.bounding_box()["width"] for bar in chart.locator(".length").all()]
        assert widths[1] == pytest.approx(widths[0] * 41 / 52, rel=0.02)
        assert chart.locator(".figure").all_text_contents() == ["52件", "41件"]


def test_the_survey_table_is_sorted_with_the_keyboard(browser, url):
    with watched_page(browser, url) as page:
        ask(page, "哪些街道不具备行政执法权？")
        rows = page.locator(".survey tbody th")
        assert not rows.first.is_visible()
        page.locator("details.reports summary").focus()
        page.keyboard.press("Enter")
        rows.first.wait_for()
        year = page.get_by_role("columnheader", name="年份")
        year.get_by_role("button").focus()
        page.keyboard.press("Enter")
        assert page.locator(".survey td.year").all_inner_texts() == ["年份不详", "2022年", "2023年"]
        assert year.get_attribute("aria-sort") == "ascending"
        page.keyboard.press("Enter")
        assert page.locator(".survey td.year").all_inner_texts() == ["2023年", "2022年", "年份不详"]
        assert page.locator("[aria-sort]").count() == 1
        page.get_by_role("columnheader", name="结论").get_by_role("button").click()
        assert page.locator(".survey .verdict").all_inner_texts() == ["是", "否", "未提及"]
        page.locator(".survey .marker").first.click()
        page.locator("#source mark").wait_for()


def test_the_way_of_answering_is_shown_and_can_be_chosen(browser, url, assistant):
    with watched_page(browser, url) as page:
        ask(page, "哪些街道不具备行政执法权？")
        assert assistant.routes[-1] is None
        page.get_by_text("回答方式：普查", exact=False).last.wait_for()
        page.get_by_label("回答方式").click()
        page.get_by_role("option", name="普查").click()
        page.locator("#scope").get_by_text("回答方式：普查").wait_for()
        page.get_by_label("限定地区").click()
        page.get_by_role("option", name="云溪区").click()
        page.get_by_text("只在以下范围内回答：云溪区；回答方式：普查").wait_for()
        page.keyboard.press("Escape")
        ask(page, "哪些街道不具备行政执法权？")
        assert assistant.routes[-1] is Route.SURVEY
        assert assistant.asked[-1][1].regions == ("云溪区",)
        page.get_by_text("普查（手动选择）", exact=False).wait_for()
        page.get_by_role("button", name="恢复默认").click()
        page.locator("#scope").wait_for(state="hidden")
        ask(page, "哪些街道不具备行政执法权？")
        assert assistant.routes[-1] is None


def test_every_field_button_and_scrolling_box_has_a_name(browser, url):
    with watched_page(browser, url) as page:
        ask(page, "松岭街道2022年和2023年的信访各多少件？")
        ask(page, "哪些街道不具备行政执法权？")
        nameless = page.evaluate(NAMELESS)
        assert nameless == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_sideways_scrolling(browser, url, scheme, tmp_path):
    narrow = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
    with watched_page(browser, url, **narrow) as page:
        ask(page, "哪些街道不具备行政执法权？")
        assert overflow(page) == 0
        ask(page, "松岭街道2022年和2023年的信访各多少件？")
        assert overflow(page) == 0
        assert clipped(page) == []
        page.locator(".answer .marker").first.click()
        page.locator("#source mark").wait_for()
        box = page.locator("#source").bounding_box()
        assert box["y"] + box["height"] <= 844 + 1 and box["width"] <= 390
        wait_in_view(page.locator("#source mark"))
        page.screenshot(path=tmp_path / "narrow.png")
        assert overflow(page) == 0
