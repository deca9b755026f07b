"""One photograph comes out the same, byte for byte, whichever way it goes in, if torch has as many
threads: on some processors their number changes the last bit of what it computes.

But TIFF, in which libtiff leaves a byte of padding to chance: there, pixels and tags are the same.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import gradio as gr
import httpx
import pytest
import torch
from gradio_client import Client, handle_file
from PIL import Image

from colouriser import Colouriser
from colouriser.archive import archive
from colouriser.follow import ModelFollower
from colouriser.job import Job
from colouriser.page import build, launch
from colouriser.pool import cores, share_out
from colouriser.sources import target_name
from colouriser.worker import Worker

from .test_cli import colour

pytestmark = pytest.mark.slow

FORMATS = (".jpg", ".png", ".webp", ".tif", ".bmp", ".gif", ".heic", ".avif", ".jp2", ".ppm")
MEGAPIXELS = (12, 48)
Results = dict[str, bytes]  # by the photograph's name


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory, cat: Image.Image) -> list[Path]:
    folder = tmp_path_factory.mktemp("photographs")
    small = cat.resize((640, 480))
    for index, suffix in enumerate(FORMATS):
        small.rotate(index).save(folder / f"{suffix[1:]}-photograph{suffix}")
    small.convert("L").save(folder / "grey.jpg")
    for megapixels in MEGAPIXELS:
        unit = int((megapixels * 1e6 / 12) ** 0.5)
        large = cat.resize((4 * unit, 3 * unit), Image.Resampling.BICUBIC)
        large.save(folder / f"{megapixels}.jpg", quality=90)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def expected(
    photographs: list[Path], colouriser: Colouriser, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], Results]:
    """What the worker makes of each alone, with so many threads."""

    @cache
    def made(threads: int) -> Results:
        out, found, before = tmp_path_factory.mktemp("worker"), Results(), torch.get_num_threads()
        torch.set_num_threads(threads)
        for path in photographs:
            target = out / target_name(path.name)
            (outcome,) = Worker(colouriser).run([Job(path, path.name, target=target)])
            assert not outcome.error
            found[path.name] = target.read_bytes()
        torch.set_num_threads(before)
        return found

    return made


def check(found: Results, expected: Results) -> None:
    assert set(found) == set(expected)
    different = [name for name in expected if found[name] != expected[name]]
    assert [name for name in different if not name.endswith(".tif")] == []
    for name in different:
        one, other = (Image.open(io.BytesIO(results[name])) for results in (found, expected))
        assert one.tobytes() == other.tobytes()
        assert dict(one.getexif()) == dict(other.getexif())


def written(photographs: list[Path], out: Path) -> Results:
    return {path.name: (out / target_name(path.name)).read_bytes() for path in photographs}


def test_the_command_line(
    photographs: list[Path], expected: Callable[[int], Results], tmp_path: Path
) -> None:
    result = colour(photographs[0].parent, "-o", tmp_path / "folder")
    assert result.returncode == 0, result.stderr
    _, threads = share_out(len(photographs))
    check(written(photographs, tmp_path / "folder"), expected(threads))
    for path in photographs[:2]:  # alone: in no second process
        assert colour(path, "-o", tmp_path / "one").returncode == 0
        alone = (tmp_path / "one" / target_name(path.name)).read_bytes()
        assert alone == expected(cores())[path.name]


def test_an_archive(
    photographs: list[Path], expected: Callable[[int], Results], tmp_path: Path
) -> None:
    assert archive(str(photographs[0].parent), str(tmp_path / "out")).failed == 0
    check(written(photographs, tmp_path / "out"), expected(1))


@pytest.fixture(scope="module")
def demo(cat: Image.Image) -> Iterator[gr.Blocks]:
    demo = build(ModelFollower(None, cat))
    launch(demo, prevent_thread_lock=True, quiet=True)
    yield demo
    demo.close()


@pytest.fixture(scope="module")
def client(demo: gr.Blocks) -> Client:
    return Client(demo.local_url or "", verbose=False)


def test_the_api(
    photographs: list[Path], expected: Callable[[int], Results], client: Client
) -> None:
    found = {
        path.name: Path(client.predict(handle_file(path), api_name="/colourise")).read_bytes()
        for path in photographs
    }
    check(found, expected(torch.get_num_threads()))


def test_many_photographs(
    photographs: list[Path], expected: Callable[[int], Results], client: Client
) -> None:
    files = [handle_file(path) for path in photographs]
    packed, failures = client.predict(files, api_name="/colourise_many")
    assert failures == []
    with zipfile.ZipFile(packed) as opened:
        stems = {name.partition("-colourised")[0]: opened.read(name) for name in opened.namelist()}
    found = {path.name: stems[path.stem] for path in photographs}
    check(found, expected(torch.get_num_threads()))


def test_the_page(
    photographs: list[Path],
    expected: Callable[[int], Results],
    demo: gr.Blocks,
    tmp_path: Path,
) -> None:
    """As the browser does: upload, look, and download once the preview is there."""
    (viewer,) = (i for i, block in demo.blocks.items() if getattr(block, "elem_id", "") == "studio")
    url, found = f"{demo.local_url}gradio_api", Results()
    with httpx.Client(timeout=300) as browser:

        def ask(name: str, path: str) -> dict:
            body = {"component_id": viewer, "fn_name": name, "data": {"path": path}}
            body["session_hash"] = "s"
            answer = browser.post(f"{url}/component_server", json=body).json()
            assert "error" not in answer, answer
            return answer

        for path in photographs:
            with path.open("rb") as file:
                (uploaded,) = browser.post(f"{url}/upload", files={"files": file}).json()
            with Image.open(path) as image:
                shown = ask("colour", uploaded)
                assert (shown["width"], shown["height"]) == image.size
            found[path.name] = browser.get(f"{url}/file={ask('save', uploaded)['file']}").content
    check(found, expected(torch.get_num_threads()))
