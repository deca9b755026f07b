"""The pictures of README and of links to the page: a portrait before and after, and screenshots on
a laptop in light and dark and on a phone. `make screenshots`
"""

import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from colouriser import Colouriser
from colouriser.page.head import PICTURE

from .browser import LAPTOP, PATIENCE, PHONE, ROOT, chromium, coloured, running_page, upload

SHOTS = {"light": LAPTOP, "dark": LAPTOP, "phone": PHONE}


def correct(page: Page) -> None:
    """Open the palette at a place of an example."""
    page.get_by_role("button", name="astronaut").click()
    coloured(page)
    page.get_by_role("button", name="Correct colours").click()
    stage = page.locator(".stage").bounding_box()
    assert stage
    x, y = stage["x"] + stage["width"] * 0.42, stage["y"] + stage["height"] * 0.75
    page.mouse.click(x, y)
    page.locator(".swatch").first.wait_for()


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
                correct(page)
            if name == "phone":
                upload(page, ROOT / "examples" / "temple.jpg")
            page.wait_for_timeout(2000)  # pictures fade in
            page.screenshot(path=ROOT / "docs" / f"page-{name}.png")
            context.close()


if __name__ == "__main__":
    main()
