"""Old photographs: varies luma the way prints age and scans wear.

What happened to colour on the way (sepia, yellowed paper) is gone once a photograph is luma; what
is left of it is tone. Each kind of wear is drawn for itself, so that clean photographs with grain
and sharp ones with faded contrast occur as well as photographs with everything at once.
"""

import io
import random

import numpy as np
from PIL import Image, ImageFilter

WHITE = 255.0


def age(luma: Image.Image, draw: random.Random) -> Image.Image:
    """Wear a photograph's luma.

    Args:
        luma: mode "L".
        draw: decides which kinds of wear, and how strong.

    Returns:
        Mode "L", of the same size.
    """
    if draw.random() < 0.3:  # soft lens, or not quite in focus
        luma = luma.filter(ImageFilter.GaussianBlur(draw.uniform(0.5, 1.5)))
    tone = np.asarray(luma, dtype=np.float32) / WHITE
    if draw.random() < 0.5:  # contrast: the film's curve, around middle grey
        tone = tone ** draw.uniform(0.6, 1.6)
        tone = np.clip((tone - 0.5) * draw.uniform(0.7, 1.5) + 0.5, 0, 1)
    if draw.random() < 0.5:  # fading: black turns grey and white paper yellows, which is darker
        black, white = draw.uniform(0, 0.25), draw.uniform(0.75, 1)
        tone = black + tone * (white - black)
    if draw.random() < 0.4:  # vignetting: darker toward the corners
        height, width = tone.shape
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        tone = tone * (1 - draw.uniform(0.1, 0.5) * (x * x + y * y) / 2).astype(np.float32)
    if draw.random() < 0.5:  # grain: clumps of one to two pixels
        coarseness = draw.uniform(1, 1.6)
        sides = [round(side / coarseness) for side in tone.shape]
        noise = np.random.default_rng(draw.getrandbits(32)).standard_normal(sides, np.float32)
        grain = Image.fromarray(noise).resize(luma.size, Image.Resampling.BICUBIC)
        tone = tone + np.asarray(grain) * draw.uniform(0.005, 0.06)
    aged = Image.fromarray((np.clip(tone, 0, 1) * WHITE + 0.5).astype(np.uint8))
    if draw.random() < 0.4:  # JPEG blocks
        file = io.BytesIO()
        aged.save(file, "JPEG", quality=draw.randint(15, 70))
        aged = Image.open(file).convert("L")
    return aged
