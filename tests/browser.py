"""The page as `python app.py` starts it, and a browser to look at it with."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

ROOT = Path(__file__).parent.parent
LAPTOP: ViewportSize = {"width": 1366, "height": 768}
PHONE: ViewportSize = {"width": 390, "height": 844}
PATIENCE = 60_000  # milliseconds


@contextmanager
def running_page(folder: Path) -> Iterator[str]:
    """The page's address, while it runs; it keeps its files in a folder."""
    environment = os.environ | {"GRADIO_TEMP_DIR": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    found = (re.search(r"http://\S+", line) for line in process.stdout)
    try:
        yield next(match[0] for match in found if match)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, or Playwright's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                "--use-fake-device-for-media-stream",  # a camera that shows a test pattern
                "--use-fake-ui-for-media-stream",
            ],
        )
        try:
            yield browser
        finally:
            browser.close()


def upload(page: Page, path: Path) -> None:
    """Add a photograph and wait until it is coloured."""
    studio = page.locator(".studio")
    expect(studio).to_have_attribute("data-photograph", re.compile(r"\d"), timeout=PATIENCE)
    before = studio.get_attribute("data-photograph") or ""
    page.locator(".file").set_input_files(path)
    expect(studio).not_to_have_attribute("data-photograph", before, timeout=PATIENCE)
    coloured(page)


def coloured(page: Page) -> None:
    """Wait until the photograph is there in colour, and nothing is at work."""
    page.wait_for_timeout(200)  # a slider's pause
    expect(page.locator(".studio")).to_have_attribute("data-state", "done", timeout=PATIENCE)
    expect(page.locator(".working")).to_be_hidden(timeout=PATIENCE)
