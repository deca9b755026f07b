"""The viewer in a real browser, on the Gradio page and in the browser edition alike."""

import io
import json
import re
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import ExifTags, Image
from playwright.sync_api import Browser, Page, Route, expect

from colouriser.hints import read_hints

from ..browser import (
    LAPTOP,
    PATIENCE,
    PHONE,
    ROOT,
    box,
    chroma_at,
    colour_share,
    coloured,
    download,
    findings,
    settled,
    upload,
    visit,
)
from ..photographs import stored_luma

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["gradio", "web"])
def url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(f"{request.param}_url")


def test_it_opens_on_a_finished_example(page: Page) -> None:
    expect(page.locator(".badge")).to_have_text("Example")
    expect(page.locator(".handle")).to_have_attribute("aria-valuenow", "40")
    expect(page.locator(".download")).to_be_enabled()
    assert colour_share(settled(page.locator(".stage"))) > 0.05
    expect(page.locator(".add")).to_contain_text(re.compile("Deleted after an hour|not leave"))


def test_one_photograph(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Box Brownie"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 0.0)
    path = tmp_path / "photo.jpg"
    cat.convert("L").save(path, exif=exif)
    upload(page, path)
    expect(page.locator(".badge")).to_be_hidden()
    expect(page.locator(".note")).to_contain_text("451 × 300 pixels")
    name, data = download(page)
    assert name == "photo-colourised.jpg"
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == cat.size
        assert image.getexif()[ExifTags.Base.Model] == "Box Brownie"
        assert dict(image.getexif().get_ifd(ExifTags.IFD.GPSInfo)) == {}
        (tmp_path / name).write_bytes(data)
        assert np.array_equal(stored_luma(tmp_path / name), stored_luma(path))
        assert np.ptp(np.asarray(image, int), axis=2).mean() > 3
    page.get_by_label("Keep the location").check()
    page.locator(".format").select_option("png")
    name, data = download(page)
    assert name == "photo-colourised.png"
    with Image.open(io.BytesIO(data)) as image:
        assert dict(image.getexif().get_ifd(ExifTags.IFD.GPSInfo)) != {}


def test_one_in_colour_keeps_its_colours_unless_asked(
    page: Page, astronaut: Image.Image, tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    astronaut.save(path)
    upload(page, path)
    expect(page.locator(".note")).to_contain_text("in colour already")
    own = chroma_at(page, 0.55, 0.8)
    name, data = download(page)
    assert (name, data) == ("photo.png", path.read_bytes())
    shown = page.locator(".after img").get_attribute("src")
    page.get_by_label("Colour it anew").check()
    expect(page.locator(".note")).not_to_contain_text("in colour already")
    page.wait_for_function("b => document.querySelector('.after img').src !== b", arg=shown)
    assert np.abs(chroma_at(page, 0.55, 0.8) - own).max() > 3
    name, data = download(page)
    assert name == "photo-colourised.png"


def test_the_line_compares_by_mouse_and_keys(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    cat.convert("L").save(tmp_path / "cat.png")
    upload(page, tmp_path / "cat.png")
    stage, handle = box(page), page.get_by_role("slider", name="Line between before and after")
    half = colour_share(settled(page.locator(".stage")))
    middle = (stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 200, middle[1], steps=5)
    page.mouse.up()
    assert colour_share(settled(page.locator(".stage"))) > half * 1.2
    handle.focus()
    page.keyboard.press("End")
    expect(handle).to_have_attribute("aria-valuenow", "100")
    expect(handle).to_have_attribute("aria-valuetext", "100 % before")
    assert colour_share(settled(page.locator(".stage"))) < 0.02
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(handle).to_have_attribute("aria-valuenow", "85")
    page.locator(".side").click()
    left, right = (colour_share(settled(page.locator(f".{side}"))) for side in ("before", "after"))
    assert left < 0.02 < right


def test_zoom_shows_the_files_own_pixels(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    large = cat.resize((3000, 2000))
    large.save(tmp_path / "large.png")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    upload(page, tmp_path / "large.png")
    assert page.evaluate("document.querySelector('.after img').naturalWidth") == 1600
    assert not any("colourised.png" in url for url in asked)
    page.locator(".z100").click()
    page.wait_for_function("() => document.querySelector('.after img').naturalWidth === 3000")
    expect(page.locator(".z100")).to_have_attribute("aria-pressed", "true")
    page.locator(".strength").fill("120")  # and after a change again
    page.wait_for_function("() => document.querySelector('.after img').naturalWidth === 1600")
    page.wait_for_function("() => document.querySelector('.after img').naturalWidth === 3000")
    seen = settled(page.locator(".after"))
    page.mouse.move(
        *(box(page)[k] + box(page)[s] / 2 for k, s in (("x", "width"), ("y", "height")))
    )
    page.mouse.down()
    page.mouse.move(300, 300, steps=5)
    page.mouse.up()
    assert settled(page.locator(".after")).tobytes() != seen.tobytes()  # panned
    page.locator(".fit").click()
    page.mouse.move(400, 300)
    page.mouse.wheel(0, -400)
    expect(page.locator(".fit")).to_have_attribute("aria-pressed", "false")


def test_settings_recolour_and_begin_anew(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    cat.convert("L").save(tmp_path / "cat.png")
    upload(page, tmp_path / "cat.png")

    def chroma(data: bytes) -> float:
        with Image.open(io.BytesIO(data)) as image:
            return float(np.ptp(np.asarray(image, int), axis=2).mean())

    before = chroma(download(page)[1])
    strength = page.get_by_label("Colour strength")
    assert box(page, ".strength")["y"] < LAPTOP["height"]  # in view with the picture
    strength.fill("200")
    coloured(page)
    assert chroma(download(page)[1]) > before * 1.4
    page.get_by_role("button", name="Reset all").click()
    expect(strength).to_have_value("100")
    strength.fill("50")
    coloured(page)
    upload(page, tmp_path / "cat.png")
    expect(strength).to_have_value("100")


def test_correcting_a_colour(page: Page, tmp_path: Path) -> None:
    page.get_by_role("button", name="Correct colours").click()
    stage = box(page)
    place = (0.5, 0.85)  # the uniform
    before, far = chroma_at(page, *place), chroma_at(page, 0.42, 0.1)
    page.mouse.click(
        stage["x"] + stage["width"] * place[0], stage["y"] + stage["height"] * place[1]
    )
    swatches = page.locator(".swatch")
    expect(swatches.first).to_be_visible()
    assert 3 <= swatches.count() <= 7
    assert re.search(r"\d+ % likely", swatches.first.get_attribute("aria-label") or "")
    page.locator(".free input").fill("#a02020")
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".list li")).to_have_count(1)
    coloured(page)
    page.locator(".pins").evaluate("e => { e.style.opacity = 0 }")
    after = chroma_at(page, *place)
    assert after[1] > before[1] + 8  # redder
    assert np.abs(chroma_at(page, 0.42, 0.1) - far).max() < 4  # the flag behind her stays
    page.keyboard.press("Control+z")
    expect(page.locator(".list li")).to_have_count(0)
    coloured(page)
    assert np.abs(chroma_at(page, *place) - before).max() < 3
    page.get_by_role("button", name="Redo").click()
    coloured(page)
    assert chroma_at(page, *place)[1] > before[1] + 8
    page.locator(".pins").evaluate("e => { e.style.opacity = 1 }")
    name, data = download(page, ".keep")
    assert name == "hopper-colours.json"
    (tmp_path / name).write_bytes(data)
    (hint,) = read_hints(tmp_path / name)
    assert hint.colour == "#a02020"
    (tmp_path / "bad.json").write_text(json.dumps([{"x": 1e6, "y": 0, "colour": "#000000"}]))
    shown = page.locator(".after img").get_attribute("src")
    requests: list[Route] = []
    page.route(re.compile("component_server"), lambda route: requests.append(route))
    page.get_by_role("button", name="Remove correction 1").click()
    expect(page.locator(".pin")).to_have_count(0)
    page.locator(".pinfile").set_input_files(tmp_path / name)
    expect(page.locator(".pin")).to_have_count(1)
    page.locator(".pinfile").set_input_files(tmp_path / "bad.json")
    message = page.get_by_role("alert")
    expect(message).to_contain_text("no corrections of this photograph")
    for request in requests:
        request.continue_()
    page.unroute(re.compile("component_server"))
    page.wait_for_function("b => document.querySelector('.after img').src !== b", arg=shown)
    page.wait_for_timeout(300)
    expect(message).to_be_visible()  # although colourings arrived that were asked for before


def test_a_pin_moves(page: Page) -> None:
    page.get_by_role("button", name="Correct colours").click()
    stage = box(page)
    page.mouse.click(stage["x"] + stage["width"] * 0.5, stage["y"] + stage["height"] * 0.85)
    page.locator(".swatch").nth(1).click()
    page.get_by_role("button", name="Close").click()
    at = box(page, ".pin")
    page.mouse.move(at["x"] + 13, at["y"] + 13)
    page.mouse.down()
    page.mouse.move(at["x"] + 60, at["y"] - 40, steps=6)
    page.mouse.up()
    assert box(page, ".pin")["x"] == pytest.approx(at["x"] + 47, abs=3)
    page.locator(".pin").click()
    expect(page.locator(".palette")).to_be_visible()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator(".pin")).to_have_count(0)


def test_corrections_end_with_their_photograph(page: Page, tmp_path: Path) -> None:
    def correct() -> None:
        page.get_by_role("button", name="Correct colours").click()
        page.get_by_role("button", name="Add a place").click()
        page.locator(".swatch").nth(1).click()
        page.keyboard.press("Escape")
        coloured(page)
        expect(page.locator(".pin")).to_have_count(1)

    correct()
    page.get_by_role("button", name="Summer Palace").click()
    expect(page.locator(".note")).to_contain_text("640 × 427")
    coloured(page)
    correct()
    upload(page, ROOT / "examples" / "cat.jpg")
    correct()
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    page.locator(".file").set_input_files(tmp_path / "broken.jpg")
    expect(page.locator(".stage").get_by_role("alert")).to_contain_text("broken.jpg: not an image")
    expect(page.locator(".pin")).to_have_count(0)


def test_a_correction_by_the_keyboard_alone(page: Page) -> None:
    def press(name: str) -> None:
        page.get_by_role("button", name=name, exact=True).focus()
        page.keyboard.press("Enter")

    press("Correct colours")
    press("Add a place")
    expect(page.locator(".swatch").first).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator(".palette")).to_be_hidden()
    expect(page.locator(".list li")).to_have_count(1)
    at = box(page, ".pin")
    page.locator(".pin").focus()
    page.keyboard.press("ArrowRight")
    assert box(page, ".pin")["x"] > at["x"]
    page.keyboard.press("Delete")
    expect(page.locator(".pin")).to_have_count(0)
    press("Undo")
    expect(page.locator(".pin")).to_have_count(1)


def test_where_it_is_unsure(page: Page) -> None:
    seen = settled(page.locator(".stage")).tobytes()
    page.get_by_role("button", name="Show where it is unsure").click()
    expect(page.locator(".unsure")).to_be_visible()
    assert settled(page.locator(".stage")).tobytes() != seen
    page.get_by_role("button", name="Show where it is unsure").click()
    assert settled(page.locator(".stage")).tobytes() == seen


def test_other_colourings(page: Page) -> None:
    strip = page.locator(".strip button")
    expect(strip).to_have_count(5)
    usual = download(page)[1]
    expect(strip.first).to_have_attribute("aria-pressed", "true")
    before = page.locator(".after img").get_attribute("src")
    page.get_by_role("button", name="Other colouring 2").click()
    page.wait_for_function("b => document.querySelector('.after img').src !== b", arg=before)
    expect(strip.nth(2)).to_have_attribute("aria-pressed", "true")
    coloured(page)
    one, two = (np.asarray(Image.open(io.BytesIO(d)), int) for d in (usual, download(page)[1]))
    assert one.shape == two.shape
    assert np.abs(one - two).mean() > 1


def test_borrowing_colours(page: Page, astronaut: Image.Image, tmp_path: Path) -> None:
    astronaut.save(tmp_path / "reference.png")
    before = page.locator(".after img").get_attribute("src")
    page.locator(".reference").set_input_files(tmp_path / "reference.png")
    page.wait_for_function("b => document.querySelector('.after img').src !== b", arg=before)
    expect(page.get_by_label("How much")).to_be_visible()
    expect(page.locator(".note")).not_to_contain_text("nothing that looks alike")
    Image.new("L", (64, 64), 90).save(tmp_path / "grey.png")
    page.locator(".reference").set_input_files(tmp_path / "grey.png")
    expect(page.get_by_role("alert")).to_contain_text("the reference has no colours")
    page.locator(".drop-reference").click()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_pictures_are_decoded_once_and_let_go(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    page.add_init_script(
        """
        window.decoded = [], window.alive = new Set();
        const {decode} = HTMLImageElement.prototype, {createObjectURL, revokeObjectURL} = URL;
        HTMLImageElement.prototype.decode = function () {
          decoded.push(this.src);
          return decode.call(this);
        };
        URL.createObjectURL = (object) => {
          const url = createObjectURL(object);
          alive.add(url);
          return url;
        };
        URL.revokeObjectURL = (url) => { alive.delete(url); revokeObjectURL(url); };
        """
    )
    page.reload()
    coloured(page)
    cat.save(tmp_path / "cat.png")
    for _ in range(2):
        upload(page, tmp_path / "cat.png")
        page.locator(".reference").set_input_files(tmp_path / "cat.png")
        expect(page.locator(".reference-picture")).to_be_visible()
    page.get_by_role("button", name="Summer Palace").click()
    expect(page.locator(".note")).to_contain_text("640 × 427")
    coloured(page)
    decoded = page.evaluate("decoded")
    assert len(decoded) >= 6
    assert len(set(decoded)) == len(decoded)
    kept = page.evaluate("[...alive].filter(url => !document.body.innerHTML.includes(url))")
    assert kept == []  # of what is not seen


def test_other_colourings_follow_a_correction(page: Page) -> None:
    strip = page.locator(".strip img")
    expect(strip).to_have_count(5)
    before = strip.first.get_attribute("src")
    page.get_by_role("button", name="Correct colours").click()
    page.get_by_role("button", name="Add a place").click()
    page.locator(".swatch").nth(1).click()
    page.keyboard.press("Escape")
    coloured(page)
    page.locator(".strip").scroll_into_view_if_needed()
    page.wait_for_function("b => document.querySelector('.strip img').src !== b", arg=before)
    expect(strip).to_have_count(5)


def test_the_camera(page: Page) -> None:
    page.get_by_role("button", name="Camera", exact=True).click()
    page.wait_for_function("() => document.querySelector('.video video').videoWidth > 0")
    page.get_by_role("button", name="Take the photograph").click()
    expect(page.locator(".note")).to_contain_text("pixels")
    coloured(page)
    assert Image.open(io.BytesIO(download(page)[1])).width >= 320


def test_transparency_looks_the_same_on_both_sides(
    page: Page, cat: Image.Image, tmp_path: Path
) -> None:
    cut = cat.convert("RGBA")
    cut.paste((0, 0, 0, 0), (0, 0, 451, 150))
    cut.save(tmp_path / "cut.png")
    upload(page, tmp_path / "cut.png")
    seen = np.asarray(settled(page.locator(".stage")), int)
    upper = seen[round(seen.shape[0] * 0.25)]
    assert np.ptp(upper[:40], axis=0).max() < 8
    assert np.abs(upper[200] - upper[-200]).max() < 8


def test_a_broken_file_has_a_message_in_its_place(
    page: Page, cat: Image.Image, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    page.locator(".file").set_input_files(tmp_path / "broken.jpg")
    message = page.locator(".stage").get_by_role("alert")
    expect(message).to_contain_text("broken.jpg: not an image that can be read; use JPEG")
    text = message.inner_text()
    assert "Traceback" not in text
    assert str(tmp_path) not in text
    expect(page.locator(".download")).to_be_disabled()
    expect(page.get_by_role("button", name="Correct colours")).to_be_disabled()
    cat.save(tmp_path / "good.jpg")
    upload(page, tmp_path / "good.jpg")
    expect(message).to_be_hidden()


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
    page = visit(browser, url, viewport=viewport, color_scheme=scheme)
    assert findings(page) == [], "at first"
    cat.convert("L").save(tmp_path / "cat.png")
    upload(page, tmp_path / "cat.png")
    page.wait_for_timeout(500)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= viewport["width"]  # no scrolling sideways
    button = box(page, ".download")
    assert button["y"] + button["height"] <= viewport["height"]  # the result needs no scrolling
    page.get_by_role("button", name="Correct colours").click()
    page.get_by_role("button", name="Add a place").click()
    expect(page.locator(".swatch").first).to_be_visible()
    assert findings(page) == [], "with the palette"
    page.keyboard.press("Escape")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", background)[:3])) / 3
    assert (brightness < 60) == (scheme == "dark")
    for tab in ("One photograph", "Many photographs", "About"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(500)
        assert findings(page) == [], tab
    page.context.close()


def test_touch(phone: Page, cat: Image.Image, tmp_path: Path) -> None:
    stage, session = box(phone), phone.context.new_cdp_session(phone)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [
            {"x": stage["x"] + x * stage["width"], "y": stage["y"] + y * stage["height"], "id": i}
            for i, (x, y) in enumerate(points)
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (0.5, 0.5))
    for x in (0.55, 0.6, 0.7, 0.8):
        touch("touchMove", (x, 0.5))
    touch("touchEnd")
    assert int(phone.locator(".handle").get_attribute("aria-valuenow") or 0) > 60
    touch("touchStart", (0.5, 0.8))
    for y in (0.7, 0.5, 0.3, 0.1):
        touch("touchMove", (0.5, y))
        phone.wait_for_timeout(30)
    touch("touchEnd")
    phone.wait_for_timeout(300)
    assert phone.evaluate("scrollY") > 50  # a vertical swipe scrolls the page
    phone.evaluate("scrollTo(0, 0)")
    phone.wait_for_timeout(300)
    touch("touchStart", (0.45, 0.5), (0.55, 0.5))
    for step in (0.1, 0.2, 0.3):
        touch("touchMove", (0.45 - step, 0.5), (0.55 + step, 0.5))
    touch("touchEnd")
    expect(phone.locator(".fit")).to_have_attribute("aria-pressed", "false")  # pinched


def test_second_language(browser: Browser, url: str, tmp_path: Path) -> None:
    page = visit(browser, url, locale="de-DE")
    expect(page.get_by_role("tab", name="Viele Fotos")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".note")).to_contain_text("Pixel")
    expect(page.locator("body")).to_contain_text("glaubhaft, aber nicht immer die echten")
    expect(page.get_by_label("Standort (GPS) beibehalten").first).to_be_visible()
    (tmp_path / "kaputt.jpg").write_bytes(b"no image")
    page.locator(".file").set_input_files(tmp_path / "kaputt.jpg")
    expect(page.get_by_role("alert").first).to_contain_text("kein Bild, das gelesen werden kann")
    page.context.close()


def test_keyboard(page: Page) -> None:
    names = []
    for _ in range(30):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "e => document.activeElement.getAttribute('aria-label')"
                " || document.activeElement.innerText || ''"
            )
        )
    for wanted in ("One photograph", "Choose a photograph", "Line between", "Correct colours"):
        assert any(wanted in name for name in names), wanted
