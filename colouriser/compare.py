"""A coloured photograph beside its true colours: two numbers and a picture."""

import numpy as np
from PIL import Image

# Difference in chroma (of 255) to colour: none is black, then blue, red, yellow, white.
HEAT = (
    (0, 0, 0, 0),
    (16, 40, 40, 140),
    (40, 200, 40, 60),
    (80, 250, 210, 60),
    (128, 255, 255, 255),
)


def colourfulness(image: Image.Image) -> float:
    """Colourfulness of an RGB image, 0 for grey, about 30 for an average photograph.

    M3 of Hasler & Süsstrunk, Measuring colourfulness in natural images, 2003.
    """
    red, green, blue = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)
    rg, yb = red - green, (red + green) / 2 - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def psnr(image: Image.Image, truth: Image.Image) -> float:
    """Peak signal-to-noise ratio of two RGB images of one size, in decibels; infinite if equal."""
    own, true = (np.asarray(i, dtype=np.float32) for i in (image, truth))
    error = float(((own - true) ** 2).mean())
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


def difference(image: Image.Image, truth: Image.Image) -> Image.Image:
    """Where two RGB images of one size differ in chroma: RGB, from black (nowhere) over blue, red
    and yellow to white (half of the scale, as grey is from a full red)."""
    own, true = (np.asarray(i.convert("YCbCr"), dtype=np.float32)[..., 1:] for i in (image, truth))
    distance = np.hypot(*(own - true).transpose(2, 0, 1))
    steps, *channels = zip(*HEAT, strict=True)
    rgb = np.stack([np.interp(distance, steps, channel) for channel in channels], -1)
    return Image.fromarray(rgb.round().astype(np.uint8))
