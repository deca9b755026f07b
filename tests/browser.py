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
    yield next(match[0] for match in found if match)
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
        yield browser
        browser.close()


def upload(page: Page, path: Path) -> None:
    """Add a photograph and wait until it is coloured."""
    page.locator("#photo input[type=file]").first.set_input_files(path)
    expect(page.locator("#note")).to_contain_text("pixels", timeout=PATIENCE)
