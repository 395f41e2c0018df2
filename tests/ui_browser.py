"""A real Chromium that watches what a page does: requests that leave the machine, errors in its console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import pytest

CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_EVENTS = "/gradio_api/queue/"
_QUIET_MS, _STEP_MS, _STUCK_MS, _TIMEOUT_MS = 200, 50, 15_000, 30_000
_watched: WeakKeyDictionary = WeakKeyDictionary()
"""Each watched page's requests for Gradio's events that have not ended, and the errors in its console."""


@contextmanager
def chromium() -> Iterator:
    """Start Chromium, or skip the test where there is none."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched_page(browser, url, **options) -> Iterator:
    """Open a page; on leaving, assert that it asked no other host and that its console is free of errors."""
    options = {"locale": "zh-CN", "viewport": {"width": 1280, "height": 800}, **options}
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(_TIMEOUT_MS)
    foreign, problems = [], []
    host = urlsplit(url).netloc
    page.on("request", lambda request: _is_foreign(request.url, host) and foreign.append(request.url))
    page.on("console", lambda message: message.type == "error" and problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    under_way = set()
    _watched[page] = under_way, problems
    page.on("request", lambda request: _EVENTS in request.url and under_way.add(request))
    for end in ("requestfinished", "requestfailed"):
        page.on(end, lambda request: under_way.discard(request))  # Playwright cannot call a built-in method
    try:
        page.goto(url)
        page.locator("#chat button.example").first.wait_for()
        yield page
        assert page.evaluate("window.hacked") is None
        assert foreign == []
        assert problems == [], problems
    finally:
        context.close()


def _is_foreign(url: str, host: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in {"data", "blob"} and parts.netloc != host


def settled(page):
    """Wait until Gradio's events on a watched page have ended, and return it: leaving cuts them off, an error there.

    A stream that once in hundreds of pages does not end is left, without the error of that, by loading the page anew.
    """
    if not _ended(page):
        under_way, problems = _watched[page]
        address, known = page.url, len(problems)
        page.goto("about:blank")
        page.wait_for_timeout(_QUIET_MS)
        del problems[known:]
        under_way.clear()
        page.goto(address)
        page.locator("#question textarea").wait_for()
        assert _ended(page), [request.url for request in under_way]
    return page


def _ended(page) -> bool:
    """Wait until a watched page's events have ended; False if they go on and on."""
    under_way, _ = _watched[page]
    quiet = waited = 0
    while quiet < _QUIET_MS and waited < _STUCK_MS:
        page.wait_for_timeout(_STEP_MS)
        waited += _STEP_MS
        quiet = 0 if under_way else quiet + _STEP_MS
    return quiet >= _QUIET_MS


def ask(page, question: str) -> None:
    """Type a question, send it, and wait for the finished answer."""
    done = page.locator(".answer:not([aria-busy]), .failure").count()
    send(page, question)
    page.locator(".answer:not([aria-busy]), .failure").nth(done).wait_for()


def begin(page, question: str):
    """Type a question and send it; return the question box as soon as a first part of the answer is there."""
    box = send(page, question)
    page.locator(".answer[aria-busy]", has_text="3份报告").wait_for()
    return box


def send(page, question: str):
    """Type a question and send it; return the question box."""
    box = page.locator("#question textarea")
    box.fill(question)
    box.press("Enter")
    return box


def overflow(page) -> int:
    """Return by how many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def clipped(page) -> list[str]:
    """Return the elements of the conversation that reach over its right edge, but for what a table scrolls."""
    return page.evaluate(
        """() => {
            const edge = document.querySelector('#chat').getBoundingClientRect().right;
            const parts = [...document.querySelectorAll('#chat :is(.answer *, .foot *, .user):not(.table *)')];
            return parts.filter(part => part.getBoundingClientRect().right > edge).map(part => part.outerHTML);
        }"""
    )


def wait_in_view(locator) -> None:
    """Wait until an element stands within the window and the box that scrolls it, with nothing before it."""
    locator.page.wait_for_function(
        """item => {
            const box = item.getClientRects()[0];  // the first line of a quote that wraps
            return item.contains(document.elementFromPoint(box.left + 5, box.top + 5));
        }""",
        arg=locator.element_handle(),
    )
