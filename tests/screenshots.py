"""The screenshots of docs/, on a laptop in light and dark and on a phone: `make screenshots`."""

import tempfile
from pathlib import Path

from .browser import LAPTOP, PATIENCE, PHONE, ROOT, chromium, running_page, upload

SHOTS = {"light": LAPTOP, "dark": LAPTOP, "phone": PHONE}


def main() -> None:
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
            upload(page, ROOT / "examples" / "temple.jpg")
            page.wait_for_timeout(2000)  # pictures fade in
            page.screenshot(path=ROOT / "docs" / f"page-{name}.png")
            context.close()


if __name__ == "__main__":
    main()
