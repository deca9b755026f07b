"""The page in a real browser, as people use it."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import ExifTags, Image
from playwright.sync_api import Browser, Locator, Page, expect

from colouriser import photo

from ..browser import LAPTOP, PATIENCE, PHONE, ROOT, chromium, running_page, upload

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_page(tmp_path_factory.mktemp("page")) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The page on a laptop."""
    context = browser.new_context(viewport=LAPTOP)
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    opened.goto(url)
    expect(opened.locator("#model")).to_contain_text("Model", timeout=PATIENCE)  # all is there
    yield opened
    context.close()


def download(page: Page, button: str = "#download") -> tuple[str, bytes]:
    """Click a download button; name and bytes of the file."""
    with page.expect_download() as waiting:
        page.locator(button).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def settled(locator: Locator) -> bytes:
    """A screenshot of an element, once it looks the same twice."""
    before = b""
    while (now := locator.screenshot()) != before:
        before = now
        locator.page.wait_for_timeout(250)
    return now


def test_one_photograph(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Box Brownie"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    path = tmp_path / "photo.jpg"
    cat.convert("L").save(path, exif=exif)
    upload(page, path)
    expect(page.locator("#note")).to_contain_text("451 × 300 pixels in")
    expect(page.locator("#note")).to_contain_text("model: the bundled weights")
    name, data = download(page)
    assert name == "photo-colourised.jpg"
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == cat.size
        assert image.getexif()[ExifTags.Base.Model] == "Box Brownie"
        assert dict(image.getexif().get_ifd(ExifTags.IFD.GPSInfo)) == {}
        luma = np.asarray(image.convert("L"), int) - np.asarray(photo.read(path).luma, int)
        assert np.abs(luma).max() <= 2
        assert np.ptp(np.asarray(image, int), axis=2).mean() > 3


def test_an_example(page: Page) -> None:
    page.locator("#examples button").nth(2).click()
    expect(page.locator("#note")).to_contain_text("451 × 300 pixels in")
    assert download(page)[0] == "cat-colourised.jpg"


def test_the_camera(page: Page) -> None:
    photograph = page.locator("#photo")
    photograph.get_by_role("button", name="Capture from camera").click()
    photograph.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#photo video')?.videoWidth > 0")  # it is on
    photograph.get_by_role("button", name="capture photo").click()
    expect(page.locator("#note")).to_contain_text("pixels in")
    assert Image.open(io.BytesIO(download(page)[1])).width >= 320


def test_dragging_the_line_compares(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    cat.convert("L").save(tmp_path / "cat.png")
    upload(page, tmp_path / "cat.png")
    slider = page.locator("#comparison")
    expect(slider.locator("img").first).to_be_visible()

    def colour() -> float:
        pixels = np.asarray(Image.open(io.BytesIO(settled(slider))).convert("RGB"), int)
        return float((np.ptp(pixels, axis=2) > 12).mean())

    half, box = colour(), slider.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 250, y, steps=5)
    page.mouse.up()
    assert colour() > half * 1.2
    page.mouse.move(x - 250, y)
    page.mouse.down()
    page.mouse.move(x + 250, y, steps=10)
    page.mouse.up()
    assert colour() < half * 0.8


def test_settings_recolour(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    cat.convert("L").save(tmp_path / "cat.png")
    upload(page, tmp_path / "cat.png")
    before = download(page)[1]
    page.locator("#settings").get_by_role("button").first.click()
    vividness = page.locator("#settings input[type=range]").nth(1)
    vividness.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.locator("#settings").get_by_label("PNG").check()

    def chroma(data: bytes) -> float:
        with Image.open(io.BytesIO(data)) as image:
            return float(np.ptp(np.asarray(image, int), axis=2).mean())

    for _ in range(40):
        after = download(page)[1]
        if chroma(after) > chroma(before) * 1.3:
            return
        page.wait_for_timeout(250)
    raise AssertionError("vividness changed nothing")


def test_a_photograph_in_colour_is_compared(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    original = page.get_by_role("tab", name="Original")
    expect(original).to_have_count(0)
    cat.save(tmp_path / "cat.png")
    upload(page, tmp_path / "cat.png")
    original.click()
    expect(page.get_by_text(re.compile(r"PSNR \d+\.\d dB; colourfulness \d+"))).to_be_visible()
    expect(page.locator("img[src*='cat-difference']")).to_be_visible()


def test_heic(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "photo.heic")
    upload(page, tmp_path / "photo.heic")
    name, data = download(page)
    assert name == "photo-colourised.png"
    assert Image.open(io.BytesIO(data)).size == cat.size


def test_notices(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    small = cat.resize((60, 40))
    small.save(tmp_path / "scan.tif", save_all=True, append_images=[small, small])
    upload(page, tmp_path / "scan.tif")
    expect(page.locator("#note")).to_contain_text(
        "has more than one page or frame; only the first is used"
    )


def test_a_broken_file_has_a_message(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "good.jpg")
    upload(page, tmp_path / "good.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    page.locator("#photo input[type=file]").first.set_input_files(tmp_path / "broken.jpg")
    toast = page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("broken.jpg: not an image that can be read; use JPEG")
    text = toast.inner_text()
    assert "Traceback" not in text
    expect(page.locator("#download")).to_be_disabled()
    assert str(tmp_path) not in text


def test_many_photographs(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    for index in range(3):
        cat.resize((90, 60)).save(tmp_path / f"photo-{index}.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    page.get_by_role("tab", name="Many photographs").click()
    page.locator("input[type=file]:visible, [data-testid=file-upload]").last.set_input_files(
        sorted(tmp_path.iterdir())
    )
    page.get_by_role("button", name="Colour all").click()
    expect(page.locator("#progress")).to_contain_text("4 of 4 done", timeout=PATIENCE)
    expect(page.locator("#progress")).to_contain_text("broken.jpg: not an image")
    expect(page.locator("#zip")).to_be_enabled(timeout=PATIENCE)
    name, data = download(page, "#zip")
    assert name == "colourised.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert sorted(archive.namelist()) == [f"photo-{i}-colourised.jpg" for i in range(3)]


def test_names_out_of_an_archive_are_text(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    photograph, names = io.BytesIO(), ("![t](http:evil).png", "<img src=evil>.png")
    cat.resize((90, 60)).save(photograph, "PNG")
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        for name in names:
            archive.writestr(f"broken{name}", b"no image")
            archive.writestr(f"good{name}", photograph.getvalue())
            archive.writestr(f"other{name}.txt", b"")
    page.get_by_role("tab", name="Many photographs").click()
    page.locator("input[type=file]:visible, [data-testid=file-upload]").last.set_input_files(
        tmp_path / "album.zip"
    )
    page.get_by_role("button", name="Colour all").click()
    expect(page.locator("#zip")).to_be_enabled(timeout=PATIENCE)
    for name in names:
        expect(page.locator("#progress")).to_contain_text(f"broken{name}: not an image")
        expect(page.locator("#progress")).to_contain_text(f"other{name}.txt")
        expect(page.get_by_text(f"good{Path(name).stem}-colourised.png").first).to_be_visible()
    assert not [url for url in asked if url.endswith("evil")]
    assert page.locator("img[src$=evil]").count() == 0


def test_many_photographs_can_be_cancelled(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    large = cat.resize((3000, 2000))
    for index in range(12):
        large.save(tmp_path / f"photo-{index:02}.png", compress_level=0)
    page.get_by_role("tab", name="Many photographs").click()
    page.locator("input[type=file]:visible, [data-testid=file-upload]").last.set_input_files(
        sorted(tmp_path.iterdir())
    )
    page.get_by_role("button", name="Colour all").click()
    expect(page.locator("#progress")).to_contain_text("of 12 done", timeout=PATIENCE)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled")
    page.wait_for_timeout(3000)
    expect(page.locator("#progress")).to_contain_text("Cancelled")  # it does not go on
    expect(page.locator("#zip")).to_be_disabled()


def test_about(page: Page) -> None:
    page.get_by_role("tab", name="About").click()
    expect(page.get_by_role("img", name=re.compile("luma goes straight"))).to_be_visible()
    expect(page.get_by_text("greyscale input")).to_be_visible()
    expect(page.locator("#figure img")).to_be_visible()


def serious(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds that is serious or worse: rule and element."""
    return [
        (violation["id"], node["html"][:160])
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_looks_and_accessibility(
    size: str,
    scheme: Literal["light", "dark"],
    browser: Browser,
    url: str,
    cat: Image.Image,
    tmp_path: Path,
) -> None:
    viewport = {"laptop": LAPTOP, "phone": PHONE}[size]
    context = browser.new_context(viewport=viewport, color_scheme=scheme)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(url)
    expect(page.locator("#model")).to_contain_text("the bundled weights")
    assert serious(page) == [], "before anything is there"
    cat.convert("L").save(tmp_path / "cat.png")
    upload(page, tmp_path / "cat.png")
    page.wait_for_timeout(500)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= viewport["width"]  # no scrolling sideways
    box = page.locator("#download").bounding_box()
    assert box
    assert box["y"] + box["height"] <= viewport["height"]  # the result needs no scrolling
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", background)[:3])) / 3
    assert (brightness < 60) == (scheme == "dark")
    for tab in ("One photograph", "Many photographs", "About"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)
        assert serious(page) == [], tab
    context.close()


def test_second_language(browser: Browser, url: str, cat: Image.Image, tmp_path: Path) -> None:
    context = browser.new_context(viewport=LAPTOP, locale="de-DE")
    page = context.new_page()
    page.goto(url)
    expect(page.get_by_role("tab", name="Viele Fotos")).to_be_visible(timeout=PATIENCE)
    page.locator("#photo input[type=file]").first.set_input_files(ROOT / "examples" / "cat.jpg")
    expect(page.locator("#note")).to_contain_text("Pixel in", timeout=PATIENCE)
    context.close()


def test_nothing_stays_in_the_browser_and_nothing_comes_from_elsewhere(
    browser: Browser, url: str, cat: Image.Image, tmp_path: Path
) -> None:
    context = browser.new_context(viewport=LAPTOP)
    context.set_default_timeout(PATIENCE)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    cat.save(tmp_path / "private-name.png")
    upload(page, tmp_path / "private-name.png")
    stored = page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    assert "private-name" not in stored
    databases = page.evaluate("indexedDB.databases().then(found => found.map(d => d.name))")
    assert databases == []
    outside = [u for u in asked if not u.startswith((url, "data:", "blob:"))]
    assert not outside
    context.close()


def test_keyboard(page: Page) -> None:
    names = []
    for _ in range(12):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "e => document.activeElement.getAttribute('aria-label')"
                " || document.activeElement.innerText || ''"
            )
        )
    assert any("One photograph" in name for name in names)
