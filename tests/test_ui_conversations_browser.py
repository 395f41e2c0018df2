"""Conversations on the page in a real browser: kept, opened again, renamed, deleted, exported, rated."""

import re
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import docx
import pytest
import uvicorn
from fastapi import FastAPI
from ui_browser import ask, begin, chromium, clipped, overflow, settled, watched_page
from ui_scripted import HOSTILE, LACKS, REPORTS, ScriptedAssistant

from rag.conversations import Conversations
from rag.conversations import store as conversation_store
from rag.errors import CitationError
from rag.feedback import FeedbackBook
from rag.settings import load_settings
from rag.ui import mount_page

pytestmark = pytest.mark.browser

QUESTION = "哪些街道不具备行政执法权？"
COMPARE = "松岭街道2022年和2023年的信访各多少件？"


class PausingAssistant(ScriptedAssistant):
    """Stops in mid-answer until let go."""

    def __init__(self, **options):
        super().__init__(**options)
        self.go_on = threading.Event()

    def stream(self, question, **options):
        for number, piece in enumerate(super().stream(question, **options)):
            if number == 3 and "暂停" in question:
                self.go_on.wait(20)
            yield piece

    def cite(self, citation_id):
        if citation_id.split("-")[0] not in {report.meta.id for report in self.inventory}:
            raise CitationError(f"No report {citation_id!r}.")
        return super().cite(citation_id)


