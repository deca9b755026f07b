"""A coloured photograph beside its true colours: two numbers."""

import numpy as np
from PIL import Image


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
