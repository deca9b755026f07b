"""The page as `python app.py` starts it, the browser edition as any web server serves it, and a
browser to look at both with."""

import functools
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

ROOT = Path(__file__).parent.parent
LAPTOP: ViewportSize = {"width": 1366, "height": 768}
PHONE: ViewportSize = {"width": 390, "height": 844}
PATIENCE = 60_000  # milliseconds
expect.set_options(timeout=PATIENCE)  # other tests keep the machine busy


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
                "--enable-blink-features=ForceEagerMeasureMemory",  # not when it next tidies up
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


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder, as `python -m http.server` serves it."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def visit(browser: Browser, url: str, **options: Any) -> Page:
    """The page, open on its example."""
    context = browser.new_context(**({"viewport": LAPTOP} | options))
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(url)
    coloured(page)
    return page


def download(page: Page, button: str = ".download") -> tuple[str, bytes]:
    """Click a download button; name and bytes of the file."""
    with page.expect_download() as waiting:
        page.locator(button).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def settled(locator: Locator) -> Image.Image:
    """A screenshot of an element, once it looks the same twice."""
    before = b""
    while (now := locator.screenshot()) != before:
        before = now
        locator.page.wait_for_timeout(250)
    return Image.open(io.BytesIO(now)).convert("RGB")


def colour_share(image: Image.Image) -> float:
    """Share of pixels that are not grey."""
    return float((np.ptp(np.asarray(image, int), axis=2) > 10).mean())


def box(page: Page, selector: str = ".stage") -> dict[str, float]:
    """Where an element is: x, y, width, height."""
    found = page.locator(selector).bounding_box()
    assert found
    return dict(found)  # type: ignore[arg-type]


def chroma_at(page: Page, x: float, y: float) -> np.ndarray:
    """Chroma (Cb, Cr) seen around a place of the stage, given as shares of its sides."""
    image = settled(page.locator(".stage")).convert("YCbCr")
    column, row = round(x * image.width), round(y * image.height)
    pixels = np.asarray(image, float)[row - 4 : row + 5, column - 4 : column + 5, 1:]
    return pixels.mean((0, 1)) - 128


def findings(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds that is serious or worse, or about contrast or names: rule, element."""
    return [
        (violation["id"], node["html"][:160])
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
        or re.search("contrast|name|label", violation["id"])
        for node in violation["nodes"]
    ]