@contextmanager
def served(assistant, store):
    conversations = Conversations.open(store)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        application = mount_page(FastAPI(), assistant, load_settings(store=store), conversations)
        server = uvicorn.Server(uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join(10)
    conversations.close()


@pytest.fixture(scope="module")
def assistant():
    return PausingAssistant()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def url(assistant, store):
    with served(assistant, store) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


def questions(page):
    return page.locator("#chat .user .message-content").all_inner_texts()


def open_list(page):
    page.locator(".sidebar .toggle-button").click()
    page.locator("#conversation-list nav").wait_for()


def in_address(page, wanted=r"\?c=[0-9a-f]{16}$"):
    page.wait_for_url(re.compile(wanted))
    return page.url


def test_a_reload_shows_the_conversation_with_its_sources_and_goes_on_with_it(browser, url, assistant):
    with watched_page(browser, url) as page:
        ask(page, QUESTION)
        in_address(page)
        settled(page).reload()
        page.locator(".answer .marker").first.wait_for()
        assert questions(page) == [QUESTION]
        page.locator(".answer .marker").first.click()
        page.locator("#source mark").wait_for()
        assert page.locator("#source mark").inner_text() == LACKS.quote
        ask(page, "它们分属哪里？")
        assert [turn.question for turn in assistant.asked[-1][2]] == [QUESTION]
        settled(page).reload()
        page.locator(".foot").nth(1).wait_for()
        assert questions(page) == [QUESTION, "它们分属哪里？"]


def test_conversations_outlive_the_server_and_tell_which_reports_have_changed(browser, tmp_path):
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(10_000)
    with served(PausingAssistant(), tmp_path) as url:
        page.goto(url)
        page.locator("#chat button.example").first.wait_for()
        ask(page, QUESTION)
        opened = in_address(page).split("?")[1]
        page.goto("about:blank")
    newer = replace(REPORTS[0], meta=replace(REPORTS[0].meta, id="dddddddddddd"))
    with served(PausingAssistant(inventory=(newer,)), tmp_path) as url:
        page.goto(f"{url}?{opened}")
        page.locator(".answer .changed").first.wait_for()
        told = page.locator(".answer .changed").all_inner_texts()
        assert len(told) == 2 and all("当时的原文" in words for words in told)
        assert [("查看现在的文本" in words) for words in told] == [True, False]
        page.locator(".answer .marker").first.click()
        page.locator("#source .changed").wait_for()
        assert page.locator("#source mark").inner_text() == LACKS.quote
        assert "二、存在的不足和原因" in page.locator("#source dl").inner_text()
        newer_id = page.locator("#source .changed button").get_attribute("data-citation")
        assert newer_id.startswith("dddddddddddd-p6-")
    context.close()


def test_the_list_opens_renames_searches_and_deletes(browser, url):
    with watched_page(browser, url) as page:
        ask(page, QUESTION)
        page.get_by_role("button", name="新问答").click()
        page.locator("#chat button.example").first.wait_for()
        in_address(page, r"/$")
        ask(page, COMPARE)
        open_list(page)
        names = page.locator("#conversation-list .name")
        assert names.all_inner_texts() == [COMPARE, QUESTION]
        assert page.locator("#conversation-list [aria-current]").inner_text().startswith(COMPARE)
        page.locator("#conversation-list a", has_text=QUESTION).click()
        page.wait_for_function("document.querySelector('#chat .user')?.innerText.includes('行政执法权')")
        page.locator("#conversation-list a[aria-current]", has_text=QUESTION).wait_for()
        page.go_back()
        page.wait_for_function("document.querySelector('#chat .user')?.innerText.includes('信访')")

        page.locator("#conversation-list li", has_text=QUESTION).locator("summary").click()
        page.locator("#conversation-list li", has_text=QUESTION).get_by_role("button", name="改名").click()
        box = page.get_by_role("dialog").get_by_label("名称")
        assert box.input_value() == QUESTION
        box.fill("执法权 <b>")
        box.press("Enter")
        page.locator("#conversation-list .name", has_text="执法权 <b>").wait_for()

        page.get_by_label("搜索历史问答").fill("信訪")
        page.wait_for_function("document.querySelectorAll('#conversation-list li').length === 1")
        page.get_by_label("搜索历史问答").fill("没有这样的词")
        page.get_by_text("没有找到").wait_for()
        page.get_by_label("搜索历史问答").fill("")
        page.wait_for_function("document.querySelectorAll('#conversation-list li').length === 2")

        row = page.locator("#conversation-list li", has_text=COMPARE)
        row.locator("summary").click()
        row.get_by_role("button", name="删除").click()
        page.get_by_role("dialog").get_by_role("button", name="取消").click()
        assert names.count() == 2
        row.get_by_role("button", name="删除").click()
        page.get_by_role("dialog").get_by_role("button", name="删除").click()
        page.wait_for_function("document.querySelectorAll('#conversation-list li').length === 1")
        in_address(page, r"/$")
        assert questions(page) == []


def test_another_browser_sees_nothing_of_it(browser, url):
    with watched_page(browser, url) as page:
        ask(page, QUESTION)
        mine = in_address(page)
        link = page.locator(".foot a").first.get_attribute("href")
    with watched_page(browser, mine) as page:
        page.get_by_text("找不到这段问答").wait_for()
        assert questions(page) == []
        in_address(page, r"/$")
        open_list(page)
        page.get_by_text("还没有历史问答").wait_for()
        assert page.request.get(f"{url}{link}").status == 404


def test_an_answer_can_be_stopped_and_retried(browser, url, assistant):
    assistant.go_on.clear()
    with watched_page(browser, url) as page:
        box = begin(page, "暂停：哪些街道？")
        box.fill("正在写的下一个问题")
        page.get_by_role("button", name="停止").click()
        page.locator(".answer.stopped", has_text="3份报告").wait_for()
        page.get_by_text("回答没有完成").wait_for()
        page.get_by_role("button", name="发送").wait_for()
        assert box.input_value() == "正在写的下一个问题"
        assistant.go_on.set()
        page.get_by_role("button", name="重试").click()
        page.locator(".answer .marker").first.wait_for()
        assert questions(page) == ["暂停：哪些街道？"]
        settled(page).reload()
        page.locator(".foot").first.wait_for()
        assert questions(page) == ["暂停：哪些街道？"]


def test_a_stopped_answer_is_there_after_a_reload(browser, url, assistant):
    assistant.go_on.clear()
    with watched_page(browser, url) as page:
        page.locator("#question textarea").fill("暂停：还有哪些？")
        page.locator("#question textarea").press("Enter")
        page.locator(".answer[aria-busy]", has_text="3份报告").wait_for()
        page.get_by_role("button", name="停止").click()
        page.locator(".answer.stopped").wait_for()
        in_address(page)
        settled(page).reload()
        page.locator(".answer.stopped", has_text="3份报告").wait_for()
    assistant.go_on.set()


def test_the_last_question_is_edited_in_place_and_an_earlier_one_is_asked_at_the_end(browser, url):
    with watched_page(browser, url) as page:
        ask(page, "A&B <i>哪些？")
        assert questions(page) == ["A&B <i>哪些？"]
        edit(page, -1, "A&B <b>哪些街道？")
        page.wait_for_function("document.querySelector('#chat .user')?.innerText.includes('<b>')")
        page.locator(".foot").first.wait_for()
        assert questions(page) == ["A&B <b>哪些街道？"]
        ask(page, COMPARE)
        edit(page, 0, QUESTION)
        page.locator(".foot").nth(2).wait_for()
        assert questions(page) == ["A&B <b>哪些街道？", COMPARE, QUESTION]
        settled(page).reload()
        page.locator(".foot").nth(2).wait_for()
        assert questions(page) == ["A&B <b>哪些街道？", COMPARE, QUESTION]


def edit(page, which, text):
    page.locator("#chat .user-row").nth(which).hover()
    page.get_by_role("button", name="编辑").nth(which).click()
    page.locator("#chat textarea").fill(text)
    page.locator("#chat").get_by_role("button", name="发送").click()


def test_an_answer_and_a_conversation_are_taken_away_as_files(browser, url):
    with watched_page(browser, url) as page:
        ask(page, QUESTION)
        ask(page, COMPARE)
        with page.expect_download() as started:
            page.locator(".foot").first.get_by_role("link", name="Word").click()
        assert started.value.suggested_filename == f"{QUESTION}.docx"
        file = docx.Document(started.value.path())
        assert file.paragraphs[0].text == QUESTION
        open_list(page)
        page.locator("#conversation-list summary").first.click()
        with page.expect_download() as started:
            page.locator("#conversation-list").get_by_role("link", name="Markdown").click()
        text = Path(started.value.path()).read_text(encoding="utf-8")
        assert f"## {COMPARE}" in text
        assert f"]({'<'}{url}reports/{LACKS.report_id}#p6>)" in text


def test_files_of_a_wrong_kind_or_path_are_not_found(browser, url):
    with watched_page(browser, url) as page:
        ask(page, QUESTION)
        opened = in_address(page).split("=")[1]
        assert page.request.get(f"{url}export/{opened}.docx").status == 200
        for path in (f"{opened}.exe", "..%2f..%2fetc%2fpasswd.md", f"{opened}/none.md", "x/y/z.md"):
            assert page.request.get(f"{url}export/{path}").status == 404


def test_feedback_is_given_changed_and_withdrawn_and_shows_after_a_reload(browser, url, store):
    with watched_page(browser, url) as page:
        ask(page, QUESTION)
        foot = page.locator(".foot").last
        foot.get_by_role("button", name="有问题").click()
        page.get_by_role("dialog").get_by_label("理由").fill("漏了一个")
        page.get_by_role("dialog").get_by_label("正确的回答").fill(LACKS.quote)
        page.get_by_role("dialog").get_by_role("button", name="保存").click()
        page.get_by_text("已记下，谢谢。").wait_for()
        page.locator(".foot [data-rate=down][aria-pressed=true]").wait_for()
        with Conversations.open(store).database.reading():
            found = FeedbackBook(Conversations.open(store)).all("down")
        assert (found[-1].reason, found[-1].right_answer) == ("漏了一个", LACKS.quote)
        assert found[-1].identity["corpus_hash"] == "0" * 16 and found[-1].owner.startswith("browser:")
        ask(page, COMPARE)
        assert page.locator(".foot [data-rate=down][aria-pressed=true]").count() == 1
        settled(page).reload()
        page.locator(".foot [data-rate=down][aria-pressed=true]").wait_for()
        page.locator(".foot [data-rate=down][aria-pressed=true]").click()
        page.wait_for_function("!document.querySelector('.foot [aria-pressed=true]')")
        assert FeedbackBook(Conversations.open(store)).all("down") == []


def test_dialogs_close_by_escape_and_give_the_focus_back(browser, url):
    with watched_page(browser, url) as page:
        ask(page, QUESTION)
        page.get_by_role("button", name="有帮助").focus()
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_label("理由").wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="detached")
        page.locator("[data-rate=up]:focus").wait_for()
        assert page.locator("[aria-pressed=true]").count() == 0


