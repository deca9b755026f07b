"""The browser edition as people meet it: offline, private, many at once, bad files."""

import gzip
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from ..browser import LAPTOP, PATIENCE, coloured, download, served, upload, visit
from ..photographs import write_odd

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(web_url: str) -> str:
    return web_url


@pytest.fixture
def copy(web_folder: Path, tmp_path: Path) -> Path:
    """A copy of the edition, to change."""
    folder = tmp_path / "copy"
    shutil.copytree(web_folder, folder)
    return folder


def test_after_the_first_visit_it_works_without_a_network(
    browser: Browser, web_folder: Path, cat: Image.Image, tmp_path: Path
) -> None:
    with served(web_folder) as address:
        page = visit(browser, address)
        expect(page.locator(".strip button")).to_have_count(5)
    context = page.context  # whose server is gone
    context.set_offline(True)
    page = context.new_page()
    page.goto(address)
    coloured(page)
    cat.save(tmp_path / "photo.jpg")
    upload(page, tmp_path / "photo.jpg")
    assert download(page)[0] == "photo-colourised.jpg"
    page.get_by_role("button", name="Summer Palace").click()
    expect(page.locator(".note")).to_contain_text("640 × 427")
    context.close()


def test_a_first_visit_loads_little(browser: Browser, web_folder: Path) -> None:
    context, names = browser.new_context(viewport=LAPTOP), set[str]()
    context.on("request", lambda request: names.add(urlsplit(request.url).path))
    with served(web_folder) as address:
        page = context.new_page()
        page.goto(address)
        coloured(page)
    context.close()
    assert "/model.onnx" in names
    paths = [web_folder / (name[1:] or "index.html") for name in names]
    loaded = [path.read_bytes() for path in paths if path.is_file()]
    assert sum(map(len, loaded)) < 32e6
    assert sum(len(gzip.compress(data, 6)) for data in loaded) < 20e6


def test_a_new_version_replaces_the_old_at_the_next_start(browser: Browser, copy: Path) -> None:
    with served(copy) as address:
        page = visit(browser, address)
        build = json.loads((copy / "build.json").read_text())
        (copy / "build.json").write_text(json.dumps(build | {"model": "another model"}))
        worker = copy / "service-worker.js"
        worker.write_text(re.sub('VERSION = "[^"]*"', 'VERSION = "2"', worker.read_text()))
        page.reload()  # it learns of it, and still shows the old
        coloured(page)
        page.wait_for_function(
            "async () => (await navigator.serviceWorker.getRegistration()).waiting !== null"
        )
        expect(page.locator("#about")).not_to_contain_text("another model")
        context = page.context
        for _ in range(10):  # the old one ends some time after its last page
            page.close()
            page = context.new_page()
            page.goto(address)
            coloured(page)
            if "another model" in (page.locator("#about").text_content() or ""):
                break
        kept = page.evaluate("caches.keys()")
        assert kept == ["colouriser-2"]
        context.close()


def test_nothing_leaves_and_no_other_server_can_be_reached(
    page: Page, url: str, cat: Image.Image, tmp_path: Path
) -> None:
    expect(page.locator(".strip button")).to_have_count(5)
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    cat.save(tmp_path / "private.jpg")
    upload(page, tmp_path / "private.jpg")
    page.locator(".strength").fill("150")
    coloured(page)
    page.get_by_role("button", name="Correct colours").click()
    page.get_by_role("button", name="Add a place").click()
    page.locator(".swatch").nth(1).click()
    page.keyboard.press("Escape")
    coloured(page)
    download(page)
    assert [u for u in asked if not u.startswith(f"blob:{url}")] == []
    refused = page.evaluate("fetch('http://127.0.0.1:9/').then(() => '', error => error.message)")
    assert refused
    violation = page.evaluate(
        "new Promise(resolve => { addEventListener('securitypolicyviolation',"
        "event => resolve(event.effectiveDirective));"
        "fetch('https://example.com/').catch(() => {}); })"
    )
    assert violation == "connect-src"
    stored = page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    assert stored == "{}{}"


def choose(page: Page, files: list[Path]) -> None:
    page.get_by_role("tab", name="Many photographs").click()
    page.locator("#many input.files").set_input_files(files)


