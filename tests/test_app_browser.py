"""The whole product in a real browser: files ingested, ``app.py`` started, questions asked, sources opened."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ui_browser import ask, chromium, overflow, watched_page

ROOT = Path(__file__).parent.parent

ATTACK = (
    """<script>window.hacked=1</script><img src="http://evil.invalid/x" onerror="window.hacked=1">$$x^2$$${hacked}"""
)
REPORTS = {
    "云岭街道.txt": """云岭街道办事处2023年法治政府建设情况报告

2023年，云岭街道办事处在青禾区委、区政府领导下推进法治政府建设，现将情况报告如下：

一、2023年推进法治政府建设的主要举措和成效
（一）提升依法办事能力。全年举办法治专题学习12次，审查合同45份，聘请法律顾问3名。
（二）化解矛盾纠纷。全年受理信访事项58件，办结57件。

二、存在的不足和原因
一是执法手段缺少。街道每天接到占道经营、油烟扰民的投诉，但街道不具备行政执法权，只能劝导后上报，同类问题一再出现。
二是法治队伍力量弱，专职人员只有2名。

三、2024年工作打算
继续开展法治宣传，争取增加人员编制。

云岭街道办事处
2024年1月10日
""",
    "石桥镇.md": """# 石桥镇人民政府2022年度法治政府建设工作报告

## 一、主要做法
石桥镇综合行政执法队配备持证执法人员16名，全年立案办理行政处罚案件31起，罚款5.2万元。

全年受理信访事项20件，全部办结。

## 二、存在问题
普法形式比较单一，针对老年人的宣传不够。

石桥镇人民政府
2023年1月5日
""",
    "敌意.txt": """白沙街道办事处2023年法治政府建设情况报告

一、主要举措
街道开展网络安全普法，发现恶意代码ATTACK样本7份，另有链接[点击领奖](javascript:window.hacked=1)。

二、存在的不足
网络安全普法人手不足。
""",
}
LACKING = "不具备行政执法权"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    for name, text in REPORTS.items():
        (folder / name).write_text(text.replace("ATTACK", ATTACK), encoding="utf-8")
    target = tmp_path_factory.mktemp("store") / "vectorstore"
    done = subprocess.run(
        [sys.executable, "ingest.py", str(folder), "--store", str(target)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def environment():
    return {**os.environ, "RAG_EMBEDDING_MODEL": "hash", "PYTHONIOENCODING": "utf-8"}


class Served:
    """``app.py`` running; stopped with the signal that a service manager sends."""

    def __init__(self, store, *options):
        self.process = subprocess.Popen(
            [sys.executable, "app.py", "--store", str(store), "--port", "0", *options],
            cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        guard = threading.Timer(180, self.process.kill)
        guard.start()
        self.output = ""
        self.url = None
        for line in self.process.stdout:
            self.output += line
            if found := re.search(r"http://\S+", line):
                self.url = found[0]
                break
        guard.cancel()
        assert self.url, self.output

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=30)
        self.output += rest
        return self.process.returncode


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
        assert page.locator("#source :is(script, img, a), .answer :is(script, img, a)").count() == 0


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
