"""Luma/chroma arithmetic: full-range Rec. 601 (JFIF), as in JPEG files and Pillow's convert("L").

Luma Y = 0.299 R + 0.587 G + 0.114 B is in [0, 1]. Chroma (Cb, Cr) is in [-0.5, 0.5]; 0 is grey.
All functions are pure, take float tensors, and work on CPU and GPU.
"""

import torch
from torch import Tensor

RED, GREEN, BLUE = 0.299, 0.587, 0.114  # weights of luma, Rec. ITU-R BT.601
CR_TO_RED = 2 * (1 - RED)  # R - Y = 1.402 Cr
CB_TO_BLUE = 2 * (1 - BLUE)  # B - Y = 1.772 Cb


def split(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Split RGB into luma and chroma.

    Args:
        rgb: float N×3×H×W in [0, 1], gamma-encoded sRGB.

    Returns:
        Luma N×1×H×W in [0, 1] and chroma N×2×H×W (Cb, Cr) in [-0.5, 0.5].
    """
    red, green, blue = rgb.unbind(1)
    luma = RED * red + GREEN * green + BLUE * blue
    chroma = torch.stack([(blue - luma) / CB_TO_BLUE, (red - luma) / CR_TO_RED], 1)
    return luma[:, None], chroma


def offsets(chroma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distances of the channels from luma (R - Y, G - Y, B - Y).

    Args:
        chroma: float …×2×H×W (Cb, Cr), in any unit.

    Returns:
        Three tensors …×1×H×W in the same unit, which cancel out in luma.
    """
    blue, red = CB_TO_BLUE * chroma[..., :1, :, :], CR_TO_RED * chroma[..., 1:, :, :]
    return red, (red * (-RED / GREEN)).add_(blue, alpha=-BLUE / GREEN), blue


def gamut_scale(
    luma: Tensor, red: Tensor, green: Tensor, blue: Tensor, white: float = 1.0
) -> Tensor:
    """How far a colour may go from grey, in [0, 1], before a channel leaves RGB at this luma.

    Args:
        luma: float tensor in [0, white].
        red, green, blue: the channels' distances from luma, of luma's shape.
        white: the largest value of a channel.

    Returns:
        The largest s <= 1 with 0 <= luma + s * distance <= white in all three channels (closed
        form). Chroma scaled by it keeps luma and hue and loses only saturation.
    """
    above = torch.maximum(torch.maximum(red, green), blue).clamp_(min=1e-6 * white)
    below = torch.minimum(torch.minimum(red, green), blue).clamp_(max=-1e-6 * white)
    return torch.minimum((white - luma).div_(above), luma.neg().div_(below)).clamp_(max=1)


def to_rgb(luma: Tensor, chroma: Tensor) -> Tensor:
    """Merge luma and chroma into RGB that has exactly this luma.

    A colour that does not exist in RGB at its luma is scaled toward grey until it does; channels
    are never clipped, so luma is kept.

    Args:
        luma: float N×1×H×W in [0, 1].
        chroma: float N×2×H×W (Cb, Cr), nominally in [-0.5, 0.5].

    Returns:
        RGB, float N×3×H×W in [0, 1].
    """
    distances = offsets(chroma)
    scale = gamut_scale(luma, *distances)
    return torch.cat([torch.addcmul(luma, scale, distance) for distance in distances], 1)


def palette_cells(distance: int) -> Tensor:
    """A grid of colours over the part of the chroma plane that RGB has at some luma.

    Args:
        distance: of two neighbours, in steps of 1/255.

    Returns:
        Chroma (Cb, Cr), float K×2; row by row, with grey among them.
    """
    steps = torch.arange(-(128 // distance), 128 // distance + 1) * (distance / 255)
    grid = torch.cartesian_prod(steps, steps)
    distances = torch.cat(offsets(grid.T[None, :, :, None]), 1)[0, :, :, 0]  # 3×cells
    spread = distances.amax(0) - distances.amin(0)
    return grid[spread <= 1]
