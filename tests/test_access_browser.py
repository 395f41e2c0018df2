"""Logging in and using the real page behind the gate, in a real browser."""

import socket
import threading

import pytest
import uvicorn
from access_app import PASSWORDS, READER, make_users
from fastapi import FastAPI
from ui_browser import ask, chromium
from ui_scripted import LACKS, ScriptedAssistant

from rag.access import install
from rag.settings import load_settings
from rag.ui import mount_page

pytestmark = pytest.mark.browser

INJECT = """() => {
    const part = document.createElement('div');
    part.innerHTML = '<img src="/nothing.png" onerror="window.hacked = 1">';
    const script = document.createElement('script');
    script.textContent = 'window.hacked = 1';
    document.body.append(part, script);
}"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    make_users(store)
    settings = load_settings(store=store, questions_per_minute=2)
    application = FastAPI()
    mount_page(application, ScriptedAssistant(), settings)
    install(application, settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1, proxy_headers=False)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def page(url):
    with chromium() as browser:
        page = browser.new_context(locale="zh-CN").new_page()
        page.set_default_timeout(30_000)
        page.problems = []
        page.on("console", lambda message: message.type == "error" and page.problems.append(message.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        yield page


def test_the_page_works_behind_the_gate_and_runs_no_script_but_its_own(page, url):
    page.goto(url)
    page.get_by_label("用户名").fill(READER)
    page.get_by_label("密码").fill("wrong password!")
    page.get_by_role("button", name="登录").click()
    page.get_by_role("alert").get_by_text("用户名或密码不正确").wait_for()
    assert page.get_by_label("用户名").input_value() == READER
    assert page.problems and "401" in page.problems.pop()  # the form's own status, which browsers tell
    page.get_by_label("密码").fill(PASSWORDS[READER])
    page.get_by_role("button", name="登录").click()

    page.locator("#chat button.example").first.wait_for()
    assert READER in page.locator("#top").inner_text()
    ask(page, "哪些街道不具备行政执法权？")
    page.locator(".answer .marker").first.click()
    page.locator("#source mark").wait_for()
    assert page.locator("#source mark").inner_text() == LACKS.quote
    ask(page, "<各街道>的信访各多少件？")
    assert page.problems == []

    page.locator("#question textarea").fill("第三个问题？")
    page.locator("#question textarea").press("Enter")
    page.get_by_text("提问过于频繁").wait_for()
    assert page.locator("#question textarea").input_value() == "第三个问题？"

    page.evaluate(INJECT)
    page.wait_for_function("() => true")
    page.wait_for_timeout(500)
    assert page.evaluate("window.hacked") is None
    assert len([text for text in page.problems if "Content Security Policy" in text]) == 2

    page.get_by_role("link", name="退出登录").click()
    page.get_by_role("button", name="退出登录").click()
    page.get_by_label("密码").wait_for()
    page.goto(url)
    page.get_by_label("密码").wait_for()
