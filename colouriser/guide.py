"""Bringing chroma to full size: along the photograph's own edges, in bands of rows.

Beside input and output, memory stays small for any photograph, and every band is worked on while it
lies in the processor's cache.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from . import colour

WARM = (-0.05, 0.035)  # chroma (Cb, Cr) that temperature 1 adds: toward the colour of lamplight
RADIUS = 1  # of the windows in which chroma follows luma, in pixels of chroma
SMOOTHNESS = 0.1**2  # luma variance below which there is no edge to follow: noise and film grain
BAND = 1 << 17  # pixels merged at a time: a dozen float planes of it stay in a processor's cache
LARGE = 8  # rows between two of the coefficients', from which they are worth a band of their own
WHITE = 255.0


def render_bands(
    luma: Image.Image, coefficients: Tensor, vividness: float = 1.0, temperature: float = 0.0
) -> Image.Image:
    """Bring chroma up to full size and merge it with its luma.

    Args:
        luma: mode "L", the photograph.
        coefficients: of `guided_upsampling`, float32 4×h×w on the CPU.
        vividness: factor on chroma.
        temperature: what is added to all chroma, from -1 (bluish) to 1 (yellowish).

    Returns:
        Mode "RGB", of luma's size, with its luma.
    """
    width, height = luma.size
    grey = torch.from_numpy(np.array(luma))
    out = torch.empty(3, height, width, dtype=torch.uint8)
    with torch.inference_mode():
        unit = torch.tensor([1, 1, WHITE, WHITE]).view(4, 1, 1)  # offsets in steps of 1/255
        scaled = coefficients * (vividness * unit)
        scaled[2:] += torch.tensor(WARM).view(2, 1, 1) * (temperature * WHITE)
        for top, bottom, slope, offset in _bands(scaled, width, height):
            band = grey[None, top:bottom].float()
            distances = colour.offsets(torch.addcmul(offset, slope, band))
            scale = colour.gamut_scale(band, *distances, white=WHITE)
            band += 0.5  # so that cutting off decimals rounds
            for channel, distance in zip(out, distances, strict=True):
                channel[top:bottom] = torch.addcmul(band, scale, distance)[0]
    return Image.merge("RGB", [Image.fromarray(channel.numpy()) for channel in out])


def guided_upsampling(guide: Tensor, chroma: Tensor) -> Tensor:
    """Coefficients that carry chroma to any size, along the edges of the luma there.

    In each window chroma is about a linear function of luma, as in the Fast Guided Filter (He & Sun
    2015, arXiv:1505.00996). Of that function the slope is taken, for what luma has between these
    pixels. At these pixels themselves the filter would lose all detail that luma does not have, and
    chroma alone keeps each stain, so they come out halfway between.

    Args:
        guide: luma, float 1×1×H×W in [0, 1].
        chroma: float 1×2×H×W.

    Returns:
        1×4×H×W: slope (2) and offset (2) of chroma as a linear function of luma at each pixel.
    """

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2 * RADIUS + 1, 1, RADIUS, count_include_pad=False)

    mean_guide, mean_chroma = mean(guide), mean(chroma)
    variance = mean(guide * guide) - mean_guide**2
    slope = (mean(guide * chroma) - mean_guide * mean_chroma) / (variance + SMOOTHNESS)
    filtered = mean_chroma + slope * (guide - mean_guide)
    return torch.cat([slope, (chroma + filtered) / 2 - slope * guide], 1)


def _bands(
    coefficients: Tensor, width: int, height: int
) -> Iterator[tuple[int, int, Tensor, Tensor]]:
    """Bilinear interpolation to width × height: top, bottom, slope and offset of bands of rows.

    Along rows it is done at once; along columns band by band. Of a large photograph many rows lie
    between the same two of the coefficients, which make a band of their own.
    """
    low, weight = _positions(coefficients.shape[2], width)
    padded = F.pad(coefficients, (0, 1, 0, 1), mode="replicate")
    sides = padded.index_select(2, low), padded.index_select(2, low + 1)
    columns = torch.lerp(*sides, weight)  # 4×(h + 1)×width
    low, weight = _positions(coefficients.shape[1], height)
    large = height >= LARGE * coefficients.shape[1]
    band = BAND if large else BAND // 2  # where many rows of coefficients take room in it too
    tops = set(range(0, height, max(1, band // width)))
    if large:
        tops |= {int(change) + 1 for change in low.diff().nonzero()}
    for top, bottom in pairwise([*sorted(tops), height]):
        above = low[top : top + 1] if large else low[top:bottom]
        ends = columns.index_select(1, above), columns.index_select(1, above + 1)
        between = torch.lerp(*ends, weight[top:bottom, None])
        yield top, bottom, between[:2], between[2:]


def _positions(small: int, large: int) -> tuple[Tensor, Tensor]:
    """Where the centres of `large` pixels lie among those of `small`: index below, and weight of
    the index above."""
    positions = ((torch.arange(large) + 0.5) * (small / large) - 0.5).clamp_(0, small - 1)
    low = positions.long()
    return low, positions - low
