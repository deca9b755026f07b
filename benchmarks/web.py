"""How long people wait for the browser edition, in Chromium: python -m benchmarks.web OUT

Times are medians of three visits; the machine should be idle.
"""

import argparse
import functools
import statistics
import tempfile
import time
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import IO

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser import LAPTOP, ROOT, chromium, coloured, download, served

LINE = 20e6 / 8  # bytes a second
PIECE = 1 << 16  # bytes
VISITS = 3
SIZES = {"1 megapixel": (1200, 900), "12 megapixels": (4000, 3000), "48 megapixels": (8000, 6000)}


def photograph(folder: Path, size: tuple[int, int]) -> Path:
    """A grey JPEG with grain, as scans have it."""
    with Image.open(ROOT / "examples" / "temple.jpg") as opened:
        luma = np.asarray(opened.convert("L").resize(size), np.float32)
    noise = np.random.default_rng(0).normal(0, 4, luma.shape)
    path = folder / f"{size[0]}.jpg"
    Image.fromarray((luma + noise).clip(0, 255).astype(np.uint8)).save(path, quality=92)
    return path


def seconds(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


class SlowLine(SimpleHTTPRequestHandler):
    """A server behind a line that all connections share."""

    line = Lock()

    def copyfile(self, source: IO[bytes], outputfile: IO[bytes]) -> None:  # type: ignore[override]
        while piece := source.read(PIECE):
            with self.line:
                outputfile.write(piece)
                time.sleep(len(piece) / LINE)

    def log_message(self, *_: object) -> None:
        pass


def visits(browser: Browser, address: str) -> tuple[list[float], list[float]]:
    """Seconds to the first colour: at first, and later."""
    first, later = list[float](), list[float]()
    for _ in range(VISITS):
        context = browser.new_context(viewport=LAPTOP)
        page = context.new_page()
        first.append(seconds(lambda: opened(page, address)))  # noqa: B023
        page.wait_for_timeout(3000)  # the other colourings
        page = context.new_page()
        later.append(seconds(lambda: opened(page, address)))  # noqa: B023
        context.close()
    return first, later


def until_changed(page: Page, action: Callable[[], object]) -> float:
    """Seconds from an action until another picture is there in colour, in the page's own time."""
    page.evaluate(
        """() => {
          const layer = document.querySelector(".after"), studio = layer.closest(".studio");
          const begun = performance.now(), before = layer.querySelector("img").src;
          window.took = new Promise((resolve) => new MutationObserver((_, observer) => {
            const now = layer.querySelector("img")?.src;
            if (now === before || studio.hasAttribute("data-grey")) return;
            observer.disconnect();
            resolve(performance.now() - begun);
          }).observe(studio, {subtree: true, attributes: true, childList: true}));
        }"""
    )
    action()
    return page.evaluate("took") / 1000


def choose(page: Page, path: Path) -> None:
    page.locator(".file").set_input_files(path)


def opened(page: Page, address: str) -> None:
    page.goto(address)
    page.locator(".studio[data-state=done]").wait_for(timeout=120_000)


def memory(page: Page) -> float:
    """Of the tab's pages and workers, in GB; only isolated pages are told."""
    return page.evaluate("performance.measureUserAgentSpecificMemory().then(m => m.bytes)") / 1e9


def timed(browser: Browser, address: str, folder: Path, threads: bool) -> None:
    """Print what photographs and a click take. Without its service worker the page is not isolated
    and has no threads, as in a frame of another origin."""
    context = browser.new_context(viewport=LAPTOP, service_workers="allow" if threads else "block")
    page = context.new_page()
    opened(page, address)
    page.reload()  # isolated from now on
    coloured(page)
    assert page.evaluate("crossOriginIsolated") == threads
    print("with threads:" if threads else "without threads:")
    page.wait_for_timeout(3000)
    for name, size in SIZES.items():
        path = photograph(folder, size)
        shown, saved = list[float](), list[float]()
        for _ in range(VISITS):
            shown.append(until_changed(page, lambda: choose(page, path)))  # noqa: B023
            page.wait_for_timeout(3000)
            saved.append(seconds(lambda: download(page)))
        print(
            f"{name}: on the screen in {statistics.median(shown):.1f} s, "
            f"its file in {statistics.median(saved):.1f} s more"
            + (f"; {memory(page):.2f} GB" if threads else "")
        )
    choose(page, photograph(folder, SIZES["1 megapixel"]))
    page.wait_for_timeout(3000)
    page.get_by_role("button", name="Correct colours").click()
    clicks = list[float]()
    for number in range(VISITS):
        page.get_by_role("button", name="Add a place").click()
        page.locator(".swatch").nth(1).wait_for()
        swatch = page.locator(".swatch").nth(1 + number)
        clicks.append(until_changed(page, swatch.click))
        page.keyboard.press("Escape")
        page.wait_for_timeout(2000)
    print(f"a click on a colour: {statistics.median(clicks):.2f} s")
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="a folder that `colouriser web` wrote")
    out = parser.parse_args().out
    handler = functools.partial(SlowLine, directory=str(out))
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as slow,
        tempfile.TemporaryDirectory() as folder,
        served(out) as address,
        chromium() as browser,
    ):
        Thread(target=slow.serve_forever, daemon=True).start()
        first, later = visits(browser, f"http://127.0.0.1:{slow.server_port}/")
        print(f"first visit, 20 Mbit/s, uncompressed: {statistics.median(first):.1f} s")
        print(f"later visits: {statistics.median(later):.1f} s")
        timed(browser, address, Path(folder), threads=True)
        timed(browser, address, Path(folder), threads=False)


if __name__ == "__main__":
    main()
