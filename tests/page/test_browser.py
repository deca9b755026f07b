"""The page in a real browser, as people use it."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import ExifTags, Image
from playwright.sync_api import Browser, Locator, Page, Response, Route, expect

from colouriser.hints import read_hints

from ..browser import LAPTOP, PATIENCE, PHONE, ROOT, chromium, coloured, running_page, upload
from ..photographs import stored_luma

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_page(tmp_path_factory.mktemp("page")) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def visit(browser: Browser, url: str, **options: Any) -> Page:
    """The page, open on its example."""
    context = browser.new_context(**({"viewport": LAPTOP} | options))
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(url)
    coloured(page)
    return page


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The page on a laptop."""
    opened, errors = visit(browser, url), list[str]()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.context.close()
    assert not errors


@pytest.fixture
def phone(browser: Browser, url: str) -> Iterator[Page]:
    """The page on a phone, with touch."""
    opened = visit(browser, url, viewport=PHONE, has_touch=True, is_mobile=True)
    yield opened
    opened.context.close()


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


def test_it_opens_on_a_finished_example(page: Page) -> None:
    expect(page.locator(".badge")).to_have_text("Example")
    expect(page.locator(".handle")).to_have_attribute("aria-valuenow", "40")
    expect(page.locator(".download")).to_be_enabled()
    assert colour_share(settled(page.locator(".stage"))) > 0.05
    expect(page.locator(".add")).to_contain_text("Deleted after an hour")


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


