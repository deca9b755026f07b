"""A few real photographs, with free licences, that a package brings along."""

import random
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data


def stored_luma(path: Path) -> np.ndarray:
    """The luma of a photograph, int H×W; of a JPEG, the plane as it is stored."""
    with Image.open(path) as image:
        image.draft("L", image.size)  # nothing but for JPEG
        return np.asarray(image.convert("L"), int)


def write_odd(path: Path, image: Image.Image) -> None:
    """Write a JPEG with something behind its end, and details that a PNG cannot hold."""
    image.convert("RGB").save(path)
    data, old = path.read_bytes(), b"PictureInfo Resolution=1"
    segment = b"\xff\xec" + (len(old) + 2).to_bytes(2, "big") + old
    path.write_bytes(data[:2] + segment + data[2:] + b"a caption of the press archive")


def write_handful(folder: Path) -> Path:
    """Write 30 small colour photographs into a folder, parts of four real ones; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [Image.fromarray(load()) for load in (data.chelsea, data.astronaut, data.coffee)]
    sources.append(Image.fromarray(data.rocket()).crop((0, 200, 640, 427)))
    place = random.Random(0)
    for index in range(30):
        source = sources[index % len(sources)]
        left, top = (place.randrange(side - 120) for side in source.size)
        source.crop((left, top, left + 120, top + 120)).save(folder / f"photo_{index}.png")
    return folder
