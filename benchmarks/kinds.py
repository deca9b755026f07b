"""How often the colours that a photograph has already are judged rightly.

    python -m benchmarks.kinds RUN [N]

RUN is a prepared run folder; N of its training photographs (300 unless given) are looked at in
colour, without, toned and unevenly faded, with tints painted on in a few places or over most of
them, and as negatives with an orange mask, each as a JPEG. Prints a table in per cent.
"""

import io
import random
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFilter

from colouriser.photo import Kind, kind_of, read
from train.data.photographs import spaced
from train.run import Run

WEIGHTS = [0.299, 0.587, 0.114]


def in_colour(image: Image.Image, draw: random.Random) -> np.ndarray:
    return np.asarray(image, float)


def in_grey(image: Image.Image, draw: random.Random) -> np.ndarray:
    return np.asarray(image.convert("L").convert("RGB"), float)


def toned(image: Image.Image, draw: random.Random) -> np.ndarray:
    luma = np.asarray(image.convert("L"), float)[..., None] / 255
    paper = np.array([1, draw.uniform(0.8, 0.95), draw.uniform(0.55, 0.85)])
    ink = np.array([draw.uniform(0, 0.15), draw.uniform(0, 0.1), 0])
    across = np.linspace(-1, 1, image.width)[None, :, None] * np.array([0, 0.3, 1])
    return 255 * (luma * paper + (1 - luma) * ink) * (1 - draw.uniform(0, 0.1) * across)


def tinted(image: Image.Image, draw: random.Random, most: int = 3) -> np.ndarray:
    out = toned(image, draw) if draw.random() < 0.5 else in_grey(image, draw)
    luma = (out @ WEIGHTS)[..., None]
    for _ in range(draw.randint(1, most)):
        x, y = draw.uniform(0.1, 0.9) * image.width, draw.uniform(0.1, 0.9) * image.height
        reach = draw.uniform(0.2, 0.4) * min(image.size)
        box = (x - reach, y - reach * draw.uniform(0.5, 1), x + reach, y + reach)
        mask = Image.new("L", image.size)
        ImageDraw.Draw(mask).ellipse(box, 255)
        mask = mask.filter(ImageFilter.GaussianBlur(draw.uniform(1, 4)))
        share = np.asarray(mask, float)[..., None] / 255 * draw.uniform(0.4, 0.9)
        hue, saturation = draw.randrange(360), draw.randint(25, 70)
        paint = np.array(ImageColor.getrgb(f"hsv({hue}, {saturation}%, 100%)")) / 255
        out = out * (1 - share) + share * luma * paint / (paint @ WEIGHTS)
    return out


def tinted_all_over(image: Image.Image, draw: random.Random) -> np.ndarray:
    return tinted(image, draw, most=12)


def negative(image: Image.Image, draw: random.Random) -> np.ndarray:
    dark = 0.75 * (1 - np.asarray(image, float) / 255)
    return 255 * (dark * [0.95, 0.62, 0.38] + np.array([0.12, 0.05, 0.02]))


def main() -> None:
    photographs = Run(Path(sys.argv[1])).photographs
    rows = spaced(photographs.of("train"), int(sys.argv[2]) if len(sys.argv) > 2 else 300)
    draw = random.Random(0)
    print("| |", " | ".join(kind.value for kind in Kind), "|\n|---|" + "---|" * len(Kind))
    for made in (in_colour, in_grey, toned, tinted, tinted_all_over, negative):
        counts = Counter[Kind]()
        for row in rows:
            values = made(photographs.image(row), draw).clip(0, 255).astype(np.uint8)
            file = io.BytesIO()
            Image.fromarray(values).save(file, "JPEG", quality=draw.randint(70, 95))
            counts[kind_of(read(io.BytesIO(file.getvalue())).own)] += 1
        shares = (f"{counts[kind] / len(rows):.0%}" for kind in Kind)
        print(f"| {made.__name__.replace('_', ' ')} |", " | ".join(shares), "|")


if __name__ == "__main__":
    main()
