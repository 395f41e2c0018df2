"""The whole product in a real browser: files ingested, ``app.py`` started, questions asked, sources opened."""

import re
import signal
import socket
import subprocess
import sys

import pytest
from served_app import ATTACK, LACKING, REPORTS, ROOT, Served, environment, ingested
from ui_browser import ask, chromium, overflow, watched_page


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return ingested(tmp_path_factory)


@pytest.fixture(scope="module")
def url(store):
    served = Served(store)
    yield served.url
    assert served.stop() == 0, served.output
    assert "Traceback" not in served.output


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.mark.browser
def test_a_chinese_question_is_answered_and_its_source_opens_with_the_quote_highlighted(browser, url):
    with watched_page(browser, url) as page:
        ask(page, "哪些街道不具备行政执法权？")
        marker = page.locator(".answer button.marker[aria-label*='云岭街道办事处']").first
        marker.click()
        mark = page.locator("#source mark")
        mark.wait_for()
        assert LACKING in mark.inner_text()
        assert page.locator("#source .cited").inner_text().count(mark.inner_text()) == 1
        assert "云岭街道办事处 · 2023年" in page.locator("#source").inner_text()
        assert "二、存在的不足和原因" in page.locator("#source dl").inner_text()
        assert page.locator("#source .text p:not(.cited)").count() >= 2
        if not page.locator("details.reports[open]").count():
            page.locator("details.reports summary").click()
        row = page.locator(".survey tbody tr", has_text="云岭街道办事处").filter(has_text="2023年")
        assert row.locator(".verdict").inner_text() == "是"


@pytest.mark.browser
def test_the_arrow_keys_lead_from_citation_to_citation(browser, url):
    with watched_page(browser, url) as page:
        ask(page, "云岭街道2023年和石桥镇2022年受理信访事项各多少件？")
        page.locator(".answer button.marker").first.click()
        page.locator("#source mark").wait_for()
        page.locator("#source-heading:focus").wait_for()
        first = page.locator("#source code").inner_text()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("first => document.querySelector('#source code').innerText !== first", arg=first)
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("first => document.querySelector('#source code').innerText === first", arg=first)
        assert page.locator("button.marker[aria-current]").count() == 1


@pytest.mark.browser
def test_an_english_question_is_answered_in_english(browser, url):
    with watched_page(browser, url, locale="en-US") as page:
        ask(page, "Which sub-districts lack administrative law-enforcement power?")
        page.locator(".answer [lang=en]").wait_for()
        page.locator(".answer button.marker").first.click()
        page.locator("#source mark").wait_for()
        assert LACKING in page.locator("#source mark").inner_text()
        page.get_by_role("button", name="Read the whole report").wait_for()


@pytest.mark.browser
def test_filtering_by_office_leaves_only_that_office_in_the_answer(browser, url):
    with watched_page(browser, url) as page:
        page.get_by_label("限定单位").click()
        page.get_by_role("option", name="石桥镇人民政府").click()
        page.get_by_text("只在以下范围内回答：石桥镇人民政府").wait_for()
        page.keyboard.press("Escape")
        ask(page, "全年受理信访事项多少件？")
        page.locator("button.source").first.wait_for()
        assert {label.split(" · ")[0] for label in page.locator(".source .label").all_inner_texts()} == {
            "石桥镇人民政府"
        }
        assert "20件" in page.locator(".answer").inner_text()


