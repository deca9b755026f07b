"""The colours that a photograph has already: none, a tone, tints by hand, a negative's, its own.

    kind = kind_of(photo.own)

Judged from a small picture, in chroma. Where all of it is one function of luma, the photograph is
toned, or without colours. Tints that were painted on leave the tone of the print exactly as it was
elsewhere, and little in between; so a print that is painted all over is taken for one in colour.
Thresholds are quantiles over photographs in colour, and the same toned, tinted and inverted
(`python -m benchmarks.kinds` says how often it is right).
"""

from collections.abc import Iterator
from enum import Enum

import numpy as np
from PIL import Image

from .depth import BLUE, GREEN, RED

SIDE = 128  # pixels of the small picture
BLOCK = 4  # pixels: a side of blocks whose mean JPEG's rounding and grain hardly move
MOST = 99  # percentile: smaller spots are no colours
FAINT = 4  # chroma of 255, of blocks: no tone
UNEVEN = 10  # distance from the tone, of blocks, within which paper fades unevenly
TONE = 8  # the same of pixels
GROUND = 1.0  # distance from the tone at the 20th percentile: of a print that was painted on, none
BETWEEN = 3  # distance from which a colour is more than noise, and up to TONE no paint either
FADED = 0.86  # pixels between, for one beyond: a photograph's own colours have all distances
MASK = (0.5, 0.75)  # blue and green of red in what is brightest: an orange mask, at most
SPACING = 20  # hints from tints along the longer side
BRIGHT = 98  # percentile


class Kind(Enum):
    """What a photograph's colours are."""

    GREY = "grey"  # none
    TONED = "toned"  # sepia, or faded
    TINTED = "tinted"  # painted on by hand, in places
    NEGATIVE = "negative"  # with an orange mask
    COLOUR = "colour"  # its own


def kind_of(own: np.ndarray | None) -> Kind:
    """What the colours of a small picture are.

    Args:
        own: uint8 H×W×3, sRGB; None of a photograph that has but luma.
    """
    if own is None:
        return Kind.GREY
    rgb = own.astype(np.float32)
    luma = rgb @ np.array([RED, GREEN, BLUE], np.float32)
    if _largest(_chroma(rgb, luma)) <= FAINT:
        return Kind.GREY
    red, green, blue = rgb[luma >= np.percentile(luma, BRIGHT)].mean(0)
    if red > 0 and blue < MASK[0] * red and green < MASK[1] * red:
        ordered = (rgb[..., 0] >= rgb[..., 1]) & (rgb[..., 1] >= rgb[..., 2])
        if ordered.mean() > 0.5:
            return Kind.NEGATIVE
    beyond = _beyond_tone(rgb, luma)
    if _largest(beyond) <= UNEVEN:
        return Kind.TONED
    distance = np.linalg.norm(beyond, axis=2)
    painted, between = distance > TONE, (distance > BETWEEN) & (distance <= TONE)
    if np.percentile(distance, 20) <= GROUND and between.sum() <= FADED * painted.sum():
        return Kind.TINTED
    return Kind.COLOUR


def tints(
    own: np.ndarray, size: tuple[int, int]
) -> Iterator[tuple[float, float, tuple[int, int, int]]]:
    """Places of a tinted photograph and the colours painted there, for hints.

    Args:
        own: of its colours, uint8 H×W×3.
        size: of the photograph, upright: width, height.

    Yields:
        x, y in the photograph's pixels, and RGB in 0 to 255.
    """
    height, width = own.shape[:2]
    rgb = own.astype(np.float32)
    luma = rgb @ np.array([RED, GREEN, BLUE], np.float32)
    painted = np.linalg.norm(_beyond_tone(rgb, luma), axis=2) > TONE
    step = max(1, round(max(height, width) / SPACING))
    for row in range(step // 2, height, step):
        for column in range(step // 2, width, step):
            if painted[row, column]:
                x, y = (column + 0.5) / width * size[0], (row + 0.5) / height * size[1]
                red, green, blue = own[row, column].tolist()
                yield x, y, (red, green, blue)


def small_picture(image: Image.Image) -> np.ndarray | None:
    """A picture of an image's colours, as `kind_of` takes it; None if its mode has none."""
    if image.mode in ("1", "L", "LA", "La") or image.mode.startswith(("I", "F")):
        return None
    factor = max(1, max(image.size) // (2 * SIDE))
    small = (image if image.mode != "P" else image.convert("RGB")).reduce(factor).convert("RGB")
    small.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small)


def _largest(chroma: np.ndarray) -> float:
    """The length of all but the longest few, of the means of blocks."""
    rows, columns = (range(0, side, BLOCK) for side in chroma.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(chroma, rows, 0), columns, 1)
    counts = np.add.reduceat(np.add.reduceat(np.ones_like(chroma), rows, 0), columns, 1)
    means = sums / counts
    return float(np.percentile(np.linalg.norm(means, axis=2), MOST))


def _chroma(rgb: np.ndarray, luma: np.ndarray) -> np.ndarray:
    """Cb and Cr, float H×W×2, in [-127.5, 127.5]."""
    return np.stack([(rgb[..., 2] - luma) / 1.772, (rgb[..., 0] - luma) / 1.402], 2)


def _beyond_tone(rgb: np.ndarray, luma: np.ndarray) -> np.ndarray:
    """Chroma, less that of the photograph's tone: a curve over luma through what most pixels have,
    fitted again and again to the half that is nearest."""
    level = luma.reshape(-1) / 255
    curve = np.stack([np.ones_like(level), level, level**2], 1)
    chroma = _chroma(rgb, luma).reshape(-1, 2)
    near = np.ones(len(level), bool)
    for _ in range(4):
        factors = np.linalg.lstsq(curve[near], chroma[near], rcond=None)[0]
        left = chroma - curve @ factors
        distance = np.linalg.norm(left, axis=1)
        near = distance <= max(BETWEEN, np.median(distance))
    return left.reshape(*luma.shape, 2)
