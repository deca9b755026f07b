"""The page's tab for a film, as people use it, and /film for programs."""

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, Page, expect

from ..browser import PATIENCE, coloured, download, running_page, visit
from ..film.films import scene, write_film

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLOURISER_FILM_SECONDS", "20")
        with running_page(tmp_path_factory.mktemp("page")) as address:
            yield address


@pytest.fixture(scope="module")
def two_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grey film of two scenes, with sound."""
    path = tmp_path_factory.mktemp("film") / "home movie.mp4"
    return write_film(path, [*grey("coffee", 25), *grey("chelsea", 25)], sound="aac")


def grey(name: str, frames: int) -> list[np.ndarray]:
    """A scene without its colours."""
    lumas = [frame.mean(2, keepdims=True).astype(np.uint8) for frame in scene(name, frames)]
    return [luma.repeat(3, 2) for luma in lumas]


def add(page: Page, path: Path) -> None:
    page.get_by_role("tab", name="Film").click()
    page.locator("#film-file input[type=file]").set_input_files(path)


def chroma(data: bytes) -> list[np.ndarray]:
    """Mean Cb and Cr of each frame of a film."""
    with av.open(io.BytesIO(data)) as container:
        planes = [frame.to_ndarray(format="yuv444p") for frame in container.decode(video=0)]
    return [plane[1:].reshape(2, -1).mean(1) - 128 for plane in planes]


def test_a_film(page: Page, two_scenes: Path) -> None:
    add(page, two_scenes)
    line, strip = page.locator("#film-progress"), page.locator("#film-scenes button.thumbnail-item")
    expect(line).to_contain_text("2 key frames")
    expect(strip).to_have_count(2)
    expect(page.locator("#film-limits")).to_contain_text("20 s")
    page.get_by_role("button", name="Colour the film").click()
    expect(page.locator("#film-get")).to_be_enabled()
    name, data = download(page, "#film-get")
    assert name == "home movie-coloured.mp4"
    before = chroma(data)
    assert len(before) == 50
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.audio
    # The first scene is corrected in the viewer, and follows; the second stays.
    shown = strip.first.locator("img").get_attribute("src")
    strip.first.click()
    expect(page.get_by_role("button", name="Back to the film")).to_be_visible()
    coloured(page)
    page.get_by_role("button", name="Correct colours").click()
    page.get_by_role("button", name="Add a place").click()
    page.locator(".free input").fill("#2040e0")
    page.keyboard.press("Escape")
    coloured(page)
    page.get_by_role("button", name="Back to the film").click()
    expect(strip.first.locator("img")).not_to_have_attribute("src", shown or "")
    expect(line).to_contain_text("2 key frames")
    page.get_by_role("button", name="Colour the film").click()
    expect(page.locator("#film-get")).to_be_disabled()
    expect(page.locator("#film-get")).to_be_enabled()
    after = chroma(download(page, "#film-get")[1])
    assert np.mean([a[0] - b[0] for a, b in zip(after[:25], before[:25], strict=True)]) > 1  # bluer
    assert np.abs(np.array(after[27:]) - np.array(before[27:])).max() < 1


def test_what_is_cancelled_can_be_started_again(page: Page, tmp_path: Path) -> None:
    long = write_film(tmp_path / "long.mp4", [*grey("coffee", 80), *grey("rocket", 80)])
    add(page, long)
    expect(page.locator("#film-progress")).to_contain_text("key frames")
    page.get_by_role("button", name="Colour the film").click()
    expect(page.locator("#film-progress")).to_contain_text("Colouring:")
    page.locator("button:visible", has_text="Cancel").click()
    expect(page.locator("#film-progress")).to_contain_text("Cancelled; what is done is kept")
    page.get_by_role("button", name="Try ten seconds").click()
    expect(page.locator("#film-get")).to_be_enabled(timeout=2 * PATIENCE)
    assert download(page, "#film-get")[0] == "long-try.mp4"


@pytest.mark.parametrize("kind", ["long", "none", "photograph"])
def test_a_film_that_cannot_be_taken_is_said(kind: str, page: Page, tmp_path: Path) -> None:
    sentence = {
        "long": "is 24 seconds long, and here 20 are the most",
        "none": "cannot be read as a film",
        "photograph": "is a photograph",
    }[kind]
    path = tmp_path / "film.mp4"
    if kind == "long":
        write_film(path, [scene("rocket", 1)[0]] * 600)
    else:
        path.write_bytes(b"no film" * 1000)
    if kind == "photograph":
        frame = av.VideoFrame.from_ndarray(scene("rocket", 1)[0], format="rgb24")
        frame.to_image().save(path, "PNG")
    add(page, path)
    expect(page.locator("#film-progress").get_by_role("alert")).to_contain_text(sentence)
    expect(page.get_by_role("button", name="Colour the film")).to_be_disabled()


def test_a_page_without_films(browser: Browser, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLOURISER_FILM_SECONDS", "0")
        with running_page(tmp_path / "page") as address:
            page = visit(browser, address)
            expect(page.get_by_role("tab", name="About")).to_be_visible()
            expect(page.get_by_role("tab", name="Film")).to_have_count(0)
            page.context.close()


def test_programs(url: str, two_scenes: Path, tmp_path: Path) -> None:
    client = Client(url, verbose=False)
    result = Path(client.predict(handle_file(str(two_scenes)), vividness=1.2, api_name="/film"))
    assert len(chroma(result.read_bytes())) == 50
    (tmp_path / "bad.mp4").write_bytes(b"no film")
    with pytest.raises(AppError, match=r"bad\.mp4: cannot be read as a film"):
        client.predict(handle_file(str(tmp_path / "bad.mp4")), api_name="/film")
    with pytest.raises(AppError, match="vividness"):
        client.predict(handle_file(str(two_scenes)), vividness=9, api_name="/film")
