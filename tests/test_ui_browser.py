"""The page in a real browser, over scripted answers."""

import re
import socket
import threading

import pytest
import uvicorn
from ui_browser import ask, chromium, clipped, overflow, wait_in_view, watched_page
from ui_scripted import HOSTILE, LACKS, ScriptedAssistant

from rag.settings import load_settings
from rag.ui import create_server

pytestmark = pytest.mark.browser


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
            create_server(assistant, load_settings()), log_level="error", timeout_graceful_shutdown=1
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


def test_an_answer_streams_and_a_marker_opens_its_paragraph_with_the_quote_highlighted(browser, url, assistant):
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
        page.get_by_role("rowheader", name="松岭街道办事处 · 2023").wait_for()
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
        page.get_by_role("button", name="取消限定").click()
        page.get_by_text("只在以下范围内回答").wait_for(state="hidden")


def test_history_goes_with_the_next_question_until_the_conversation_is_cleared(browser, url, assistant):
    with watched_page(browser, url) as page:
        ask(page, "哪些街道不具备行政执法权？")
        ask(page, "它们分属哪里？")
        wait_in_view(page.locator(".question").last)
        assert clipped(page) == []
        wait_in_view(page.locator(".answer").last.locator("strong"))
        assert [turn.question for turn in assistant.asked[-1][2]] == ["哪些街道不具备行政执法权？"]
        with page.expect_response(re.compile("/run/")):
            page.get_by_role("button", name="清空对话").click()
        page.locator("button.example").first.wait_for()
        ask(page, "哪些街道不具备行政执法权？")
        assert assistant.asked[-1][2] == ()


def test_a_hostile_report_shows_as_text(browser, url):
    with watched_page(browser, url) as page:
        ask(page, "<img src=x onerror='window.hacked=1'> ${window.hacked=1} {{constructor}}")
        assert page.locator(".question").inner_text().startswith("<img src=x")
        page.locator("button.source").click()
        assert page.locator("#source mark").inner_text() == HOSTILE
        assert (
            page.locator("#chat :is(.answer, .question) :is(script, img, a), #source :is(script, img, a)").count() == 0
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
        page.keyboard.press("Tab")
        assert page.locator(":focus").get_attribute("aria-label") == "关闭"
        page.keyboard.press("Enter")
        page.locator("#source .hint").wait_for()


def test_the_citation_id_is_copied(browser, url):
    with watched_page(browser, url, permissions=["clipboard-read", "clipboard-write"]) as page:
        ask(page, "哪些街道不具备行政执法权？")
        page.locator("button.source").first.click()
        page.get_by_role("button", name="复制编号").click()
        page.get_by_role("button", name="已复制").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == LACKS.id


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_everything_without_sideways_scrolling(browser, url, scheme, tmp_path):
    narrow = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
    with watched_page(browser, url, **narrow) as page:
        ask(page, "哪些街道不具备行政执法权？")
        assert overflow(page) == 0
        assert clipped(page) == []
        page.locator(".answer .marker").first.click()
        page.locator("#source mark").wait_for()
        box = page.locator("#source").bounding_box()
        assert box["y"] + box["height"] <= 844 + 1 and box["width"] <= 390
        wait_in_view(page.locator("#source mark"))
        page.screenshot(path=tmp_path / "narrow.png")
        assert overflow(page) == 0
