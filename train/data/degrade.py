"""Old photographs: varies luma the way prints age and scans wear, for batches on any device.

What happened to colour on the way (sepia, yellowed paper) is gone once a photograph is luma; what
is left of it is tone. Each kind of wear is drawn for itself, so that clean photographs with grain
and sharp ones with faded contrast occur as well as photographs with everything at once.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

BLUR = 4  # pixels to each side that a soft lens reaches
# Luma's quantisation at quality 50, ITU-T T.81, table K.1.
QUANTISATION = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


def degrade(luma: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Degrade photographs, each in its own way.

    Args:
        luma: float N×1×H×W in [0, 1].
        generator: decides which kinds of wear, and how strong; torch's own unless given.

    Returns:
        Of the same shape and range.
    """
    count, device = len(luma), luma.device

    def draw(low: float = 0.0, high: float = 1.0) -> Tensor:
        values = torch.rand(count, 1, 1, 1, generator=generator, device=device)
        return values * (high - low) + low

    def some(share: float, changed: Tensor) -> Tensor:
        return torch.where(draw() < share, changed, luma)

    luma = some(0.3, _blurred(luma, draw(0.5, 1.5)))  # soft lens, or not quite in focus
    curved = luma.clamp(min=1e-4) ** draw(0.6, 1.6)  # contrast: the film's curve
    luma = some(0.5, ((curved - 0.5) * draw(0.7, 1.5) + 0.5).clamp(0, 1))
    black, white = draw(0, 0.25), draw(0.75, 1)
    luma = some(0.5, black + luma * (white - black))  # fading: black turns grey, paper yellows
    y = torch.linspace(-1, 1, luma.shape[2], device=device).view(-1, 1)
    x = torch.linspace(-1, 1, luma.shape[3], device=device)
    luma = some(0.4, luma * (1 - draw(0.1, 0.5) * (x * x + y * y) / 2))  # darker corners
    luma = some(0.5, luma + _grain(luma, generator) * draw(0.005, 0.06))
    luma = some(0.4, _compressed(luma.clamp(0, 1), draw(15, 70)))  # JPEG blocks
    return luma.clamp(0, 1)


def _blurred(luma: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur, with a standard deviation in pixels for each photograph (N×1×1×1)."""
    steps = torch.arange(-BLUR, BLUR + 1, device=luma.device)
    kernel = torch.exp(-((steps / sigma) ** 2) / 2)
    kernel = kernel / kernel.sum(3, keepdim=True)  # N×1×1×K
    padded = F.pad(luma, (BLUR, BLUR, BLUR, BLUR), mode="replicate").transpose(0, 1)
    rows = F.conv2d(padded, kernel, groups=len(luma))
    return F.conv2d(rows, kernel.transpose(2, 3), groups=len(luma)).transpose(0, 1)


def _grain(luma: Tensor, generator: torch.Generator | None) -> Tensor:
    """Noise of deviation 1 before it is spread to clumps of one to two pixels."""
    coarseness = 1 + 0.6 * torch.rand(1, generator=generator, device=luma.device).item()
    sides = [max(1, round(side / coarseness)) for side in luma.shape[2:]]
    noise = torch.randn(len(luma), 1, *sides, generator=generator, device=luma.device)
    return F.interpolate(noise, luma.shape[2:], mode="bicubic", align_corners=False)


def _compressed(luma: Tensor, quality: Tensor) -> Tensor:
    """As JPEG of a quality from 1 to 100 for each photograph (N×1×1×1) stores it."""
    count, _, height, width = luma.shape
    padded = F.pad(luma, (0, -width % 8, 0, -height % 8), mode="replicate")
    down, across = padded.shape[2] // 8, padded.shape[3] // 8
    index = torch.arange(8, device=luma.device)
    cosines = torch.cos((2 * index + 1) * index[:, None] * math.pi / 16) / 2
    cosines[0] /= math.sqrt(2)
    blocks = padded.view(count, down, 8, across, 8).transpose(2, 3) * 255 - 128
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)[..., None]
    table = (torch.tensor(QUANTISATION, device=luma.device) * scale).round().clamp(1, 255)
    values = ((cosines @ blocks @ cosines.T) / table).round() * table
    blocks = (cosines.T @ values @ cosines + 128) / 255
    whole = blocks.transpose(2, 3).reshape(count, 1, down * 8, across * 8)
    return whole[..., :height, :width]
