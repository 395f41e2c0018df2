"""Take the README's screenshots of the chat page: light, dark, and as wide as a phone.

    python -m benchmarks.screenshots --store DIR        (serves the store itself)
    python -m benchmarks.screenshots --url http://127.0.0.1:7860 --out docs

Needs Chromium; another browser is named with --browser.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Error as BrowserError

from benchmarks.load import serve

QUESTION = "哪些街道不具备行政执法权？"
WIDE = {"width": 1280, "height": 860}
SHOTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("screenshot.png", {"viewport": WIDE, "color_scheme": "light"}),
    ("screenshot-dark.png", {"viewport": WIDE, "color_scheme": "dark"}),
    ("screenshot-narrow.png", {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"}),
)


def take(browser: Browser, url: str, question: str, target: Path, options: dict[str, Any]) -> None:
    """Ask the question, open its first citation, and save what the window shows."""
    with browser.new_context(locale="zh-CN", device_scale_factor=1, **options) as context:
        page = context.new_page()
        page.goto(url)
        page.locator("#chat button.example").first.wait_for()
        page.locator("#question textarea").fill(question)
        page.locator("#question textarea").press("Enter")
        page.locator(".answer:not([aria-busy]) .details").wait_for(timeout=120_000)
        page.locator(".answer button.marker").first.click()
        page.locator("#source mark").wait_for()
        page.locator("#chat .bubble-wrap").evaluate("log => { log.scrollTop = 0; }")
        page.mouse.move(0, 0)
        page.wait_for_timeout(400)  # Gradio fades new messages in
        page.screenshot(path=target)
    _shrink(target)


def _shrink(target: Path) -> None:
    """Write a picture again in 256 colours, which hold all that a calm page shows in a third of the room."""
    with Image.open(target) as picture:
        picture.convert("RGB").quantize(256).save(target, optimize=True)


def main() -> int:
    """Return 0 when every screenshot was taken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="serve this store for as long as it takes")
    parser.add_argument("--url", default="http://127.0.0.1:7860", help="or a page that runs already")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--question", default=QUESTION)
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("google-chrome"))
    chosen = parser.parse_args()
    if not chosen.store:
        return _take_all(chosen)
    process, chosen.url = serve(chosen.store)
    try:
        return _take_all(chosen)
    finally:
        process.terminate()
        process.wait(30)


def _take_all(chosen: argparse.Namespace) -> int:
    chosen.out.mkdir(parents=True, exist_ok=True)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chosen.browser, args=flags)
            for name, options in SHOTS:
                take(browser, chosen.url, chosen.question, chosen.out / name, options)
                print(chosen.out / name)
    except BrowserError as error:
        print(
            f"screenshots.py: {error.message}\nIs the page running at {chosen.url}? Start it: python app.py",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