def test_the_photograph_is_seen_in_grey_at_once(
    page: Page, cat: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / "cat.png")
    held: list[Any] = []
    page.route(re.compile("component_server"), lambda route: held.append(route))
    page.locator(".file").set_input_files(tmp_path / "cat.png")
    expect(page.locator(".working")).to_be_visible()
    expect(page.locator(".note")).to_have_text("")
    page.wait_for_function("document.querySelector('.after img')?.src.startsWith('blob:')")
    assert colour_share(settled(page.locator(".after"))) < 0.01
    held.pop(0).continue_()
    page.unroute(re.compile("component_server"))
    coloured(page)
    page.evaluate(
        "() => { window.blanks = 0; new MutationObserver(() => {"
        "if (!document.querySelector('.after img')) window.blanks++; })"
        ".observe(document.querySelector('.after'), {childList: true}); }"
    )
    before = page.locator(".after img").get_attribute("src")
    page.locator(".strength").fill("150")
    page.wait_for_function("b => document.querySelector('.after img').src !== b", arg=before)
    assert page.evaluate("window.blanks") == 0


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
    page.wait_for_function("document.querySelector('.after img').naturalWidth === 3000")
    expect(page.locator(".z100")).to_have_attribute("aria-pressed", "true")
    page.locator(".strength").fill("120")  # and after a change again
    page.wait_for_function("document.querySelector('.after img').naturalWidth === 1600")
    page.wait_for_function("document.querySelector('.after img').naturalWidth === 3000")
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
    Image.new("L", (64, 64), 90).save(tmp_path / "grey.png")
    page.locator(".reference").set_input_files(tmp_path / "grey.png")
    expect(page.get_by_role("alert")).to_contain_text("the reference has no colours")
    page.locator(".drop-reference").click()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_no_late_answer_reaches_another_photograph(
    page: Page, astronaut: Image.Image, tmp_path: Path
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        first = not held or "upload" in route.request.url
        if first and (
            "upload" in route.request.url or '"unsure"' in (route.request.post_data or "")
        ):
            held.append(route)
        else:
            route.continue_()

    astronaut.save(tmp_path / "reference.png")
    page.route(re.compile("component_server|/upload"), hold)
    page.get_by_role("button", name="Show where it is unsure").click()
    page.locator(".reference").set_input_files(tmp_path / "reference.png")
    page.get_by_role("button", name="Summer Palace").click()
    expect(page.locator(".note")).to_contain_text("640 × 427")
    coloured(page)
    page.get_by_role("button", name="Show where it is unsure").click()
    expect(page.locator(".unsure")).to_be_visible()
    mask = page.locator(".unsure").evaluate("e => e.style.maskImage")
    assert len(held) == 2
    for route in held:
        with page.expect_response(route.request.url):
            route.continue_()
    page.wait_for_timeout(500)
    assert page.locator(".unsure").evaluate("e => e.style.maskImage") == mask
    expect(page.locator(".reference-picture")).to_be_hidden()


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
    assert page.evaluate("alive.size") == 0


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


def test_all_pixels_on_a_phone_have_a_bound(phone: Page, tmp_path: Path) -> None:
    asked: list[str] = []
    phone.on(
        "request",
        lambda request: asked.append(
            request.post_data or "" if "component_server" in request.url else ""
        ),
    )
    Image.linear_gradient("L").resize((6000, 4100)).save(tmp_path / "large.jpg")
    upload(phone, tmp_path / "large.jpg")
    expect(phone.locator(".note")).to_contain_text("This device shows fewer of them")
    phone.locator(".z100").click()
    expect(phone.locator(".z100")).to_have_attribute("aria-pressed", "true")
    phone.wait_for_timeout(500)
    assert any('"colour"' in data for data in asked)
    assert not any('"full"' in data for data in asked)


def test_the_camera(page: Page) -> None:
    page.get_by_role("button", name="Camera", exact=True).click()
    page.wait_for_function("document.querySelector('.video video').videoWidth > 0")
    page.get_by_role("button", name="Take the photograph").click()
    expect(page.locator(".note")).to_contain_text("pixels")
    coloured(page)
    assert Image.open(io.BytesIO(download(page)[1])).width >= 320


@pytest.mark.parametrize("suffix", [".heic", ".tif"])
def test_what_browsers_cannot_show(
    suffix: str, page: Page, cat: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / f"photo{suffix}")
    upload(page, tmp_path / f"photo{suffix}")
    name, data = download(page)
    assert name == ("photo-colourised.png" if suffix == ".heic" else "photo-colourised.tif")
    assert Image.open(io.BytesIO(data)).size == cat.size
    page.locator(".z200").click()
    page.wait_for_function("document.querySelector('.after img').naturalWidth === 451")


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


def test_notices(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    small = cat.resize((60, 40))
    small.save(tmp_path / "scan.tif", save_all=True, append_images=[small, small])
    upload(page, tmp_path / "scan.tif")
    expect(page.locator(".note")).to_contain_text("more than one page or frame; only the first")


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


def test_pasting_and_dropping(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    def give(kind: str, target: str, name: str, data: bytes) -> None:
        page.evaluate(
            """([kind, target, name, data]) => {
              const files = new DataTransfer();
              files.items.add(new File([new Uint8Array(data)], name, {type: ''}));
              const options = {bubbles: true, cancelable: true};
              document.querySelector(target).dispatchEvent(kind === 'paste'
                ? new ClipboardEvent('paste', {...options, clipboardData: files})
                : new DragEvent('drop', {...options, dataTransfer: files}));
            }""",
            [kind, target, name, list(data)],
        )

    buffer = io.BytesIO()
    cat.resize((120, 80)).save(buffer, "PNG")
    page.get_by_role("tab", name="About").click()
    give("paste", "body", "pasted.png", buffer.getvalue())
    expect(page.locator(".note")).to_contain_text("120 × 80")
    coloured(page)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.png", buffer.getvalue())
    give("drop", ".stage", "album.zip", archive.getvalue())
    expect(page.get_by_role("tab", name="Many photographs")).to_have_attribute(
        "aria-selected", "true"
    )
    expect(page.locator("#files")).to_contain_text("album")


def add_many(page: Page, files: list[Path]) -> None:
    """Add files to the tab for many photographs."""
    page.get_by_role("tab", name="Many photographs").click()
    expect(page.get_by_role("button", name="Colour all")).to_be_disabled()
    page.locator("#files input[type=file]").set_input_files(files)
    expect(page.get_by_role("button", name="Colour all")).to_be_enabled()
    page.get_by_role("button", name="Colour all").click()


def test_many_photographs(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    for index in range(3):
        cat.resize((90, 60 + index)).save(tmp_path / f"photo-{index}.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    add_many(page, sorted(tmp_path.iterdir()))
    expect(page.locator("#progress")).to_contain_text("3 coloured, 1 not")
    expect(page.locator("#progress")).to_contain_text("broken.jpg: not an image")
    expect(page.locator("#zip")).to_be_enabled()
    name, data = download(page, "#zip")
    assert name == "colourised.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert sorted(archive.namelist()) == [f"photo-{i}-colourised.jpg" for i in range(3)]
    tops = [box(page, f"#gallery button >> nth={index}")["y"] for index in range(3)]
    assert len(set(tops)) == 1  # side by side
    page.locator("#gallery button").nth(1).click()  # open it in the viewer
    expect(page.locator(".note")).to_contain_text("90 × 61 pixels")
    coloured(page)
    page.get_by_role("button", name="Correct colours").click()
    expect(page.locator(".corrections")).to_be_visible()
    page.get_by_role("button", name="Back to the photographs").click()
    expect(page.locator("#progress")).to_be_visible()


def test_names_out_of_an_archive_are_text(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    photograph, names = io.BytesIO(), ("![t](http:evil).png", "<img src=evil>.png")
    cat.resize((90, 60)).save(photograph, "PNG")
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        for name in names:
            archive.writestr(f"broken{name}", b"no image")
            archive.writestr(f"good{name}", photograph.getvalue())
            archive.writestr(f"other{name}.psd", b"8BPS")
    add_many(page, [tmp_path / "album.zip"])
    expect(page.locator("#zip")).to_be_enabled(timeout=PATIENCE)
    for name in names:
        expect(page.locator("#progress")).to_contain_text(f"broken{name}: not an image")
        expect(page.locator("#progress")).to_contain_text(f"other{name}.psd: a document of")
        expect(page.get_by_text(f"good{Path(name).stem}-colourised.png").first).to_be_visible()
    page.locator("#gallery button").first.click()
    expect(page.locator(".note")).to_contain_text("90 × 60 pixels")
    assert not [url for url in asked if url.endswith("evil")]
    assert page.locator("img[src$=evil]").count() == 0


def test_what_is_done_stays_when_many_are_cancelled(
    page: Page, cat: Image.Image, tmp_path: Path
) -> None:
    large = cat.resize((3000, 2000))
    for index in range(12):
        large.save(tmp_path / f"photo-{index:02}.png", compress_level=0)
    add_many(page, sorted(tmp_path.iterdir()))
    expect(page.locator("#progress")).to_contain_text("of 12 done", timeout=PATIENCE)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled:")
    expect(page.locator("#zip")).to_be_enabled()
    with zipfile.ZipFile(io.BytesIO(download(page, "#zip")[1])) as archive:
        assert 1 <= len(archive.namelist()) < 12


def test_about(page: Page) -> None:
    page.get_by_role("tab", name="About").click()
    expect(page.get_by_role("heading", name="Privacy")).to_be_visible()
    expect(page.locator("#pictures img")).to_have_count(12)
    page.wait_for_function(
        "[...document.querySelectorAll('#pictures img')].every(i => i.complete && i.naturalWidth)"
    )
    text = page.locator("#about").inner_text()
    assert not re.search("luma|chroma|network|PSNR", text, re.IGNORECASE)
    card = page.get_by_role("link", name="How good it is").get_attribute("href")
    answer = page.request.get(f"{page.url.rstrip('/')}/{card}")
    assert "PSNR" in answer.text()


def test_links_show_what_the_page_is(url: str, page: Page) -> None:
    text = page.request.get(url).text()
    found = dict(re.findall(r'<meta property="og:(\w+)" content="([^"]*)">', text))
    assert found["title"] == "Colouriser"
    assert "in colour" in found["description"]
    assert text.count("og:title") == 1
    picture = page.request.get(found["image"])
    assert Image.open(io.BytesIO(picture.body())).width >= 600


def findings(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds that is serious or worse, or about contrast or names: rule, element."""
    return [
        (violation["id"], node["html"][:160])
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
        or re.search("contrast|name|label", violation["id"])
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


def test_many_in_two_columns_on_a_phone(phone: Page, cat: Image.Image, tmp_path: Path) -> None:
    for index in range(3):
        cat.resize((90, 60)).save(tmp_path / f"photo-{index}.jpg")
    add_many(phone, sorted(tmp_path.iterdir()))
    expect(phone.locator("#progress")).to_contain_text("3 coloured")
    one, two, three = (box(phone, f"#gallery button >> nth={index}") for index in range(3))
    assert one["y"] == two["y"] < three["y"]
    assert one["x"] == three["x"] < two["x"]


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


def test_a_preview_is_small(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    grain = np.random.default_rng(0).normal(0, 6, (3000, 4000))
    pixels = np.asarray(cat.convert("L").resize((4000, 3000)), float) + grain
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "large.jpg", quality=92)
    sizes: list[int] = []

    def count(response: Response) -> None:
        if "/file=" in response.url:
            sizes.append(int(response.headers.get("content-length", 0)))

    page.on("response", count)
    upload(page, tmp_path / "large.jpg")
    expect(page.locator(".strip button")).to_have_count(5)
    assert 0 < sum(sizes) < 750_000  # 3 s at 2 Mbit/s


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
    outside = [u for u in asked if not u.startswith((url, "data:", f"blob:{url}"))]
    assert not outside
    context.close()


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