def test_many_photographs(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    small = cat.resize((120, 80))
    for name in ("one.jpg", "ONE.jpg", "two.png"):
        small.save(tmp_path / name)
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("no photograph")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)).save(
        tmp_path / "colour.png"
    )
    choose(page, sorted(tmp_path.iterdir()))
    expect(page.locator("#many .progress")).to_contain_text("3 coloured, 1 not")
    report = page.locator("#many .report")
    expect(report).to_contain_text("broken.jpg: not an image that can be read")
    expect(report).to_contain_text("Passed over: notes.txt")
    expect(report).to_contain_text("in colour already: colour.png")
    name, data = download(page, "#many .zip")
    assert name == "colourised.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [
            "ONE-colourised.jpg",
            "colour.png",
            "one-colourised-2.jpg",
            "two-colourised.png",
        ]
        assert archive.getinfo("ONE-colourised.jpg").date_time[0] >= 2024
        assert archive.read("colour.png") == (tmp_path / "colour.png").read_bytes()
        assert Image.open(archive.open("two-colourised.png")).size == small.size
    page.locator("#many .list button").first.click()
    expect(page.locator(".note")).to_contain_text("120 × 80")
    page.get_by_role("button", name="Back to the photographs").click()
    expect(page.locator("#many .list")).to_be_visible()


