"""Luma/chroma arithmetic: full-range Rec. 601 (JFIF), as in JPEG files and in Pillow's `convert("L")`.

Luma Y is in [0, 1] and is 0.299 R + 0.587 G + 0.114 B. Chroma (Cb, Cr) is in [-0.5, 0.5], 0 is grey.
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


def gamut_scale(luma: Tensor, red: Tensor, green: Tensor, blue: Tensor) -> Tensor:
    """How far a colour may go from grey, in [0, 1], before a channel leaves [0, 1] at this luma.

    Args:
        luma: float tensor in [0, 1].
        red, green, blue: the channels' distances from luma (R - Y, G - Y, B - Y), of luma's shape.

    Returns:
        The largest s <= 1 with 0 <= luma + s * distance <= 1 in all three channels (closed form).
        Chroma scaled by it keeps luma and hue and loses only saturation.
    """
    above = torch.maximum(torch.maximum(red, green), blue).clamp_(min=1e-6)
    below = torch.minimum(torch.minimum(red, green), blue).clamp_(max=-1e-6)
    return torch.minimum((1 - luma).div_(above), (-luma).div_(below)).clamp_(max=1)


def merge(luma: Tensor, chroma: Tensor) -> Tensor:
    """Merge luma and chroma into RGB that has exactly this luma.

    A colour that does not exist in RGB at its luma is scaled toward grey until it does; channels
    are never clipped, so luma is kept.

    Args:
        luma: float N×1×H×W in [0, 1].
        chroma: float N×2×H×W (Cb, Cr), nominally in [-0.5, 0.5].

    Returns:
        RGB, float N×3×H×W in [0, 1].
    """
    cb, cr = chroma[:, :1], chroma[:, 1:]
    red, blue = CR_TO_RED * cr, CB_TO_BLUE * cb
    green = (red * -RED).add_(blue, alpha=-BLUE).div_(GREEN)  # the three cancel out in luma
    scale = gamut_scale(luma, red, green, blue)
    return torch.cat([torch.addcmul(luma, scale, offset) for offset in (red, green, blue)], 1)