@pytest.mark.browser
def test_a_hostile_report_is_shown_as_text(browser, url):
    with watched_page(browser, url) as page:
        ask(page, "白沙街道发现恶意代码样本多少份？")
        page.locator("button.source", has_text="<script>").first.click()
        page.locator("#source mark").wait_for()
        page.get_by_role("button", name="阅读全文").click()
        page.get_by_text("网络安全普法人手不足").wait_for()
        assert ATTACK in page.locator("#source").inner_text()
        assert "[点击领奖](javascript:window.hacked=1)" in page.locator("#source").inner_text()
        assert page.locator("#source :is(script, img), .answer :is(script, img, a)").count() == 0
        links = page.locator("#source a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        assert len(links) == 1 and re.fullmatch(r"/reports/[0-9a-f]{12}#p\d+", links[0])


@pytest.mark.browser
def test_a_phone_can_ask_and_read_the_source(browser, url):
    with watched_page(browser, url, viewport={"width": 390, "height": 844}) as page:
        ask(page, "哪些街道不具备行政执法权？")
        page.locator(".answer button.marker").first.click()
        page.locator("#source mark").wait_for()
        assert overflow(page) == 0


@pytest.mark.browser
def test_endless_and_empty_questions_get_a_friendly_word(browser, url):
    with watched_page(browser, url) as page:
        ask(page, "长" * 10_000)
        assert "10000" in page.locator(":is(.answer, .failure)").last.inner_text().replace(",", "")
        page.get_by_label("问题").press("Enter")
        page.get_by_text("请先输入问题。").wait_for()


@pytest.mark.browser
def test_a_conversation_outlives_the_server_and_a_report_that_is_read_in_anew(browser, tmp_path):
    report = tmp_path / "云岭街道.txt"
    text = REPORTS["云岭街道.txt"]

    def ingest():
        done = subprocess.run(
            [sys.executable, "ingest.py", str(report), "--store", str(tmp_path / "store")],
            cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    report.write_text(text, encoding="utf-8")
    ingest()
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        served = Served(tmp_path / "store")
        page.goto(served.url)
        page.locator("#chat button.example").first.wait_for()
        ask(page, "云岭街道不具备行政执法权吗？")
        quote = page.locator(".source .quote").first.inner_text()
        page.wait_for_url(re.compile(r"\?c="))
        opened = page.url.split("?")[1]
        page.goto("about:blank")
        assert served.stop() == 0
        report.write_text(text.replace("全年举办法治专题学习12次", "全年举办法治专题学习13次"), encoding="utf-8")
        ingest()
        served = Served(tmp_path / "store")
        page.goto(f"{served.url}?{opened}")
        page.locator(".answer .changed").first.wait_for()
        assert page.locator(".source .quote").first.inner_text() == quote
        page.locator(".answer .changed button").first.click()
        page.locator("#source mark").wait_for()
        assert page.locator("#source mark").inner_text() == quote
        page.get_by_role("button", name="阅读全文").click()
        page.get_by_text("法治专题学习13次").wait_for()
        page.goto("about:blank")
        assert served.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_stops_cleanly_when_asked(store, number):
    served = Served(store)
    assert served.url.startswith("http://127.0.0.1:")
    assert served.stop(number) == 0
    assert "Traceback" not in served.output


def test_a_taken_port_is_told_with_the_option_that_changes_it(store):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run("--store", store, "--port", port)
    assert done.returncode == 2
    assert f"Port {port} on 127.0.0.1 is taken" in done.stderr and "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_store_is_told_with_the_command_that_makes_one(tmp_path):
    done = run("--store", tmp_path / "nowhere", "--port", 0)
    assert done.returncode == 1
    assert "python ingest.py" in done.stderr and "Traceback" not in done.stderr


def test_an_address_of_another_machine_is_told_with_the_option_that_changes_it(store):
    done = run("--store", store, "--host", "192.0.2.1", "--port", 0)
    assert done.returncode == 2
    assert "--host" in done.stderr and "Traceback" not in done.stderr


def run(*options):
    return subprocess.run(
        [sys.executable, "app.py", *map(str, options)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.browser
def test_a_question_is_restricted_to_what_falls_short(browser, url):
    with watched_page(browser, url) as page:
        page.get_by_label("限定章节").click()
        page.get_by_role("option", name="存在的不足").click()
        page.get_by_text("只在以下范围内回答：存在的不足").wait_for()
        page.keyboard.press("Escape")
        ask(page, "哪些街道不具备行政执法权？")
        page.locator(".answer button.marker").first.click()
        page.locator("#source mark").wait_for()
        assert "存在的不足" in page.locator("#source dl").inner_text()
