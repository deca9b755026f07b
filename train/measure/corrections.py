"""What hints are worth: how much nearer to the truth a few true points bring a photograph, how
often the truth is among the first suggestions, and how far a correction reaches beyond its thing.
"""

import random
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from colouriser import Colouriser, Hint
from colouriser.hints import WITHIN

from ..data.photographs import spaced
from .metrics import psnr

POINTS = (0, 1, 10, 50)  # true points, at random places
RADIUS = 2.0  # pixels of a point, at the size of the metrics
ASKED = 10  # places of a photograph where suggestions are asked for
FIRST = 5  # suggestions that a person looks at
CORRECTED = 80  # photographs of a set in which a correction is tried
NEAR, FAR = 0.1, 1 / 3  # of the side: what a correction is for, and what lies far from it
OTHER = 15 / 255  # chroma by which a thing is of another colour


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


def correction_reach(
    colouriser: Colouriser, truths: Sequence[Image.Image], names: Sequence[str]
) -> dict[str, float]:
    """What one correction changes: the second suggestion at a random place is given as a hint.

    Returns:
        Mean change of chroma, of 255, within a tenth of the side ("near") and beyond a third of it
        where the true colour is another than at the place ("far"); and in how many photographs.
    """
    near, far = [], []
    for truth, name in spaced(list(zip(truths, names, strict=True)), CORRECTED):
        (place,) = true_hints(truth, 1, name)
        before = colouriser.predict(truth.convert("L"))
        suggestions = before.suggest(place.x, place.y, 2)
        if len(suggestions) < 2:
            continue
        hint = Hint(place.x, place.y, suggestions[1].colour)
        after = colouriser.colourise(truth, hints=[hint])
        moved = _distance(_chroma(after) - _chroma(colouriser.colourise(truth)))
        true = _chroma(truth)
        other = _distance(true - true[int(place.y), int(place.x)]) > OTHER * 255
        y, x = np.mgrid[: truth.height, : truth.width]
        distance = np.hypot(y - place.y, x - place.x) / np.sqrt(truth.width * truth.height)
        if not (beyond := (distance > FAR) & other).any():
            continue
        near.append(moved[distance < NEAR].mean())
        far.append(moved[beyond].mean())
    if not near:
        return {"near": 0.0, "far": 0.0, "n": 0}
    return {"near": float(np.mean(near)), "far": float(np.mean(far)), "n": len(near)}


def _chroma(image: Image.Image) -> np.ndarray:
    """Cb and Cr of an RGB image, of 255: H×W×2."""
    return np.asarray(image.convert("YCbCr"), dtype=np.float32)[..., 1:]


def _distance(chroma: np.ndarray) -> np.ndarray:
    return np.hypot(chroma[..., 0], chroma[..., 1])
