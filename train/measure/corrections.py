"""What hints are worth: how much nearer to the truth a few true points bring a photograph, and how
often the truth is among the first suggestions."""

import random
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from colouriser import Colouriser, Hint
from colouriser.compare import psnr
from colouriser.hints import WITHIN

POINTS = (0, 1, 10, 50)  # true points, at random places
RADIUS = 2.0  # pixels of a point, at the size of the metrics
ASKED = 10  # places of a photograph where suggestions are asked for
FIRST = 5  # suggestions that a person looks at


def hint_psnr(
    colouriser: Colouriser, truths: Sequence[Image.Image], names: Sequence[str]
) -> dict[str, float]:
    """Mean PSNR (dB, RGB) with so many true points; their places depend on the names alone."""
    found: dict[str, float] = {}
    for count in POINTS:
        values = []
        for truth, name in zip(truths, names, strict=True):
            hints = true_hints(truth, count, name)
            values.append(psnr(colouriser.colourise(truth, hints=hints), truth))
        found[str(count)] = float(np.mean(values))
    return found


def true_hints(truth: Image.Image, count: int, name: str) -> list[Hint]:
    """Hints with the true colours at random places."""
    draw, soft = random.Random(name), truth.filter(ImageFilter.BoxBlur(RADIUS))
    places = [(draw.randrange(truth.width), draw.randrange(truth.height)) for _ in range(count)]
    return [Hint(x, y, soft.getpixel((x, y)), RADIUS) for x, y in places]  # type: ignore[arg-type]


def suggested(colouriser: Colouriser, truths: Sequence[Image.Image], names: Sequence[str]) -> float:
    """Share of random places at which one of the first suggestions looks like the true chroma."""
    hits = []
    for truth, name in zip(truths, names, strict=True):
        prediction = colouriser.predict(truth.convert("L"))
        for hint in true_hints(truth, ASKED, name):
            chromas = [
                Hint(0, 0, s.colour).chroma for s in prediction.suggest(hint.x, hint.y, FIRST)
            ]
            distances = [np.hypot(*np.subtract(chroma, hint.chroma)) for chroma in chromas]
            hits.append(min(distances) <= WITHIN)
    return float(np.mean(hits))