def test_what_is_done_stays_when_many_are_cancelled(
    page: Page, cat: Image.Image, tmp_path: Path
) -> None:
    for index in range(30):
        cat.save(tmp_path / f"{index}.png")
    choose(page, sorted(tmp_path.iterdir()))
    expect(page.locator("#many .progress")).to_contain_text(re.compile("[2-9] of 30"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#many .progress")).to_contain_text("Cancelled:")
    with zipfile.ZipFile(io.BytesIO(download(page, "#many .zip")[1])) as archive:
        assert 1 <= len(archive.namelist()) < 30


BAD = {
    "empty.jpg": (b"", "not an image that can be read"),
    "text.png": (b"hello", "not an image that can be read"),
    "half.png": (None, "damaged, or of a format that this browser cannot read"),
    "scan.tif": (None, "damaged, or of a format that this browser cannot read"),
    "large.png": (None, "are more than the 50 megapixels"),
    "ribbon.png": (None, "are more than the 50 megapixels, or 30000 pixels a side"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_have_a_sentence_in_their_place(
    name: str, page: Page, cat: Image.Image, tmp_path: Path
) -> None:
    path, (data, sentence) = tmp_path / name, BAD[name]
    if data is not None:
        path.write_bytes(data)
    elif name == "half.png":
        cat.save(path)
        path.write_bytes(path.read_bytes()[:40])
    elif name == "scan.tif":
        cat.save(path)
    else:
        Image.new("L", (8000, 7000) if name == "large.png" else (30_001, 4), 90).save(path)
    page.locator(".file").set_input_files(path)
    message = page.locator(".stage").get_by_role("alert")
    expect(message).to_contain_text(sentence)
    cat.save(tmp_path / "good.jpg")
    upload(page, tmp_path / "good.jpg")
    expect(message).to_be_hidden()


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (2000, 8)])
def test_odd_sizes(size: tuple[int, int], page: Page, tmp_path: Path) -> None:
    Image.linear_gradient("L").resize(size).save(tmp_path / "odd.png")
    upload(page, tmp_path / "odd.png")
    assert Image.open(io.BytesIO(download(page)[1])).size == size


def test_what_is_odd_is_said(page: Page, cat: Image.Image, tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 60 * 40).astype(np.uint16).reshape(40, 60)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    upload(page, tmp_path / "deep.png")
    expect(page.locator(".note")).to_contain_text("16 bits; browsers give 8")
    cat.convert("L").save(tmp_path / "plain.jpg", progressive=True, dpi=(300, 300))
    upload(page, tmp_path / "plain.jpg")
    coloured(page)
    expect(page.locator(".note")).to_have_text("451 × 300 pixels.")
    write_odd(tmp_path / "odd.jpg", cat)
    upload(page, tmp_path / "odd.jpg")
    expect(page.locator(".note")).to_contain_text("Something else in the file")
    plain = (tmp_path / "plain.jpg").read_bytes()
    (tmp_path / "behind.jpg").write_bytes(plain + b"a caption")
    upload(page, tmp_path / "behind.jpg")
    expect(page.locator(".note")).to_contain_text("Something else in the file")
    Image.new("RGB", (200, 200), (200, 40, 40)).save(tmp_path / "red.png")
    page.locator(".reference").set_input_files(tmp_path / "red.png")
    expect(page.locator(".note")).to_contain_text("nothing that looks alike")


def opened(browser: Browser, address: str, **options: object) -> Iterator[Page]:
    context = browser.new_context(viewport=LAPTOP, **options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def test_a_model_that_does_not_load_is_said(browser: Browser, copy: Path) -> None:
    (copy / "model.onnx").write_bytes(b"no model")
    with served(copy) as address:
        for page in opened(browser, address):
            page.goto(address)
            message = page.locator(".stage").get_by_role("alert")
            expect(message).to_contain_text("The model cannot be loaded")
            page.get_by_role("tab", name="About").click()
            expect(page.get_by_role("heading", name="Privacy")).to_be_visible()


def test_full_storage_is_said_and_it_works(browser: Browser, url: str) -> None:
    for room in (20_000, 3_000_000):  # for nothing at all; for all but the model
        for page in opened(browser, url):
            limits = {"origin": url.rstrip("/"), "quotaSize": room}
            page.context.new_cdp_session(page).send("Storage.overrideQuotaForOrigin", limits)
            page.goto(url)
            coloured(page)
            expect(page.locator("#unkept")).to_contain_text("no room to keep the page")


def test_without_webassembly_it_says_so(browser: Browser, url: str) -> None:
    def without(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body="delete globalThis.WebAssembly;\n" + answer.text())

    for page in opened(browser, url, service_workers="block"):
        page.context.route("**/web/app/network.js", without)
        page.goto(url)
        expect(page.locator(".stage").get_by_role("alert")).to_contain_text("no WebAssembly")


def test_webgpu_that_fails_falls_back(browser: Browser, url: str) -> None:
    """A GPU that is none; and of the runtimes just those are fetched that are tried."""

    def pretended(route: Route) -> None:
        answer = route.fetch()
        none = (
            "Object.defineProperty(navigator, 'gpu', {value: {requestAdapter: async () => ({})}});"
        )
        route.fulfill(response=answer, body=f"{none}\n{answer.text()}")

    for usual in (True, False):
        for page in opened(browser, url, service_workers="block"):
            asked, told = list[str](), list[str]()
            page.context.on("request", lambda request: asked.append(request.url))  # noqa: B023
            page.on("console", lambda message: told.append(message.text))  # noqa: B023
            if not usual:
                page.context.route("**/web/app/network.js", pretended)
            page.goto(url)
            coloured(page)
            assert page.evaluate("colouriser.running.kind") == "wasm"
            runtimes = sorted(u.rpartition("/")[2] for u in asked if u.endswith(".wasm"))
            plain, gpu = "ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.asyncify.wasm"
            assert runtimes == ([plain] if usual else [gpu, plain])
            assert any("WebGPU failed" in text for text in told) != usual


def test_in_a_frame_of_another_origin(browser: Browser, url: str, tmp_path: Path) -> None:
    """As the Hub shows Spaces: without isolation there are no threads, and it works."""
    (tmp_path / "index.html").write_text(f'<iframe src="{url}" width=1200 height=700></iframe>')
    with served(tmp_path) as outside:
        for page in opened(browser, outside):
            page.goto(outside.replace("127.0.0.1", "localhost"))
            frame = page.frame_locator("iframe")
            expect(frame.locator(".studio")).to_have_attribute(
                "data-state", "done", timeout=PATIENCE
            )


def test_threads_where_it_is_isolated(page: Page) -> None:
    page.reload()  # from now on the service worker sends the headers
    coloured(page)
    assert page.evaluate("crossOriginIsolated")
    page.wait_for_function("() => window.colouriser.running")
    assert page.evaluate("colouriser.running.kind === 'webgpu' || colouriser.running.threads > 1")
