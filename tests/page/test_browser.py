"""The page in a real browser, as people use it."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Response, Route, expect

from ..browser import (
    LAPTOP,
    PATIENCE,
    box,
    colour_share,
    coloured,
    download,
    settled,
    upload,
    visit,
)
from ..photographs import write_odd

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(gradio_url: str) -> str:
    return gradio_url


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


def test_notices(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    small = cat.resize((60, 40))
    small.save(tmp_path / "scan.tif", save_all=True, append_images=[small, small])
    upload(page, tmp_path / "scan.tif")
    expect(page.locator(".note")).to_contain_text("more than one page or frame; only the first")
    expect(page.locator(".note")).not_to_contain_text("3 pages")  # it is said once
    write_odd(tmp_path / "odd.jpg", small)
    upload(page, tmp_path / "odd.jpg")
    expect(page.locator(".note")).to_contain_text("odd.jpg: what follows the photograph")
    expect(page.locator(".note")).not_to_contain_text("old cameras")
    page.locator(".format").select_option("png")
    download(page)
    expect(page.locator(".note")).to_contain_text("details of old cameras and programs stay behind")


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
    write_odd(tmp_path / "photo-2.jpg", cat.resize((90, 62)))
    add_many(page, sorted(tmp_path.iterdir()))
    expect(page.locator("#progress")).to_contain_text("3 coloured, 1 not")
    expect(page.locator("#progress")).to_contain_text("photo-2.jpg: what follows the photograph")
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
    page: Page, browser: Browser, url: str, cat: Image.Image, tmp_path: Path
) -> None:
    large = cat.resize((3000, 2000))
    for index in range(12):
        large.save(tmp_path / f"photo-{index:02}.png", compress_level=0)
    add_many(page, sorted(tmp_path.iterdir()))
    expect(page.locator("#progress")).to_contain_text("of 12 done", timeout=PATIENCE)
    other = visit(browser, url)
    other.get_by_role("tab", name="Many photographs").click()
    add_many(other, [tmp_path / "photo-00.png"])
    expect(other.locator("#progress")).to_contain_text("Others are being coloured")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled:")
    expect(other.locator("#progress")).to_contain_text("1 coloured", timeout=PATIENCE)
    other.context.close()
    expect(page.locator("#zip")).to_be_enabled()
    with zipfile.ZipFile(io.BytesIO(download(page, "#zip")[1])) as archive:
        assert 1 <= len(archive.namelist()) < 12


def test_many_go_on_when_the_page_is_loaded_again(
    page: Page, browser: Browser, url: str, cat: Image.Image, tmp_path: Path
) -> None:
    large = cat.resize((3000, 2000))
    for index in range(8):
        large.save(tmp_path / f"photo-{index:02}.png", compress_level=0)
    add_many(page, sorted(tmp_path.iterdir()))
    expect(page.locator("#progress")).to_contain_text("of 8 done", timeout=PATIENCE)
    page.reload()
    expect(page.get_by_role("tab", name="Many photographs")).to_have_attribute(
        "aria-selected", "true", timeout=PATIENCE
    )
    expect(page.locator("#progress")).to_contain_text("8 coloured", timeout=PATIENCE)
    expect(page.locator("#gallery button")).to_have_count(8)
    page.reload()  # when it is done, too
    page.get_by_role("tab", name="Many photographs").click()
    expect(page.locator("#zip")).to_be_enabled(timeout=PATIENCE)
    with zipfile.ZipFile(io.BytesIO(download(page, "#zip")[1])) as archive:
        assert len(archive.namelist()) == 8
    page.locator("#gallery button").first.click()
    expect(page.locator(".note")).to_contain_text("3000 × 2000")
    stranger = visit(browser, url)
    stranger.get_by_role("tab", name="Many photographs").click()
    expect(stranger.locator("#gallery button")).to_have_count(0)
    stranger.context.close()


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


def test_many_in_two_columns_on_a_phone(phone: Page, cat: Image.Image, tmp_path: Path) -> None:
    for index in range(3):
        cat.resize((90, 60)).save(tmp_path / f"photo-{index}.jpg")
    add_many(phone, sorted(tmp_path.iterdir()))
    expect(phone.locator("#progress")).to_contain_text("3 coloured")
    one, two, three = (box(phone, f"#gallery button >> nth={index}") for index in range(3))
    assert one["y"] == two["y"] < three["y"]
    assert one["x"] == three["x"] < two["x"]


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
