"""The pictures of README and of links to the page: a portrait before and after; screenshots on a
laptop in light and dark and on a phone; and how a colour is corrected. `make screenshots`
"""

import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize

from colouriser import Colouriser
from colouriser.page.head import PICTURE

from .browser import (
    LAPTOP,
    PATIENCE,
    PHONE,
    ROOT,
    chromium,
    coloured,
    running_page,
    upload,
    visit,
)

SHOTS = {"light": LAPTOP, "dark": LAPTOP, "phone": PHONE}
SMALL: ViewportSize = {"width": 800, "height": 700}  # of the pictures of a correction


def correct(page: Page, across: float, down: float) -> None:
    """Open the palette at a place of the photograph."""
    page.get_by_role("button", name="Correct colours").click()
    stage = page.locator(".stage").bounding_box()
    assert stage
    x, y = stage["x"] + stage["width"] * across, stage["y"] + stage["height"] * down
    page.mouse.click(x, y)
    page.locator(".swatch").first.wait_for()


def mend(page: Page) -> None:
    """A table that looks wrong, the colours that are likely there, and one of them taken."""
    upload(page, ROOT / "examples" / "coffee.jpg")
    shoot(page, "mend-1")
    correct(page, 0.73, 0.4)
    shoot(page, "mend-2")
    page.locator(".swatch").nth(3).click()
    coloured(page)
    page.keyboard.press("Escape")
    shoot(page, "mend-3")


def shoot(page: Page, name: str) -> None:
    page.wait_for_timeout(2000)  # pictures fade in
    page.locator(".stage").screenshot(path=ROOT / "docs" / f"{name}.png")


def portrait() -> None:
    """Grace Hopper, before and after."""
    with Image.open(ROOT / "examples" / "hopper.jpg") as opened:
        grey = opened.convert("L")
    both = Image.new("RGB", (2 * grey.width, grey.height))
    both.paste(grey.convert("RGB"))
    both.paste(Colouriser.load().colourise(grey), (grey.width, 0))
    both.save(PICTURE, quality=90)


def main() -> None:
    portrait()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_page(Path(folder)) as url,
        chromium() as browser,
    ):
        for name, viewport in SHOTS.items():
            context = browser.new_context(
                viewport=viewport, color_scheme="dark" if name == "dark" else "light"
            )
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto(url)
            coloured(page)
            if name == "dark":
                page.get_by_role("button", name="astronaut").click()
                coloured(page)
                correct(page, 0.42, 0.75)
            if name == "phone":
                upload(page, ROOT / "examples" / "temple.jpg")
            page.wait_for_timeout(2000)  # pictures fade in
            page.screenshot(path=ROOT / "docs" / f"page-{name}.png")
            context.close()
        page = visit(browser, url, viewport=SMALL)
        mend(page)


if __name__ == "__main__":
    main()
