"""Prints for measuring: on papers, in fonts and layouts that the training's prints do not have.

What is asked is whether paper, ink and borders stay neutral, and whether a picture in a print is as
vivid as alone.
"""

import random
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from colouriser import Colouriser

from ..data.photographs import spaced

PRINTED = 80  # photographs of a set that are set into prints
FONTS = ("cmr10", "STIXGeneral", "cmtt10")
TEXT = "Sommer am See. Nr. 12. Aufnahme vom 4. Juli, im Garten hinter dem Haus, mit Tante Marie"
MARGIN = 0.03  # of the side: what lies so near to a picture's edge belongs to neither


def print_chroma(
    colouriser: Colouriser, truths: Sequence[Image.Image], names: Sequence[str]
) -> dict[str, float]:
    """Mean chroma, of 255, of the paper of prints, of the pictures in them, and of the same
    pictures coloured alone."""
    paper, picture, alone = [], [], []
    for truth, name in spaced(list(zip(truths, names, strict=True)), PRINTED):
        page, box = make_print(truth, random.Random(name))
        coloured = colouriser.colourise(page)
        chroma = np.asarray(coloured.convert("YCbCr"), dtype=np.float32)[..., 1:] - 128
        strength = np.hypot(chroma[..., 0], chroma[..., 1])
        gap = round(MARGIN * page.width)
        inner = (box[0] + gap, box[1] + gap, box[2] - gap, box[3] - gap)
        outer = np.ones(strength.shape, dtype=bool)
        outer[max(0, box[1] - gap) : box[3] + gap, max(0, box[0] - gap) : box[2] + gap] = False
        if outer.any():
            paper.append(strength[outer].mean())
        picture.append(strength[inner[1] : inner[3], inner[0] : inner[2]].mean())
        own = np.asarray(colouriser.colourise(page.crop(box)).convert("YCbCr"), dtype=np.float32)[
            gap:-gap, gap:-gap, 1:
        ]
        alone.append(np.hypot(own[..., 0] - 128, own[..., 1] - 128).mean())
    values = {"paper": paper, "picture": picture, "alone": alone}
    return {key: float(np.mean(list_)) for key, list_ in values.items()} | {"n": len(picture)}


def make_print(
    photograph: Image.Image, draw: random.Random
) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """A print of an RGB photograph, and where the picture is in it: left, top, right, bottom."""
    size = photograph.width
    page = _paper(size, draw)
    share = draw.uniform(0.5, 0.8)
    width, height = round(size * share), round(size * share * draw.uniform(0.7, 1))
    left, top = draw.randint(0, size - width), draw.randint(0, (size - height) // 2)
    page.paste(ImageOps.fit(photograph, (width, height)), (left, top))
    box = (left, top, left + width, top + height)
    pen = ImageDraw.Draw(page)
    dark = page.convert("L").resize((1, 1)).getpixel((0, 0)) < 110  # type: ignore[operator]
    ink = (225, 225, 225) if dark else (40, 40, 40)
    if draw.random() < 0.5:  # a frame of its own line
        pen.rectangle((left - 4, top - 4, left + width + 3, top + height + 3), outline=ink)
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{draw.choice(FONTS)}.ttf")
    font = ImageFont.truetype(path, max(8, size // 18))
    words = TEXT.split()
    start = draw.randrange(len(words))
    for line, y in enumerate(range(box[3] + size // 30, size - size // 20, size // 14)):
        chosen = [words[(start + 4 * line + i) % len(words)] for i in range(4)]
        pen.text((size * 0.06, y), " ".join(chosen), ink, font)
    return page, box


def _paper(size: int, draw: random.Random) -> Image.Image:
    """Laid paper, lined paper, squared paper or felt."""
    y, x = np.mgrid[:size, :size]
    kind = draw.choice(("laid", "lined", "squared", "felt"))
    if kind == "felt":
        noise = np.random.default_rng(draw.getrandbits(32)).normal(0, 8, (size, size))
        values = draw.uniform(15, 60) + noise
    else:
        values = np.full((size, size), draw.uniform(185, 250))
        step = draw.randint(6, 16)
        if kind == "laid":
            values = values + 4 * np.sin(x * (2 * np.pi / 3))
        values = values - 50 * ((y % step == 0) & (kind != "laid"))
        values = values - 50 * ((x % step == 0) & (kind == "squared"))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert("RGB")
