"""Photographs and folders that several tests use. Nothing here touches the network."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

os.environ["HF_HUB_OFFLINE"] = "1"  # before huggingface_hub reads it
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from colouriser import Colouriser

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True, scope="session")
def _own_caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keeps tests away from the user's caches."""
    os.environ["GRADIO_TEMP_DIR"] = str(tmp_path_factory.mktemp("gradio"))


@pytest.fixture(scope="session")
def colouriser() -> Colouriser:
    """The bundled model."""
    return Colouriser.load(device="cpu")


@pytest.fixture(scope="session")
def cat() -> Image.Image:
    """A colour photograph, RGB, 451 × 300."""
    return Image.fromarray(data.chelsea())


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    """A colour photograph, RGB, 512 × 512."""
    return Image.fromarray(data.astronaut())


@pytest.fixture(scope="session")
def handful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 30 small colour photographs: parts of four real ones."""
    folder = tmp_path_factory.mktemp("handful")
    sources = [Image.fromarray(load()) for load in (data.chelsea, data.astronaut, data.coffee)]
    sources.append(Image.fromarray(data.rocket()).crop((0, 200, 640, 427)))
    place = random.Random(0)
    for index in range(30):
        source = sources[index % len(sources)]
        left, top = (place.randrange(side - 120) for side in source.size)
        source.crop((left, top, left + 120, top + 120)).save(folder / f"photo_{index}.png")
    return folder


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `python -m train` as a user does."""
    command = [sys.executable, "-m", "train", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="session")
def run(handful: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the whole smoke chain."""
    folder = tmp_path_factory.mktemp("runs") / "smoke"
    result = train("all", "--recipe", "smoke", "--images", handful, "--run", folder)
    assert result.returncode == 0, result.stderr
    return folder
