"""The page, through the client people script it with."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import app
from colouriser import photo
from colouriser.live import Live


@pytest.fixture(scope="module")
def client(cat: Image.Image) -> Iterator[Client]:
    demo = app.build(Live(None, cat))
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True)
    yield Client(url, verbose=False)
    demo.close()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_three_pictures_and_a_download(
    suffix: str, client: Client, cat: Image.Image, tmp_path: Path
) -> None:
    path = tmp_path / f"cat{suffix}"
    cat.save(path)
    grey, colour, both, download, note = client.predict(
        handle_file(path), 256, 1.0, api_name="/colourise"
    )
    with Image.open(grey) as image:
        assert image.size == cat.size
        assert np.ptp(np.asarray(image.convert("RGB"), int), axis=2).max() == 0
    with Image.open(colour) as image:
        assert image.size == cat.size
        assert np.ptp(np.asarray(image, int), axis=2).mean() > 3
    assert len(both) == 2
    assert Path(download).name == f"cat-colourised{suffix}"
    with Image.open(download) as image:
        assert image.size == cat.size
        error = np.asarray(image.convert("L"), int) - np.asarray(photo.read(path).luma, int)
        assert np.abs(error).max() <= (2 if suffix == ".jpg" else 1)
        assert (np.abs(error) > 1).mean() < 1e-4
    assert "the bundled weights" in note
    assert "the bundled weights" in client.predict(api_name="/model")


def test_errors_are_messages(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no image")
    with pytest.raises(AppError, match=r"^broken\.jpg: not an image that can be read"):
        client.predict(handle_file(path), 256, 1.0, api_name="/colourise")


def test_the_page_and_its_examples_are_served(client: Client) -> None:
    import httpx

    assert "Colouriser" in httpx.get(client.src).text
    assert len(app.EXAMPLES) >= 5
    for path in app.EXAMPLES:
        with Image.open(path) as image:
            assert image.mode == "L"