def test_a_hostile_question_is_text_in_the_list_and_in_dialogs(browser, url):
    with watched_page(browser, url) as page:
        ask(page, HOSTILE)
        in_address(page)
        open_list(page)
        title = page.locator("#conversation-list .name").first
        assert title.inner_text().startswith("<script>window.hacked")
        page.locator("#conversation-list summary").first.click()
        page.get_by_role("button", name="改名").click()
        assert page.get_by_role("dialog").get_by_label("名称").input_value().startswith("<script>")
        page.keyboard.press("Escape")
        settled(page).reload()
        page.locator(".foot").first.wait_for()
        assert questions(page)[0].split() == HOSTILE.split()


def test_filters_of_the_last_question_come_back_with_the_conversation(browser, url, assistant):
    with watched_page(browser, url) as page:
        page.get_by_label("限定单位").click()
        page.get_by_role("option", name="白鹭镇人民政府").click()
        page.keyboard.press("Escape")
        ask(page, QUESTION)
        in_address(page)
        settled(page).reload()
        page.get_by_text("只在以下范围内回答：白鹭镇人民政府").wait_for()
        page.locator(".foot").first.wait_for()
        ask(page, "还有呢？")
        assert assistant.asked[-1][1].offices == ("白鹭镇人民政府",)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_list_the_row_below_an_answer_and_dialogs_within_its_width(browser, url, scheme):
    with watched_page(browser, url, viewport={"width": 390, "height": 844}, color_scheme=scheme) as page:
        ask(page, QUESTION)
        assert overflow(page) == 0 and clipped(page) == []
        page.get_by_role("button", name="有问题").click()
        box = page.get_by_role("dialog").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
        page.keyboard.press("Escape")
        open_list(page)
        page.wait_for_timeout(500)
        box = page.locator("#conversation-list").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
        page.locator("#conversation-list a").first.click()
        assert overflow(page) == 0


