"""Photographs, folders and a Hub that several tests use. Nothing here leaves this machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image
from playwright.sync_api import Browser, Page
from skimage import data
from typer.testing import CliRunner, Result

from colouriser import Colouriser
from colouriser.__main__ import program
from colouriser.web.build import build

from . import HUB_PORT
from .browser import PHONE, chromium, running_page, served, visit
from .hub_server import TOKEN, Hub
from .photographs import write_handful

ROOT = Path(__file__).parent.parent
SLOW = ("viewer", "archive", "train", "web", "page")  # folders of tests, slowest first


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come first, so that one of two processes does not end minutes before the other."""

    def place(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return SLOW.index(folder) if folder in SLOW else len(SLOW)

    items.sort(key=place)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty Hub, where we are logged in, and an empty cache."""
    cache = tmp_path / "hf-cache"
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))  # of processes that a test starts
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    with Hub(tmp_path / "hub", HUB_PORT).running() as hub:
        yield hub


@pytest.fixture(scope="session")
def colouriser() -> Colouriser:
    """The bundled model."""
    return Colouriser.load(device="cpu")


@pytest.fixture(scope="session")
def cat() -> Image.Image:
    """A toned photograph, RGB, 451 × 300."""
    luma = Image.fromarray(data.chelsea()).convert("L")
    tone = [luma.point([round(value * share) for value in range(256)]) for share in (1, 0.9, 0.75)]
    return Image.merge("RGB", tone)


@pytest.fixture(scope="session")
def colour_cat() -> Image.Image:
    """The same photograph in its own colours."""
    return Image.fromarray(data.chelsea())


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    """A colour photograph, RGB, 512 × 512."""
    return Image.fromarray(data.astronaut())


def made_once(name: str, make: Callable[[Path], object], factory: pytest.TempPathFactory) -> Path:
    """A folder that takes long to make: the first process of tests makes it for all, and none
    changes it."""
    root = factory.getbasetemp()
    root = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "made-once"
    folder, done = root / name, root / f"{name}.done"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def handful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 30 small colour photographs: parts of four real ones."""
    return made_once("handful", write_handful, tmp_path_factory)


def in_process(*arguments: object) -> Result:
    """Run the command line here: what it says of wrong use needs no process of its own."""
    result = CliRunner().invoke(program, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `python -m train` as a user does."""
    command = [sys.executable, "-m", "train", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="session")
def run(handful: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the whole smoke chain."""

    def make(folder: Path) -> None:
        result = train("all", "--recipe", "smoke", "--images", handful, "--run", folder)
        assert result.returncode == 0, result.stderr

    made = made_once("smoke", make, tmp_path_factory)
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("runs") / "smoke"))


@pytest.fixture(scope="session")
def gradio_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page."""
    with running_page(tmp_path_factory.mktemp("page")) as address:
        yield address


@pytest.fixture(scope="session")
def web_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The browser edition of the bundled model."""
    return made_once("web", lambda folder: build(folder / "out"), tmp_path_factory) / "out"


@pytest.fixture(scope="session")
def web_url(web_folder: Path) -> Iterator[str]:
    """Its address."""
    with served(web_folder) as address:
        yield address


@pytest.fixture(scope="module")  # while it is open, nothing else may run asyncio in this thread
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The page of a module's `url` on a laptop."""
    opened, errors = visit(browser, url), list[str]()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.context.close()
    assert not errors


@pytest.fixture
def phone(browser: Browser, url: str) -> Iterator[Page]:
    """The same on a phone, with touch."""
    opened = visit(browser, url, viewport=PHONE, has_touch=True, is_mobile=True)
    yield opened
    opened.context.close()
