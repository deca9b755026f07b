"""How long people wait at the page, in a real browser on this machine.

    python -m benchmarks.clicks

Prints medians in seconds: from an upload to the photograph in colour, the first time and later
ones, and from a click on a colour to the photograph in it. And the bytes of the preview of a
photograph of 12 megapixels, with what they take at 2 Mbit/s.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Response

from benchmarks.colourise import SIZES, photograph
from tests.browser import LAPTOP, chromium, coloured, running_page

ROUNDS = 7
MBIT = 2.0  # a second, of a slow line
MEGAPIXELS = (1, 12)


def seconds(page: Page, begin: Callable[[], object], changed: str) -> float:
    """From an action until a picture other than `changed` is seen."""
    start = time.perf_counter()
    begin()
    page.wait_for_function(
        "b => { const i = document.querySelector('.after img');"
        " return i && !i.src.startsWith('blob:') && i.src !== b; }",
        arg=changed,
        polling=10,
    )
    return time.perf_counter() - start


def source(page: Page) -> str:
    return page.locator(".after img").get_attribute("src") or ""


def measure(page: Page, megapixels: int, path: Path) -> None:
    """Upload a photograph several times; prints the times, and the bytes of its preview."""
    times, sizes = [], list[int]()

    def count(response: Response) -> None:
        if "/file=" in response.url and "preview" in response.url:
            sizes.append(int(response.headers.get("content-length", 0)))

    page.on("response", count)
    for _ in range(ROUNDS):
        before = source(page)
        times.append(seconds(page, lambda: page.locator(".file").set_input_files(path), before))
        coloured(page)
    page.remove_listener("response", count)
    print(f"| {megapixels} MP, from upload to colour, first | {times[0]:.2f} |")
    print(f"| {megapixels} MP, from upload to colour, later | {statistics.median(times[1:]):.2f} |")
    print(f"| {megapixels} MP, bytes of the preview | {max(sizes):,} |")
    print(f"| {megapixels} MP, seconds for them at 2 Mbit/s | {max(sizes) * 8 / MBIT / 1e6:.2f} |")


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_page(Path(folder) / "page") as url,
        chromium() as browser,
    ):
        page = browser.new_context(viewport=LAPTOP).new_page()
        start = time.perf_counter()
        page.goto(url)
        coloured(page)
        print(f"| the page with its example in colour | {time.perf_counter() - start:.2f} |")
        for megapixels in MEGAPIXELS:
            path = Path(folder) / f"{megapixels}.jpg"
            photograph(SIZES[megapixels], path)
            measure(page, megapixels, path)
        page.get_by_role("button", name="Correct colours").click()
        page.get_by_role("button", name="Add a place").click()
        page.locator(".swatch").nth(2).wait_for()
        times = []
        for index in range(ROUNDS):
            swatch = page.locator(".swatch").nth(index % 3)
            times.append(seconds(page, swatch.click, source(page)))
            coloured(page)
        print(f"| 12 MP, from a click on a colour to it | {statistics.median(times):.2f} |")


if __name__ == "__main__":
    main()