def test_nothing_moves_while_an_answer_grows_below_the_question(browser, url, assistant):
    assistant.go_on.set()
    with watched_page(browser, url) as page:
        page.evaluate(
            """() => { window.shifts = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => {
                if (!entry.hadRecentInput) window.shifts += entry.value; })).observe({type: 'layout-shift'}); }"""
        )
        ask(page, QUESTION)
        page.wait_for_timeout(800)
        page.evaluate("window.shifts = 0")
        ask(page, COMPARE)
        page.wait_for_timeout(800)
        log, question = page.locator("#chat [role=log]"), page.locator("#chat .user-row").last
        assert 0 <= question.bounding_box()["y"] - log.bounding_box()["y"] < 60
        assert page.evaluate("window.shifts") < 0.1  # the limit of "good" in Core Web Vitals


def test_where_conversations_cannot_be_kept_questions_are_answered_and_the_reader_told(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(conversation_store, "MOST_CONVERSATIONS", 0)
    with served(PausingAssistant(), tmp_path) as url, watched_page(browser, url) as page:
        ask(page, QUESTION)
        page.get_by_text("这段问答没有保存。").wait_for()
        page.get_by_text("delete some to keep new ones").wait_for()
        assert page.locator(".answer .marker").count() > 0
        assert page.locator(".foot").count() == 0
