"""Simulated hints: what a person who corrects colours would have said.

After Zhang et al. 2017 (arXiv:1705.02999): patches of the true chroma at random places. In some
photographs things are recoloured first, so that the hints say something unexpected there: they must
be obeyed, as far as the thing goes and no farther.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from colouriser import colour

MOST_THINGS = 3  # in a photograph that change colour


@dataclass(frozen=True)
class HintConfig:
    """How many hints are drawn, and what they look like."""

    share: float = 0.5  # of photographs that have any: most people give none
    most: int = 100  # in a photograph; how many is drawn evenly over its logarithm
    largest: int = 9  # side of a patch in pixels, from 1
    recoloured: float = 0.4  # share of photographs with hints in which things change colour: what
    # teaches that a hint is about its thing, and not about all of the photograph
    likeness: float = 0.04  # in chroma: what has a thing's colour is the thing, …
    shading: float = 0.15  # … as far as its luma is alike: a thing ends at an edge
    reach: tuple[float, float] = (0.1, 0.4)  # of a thing, as a share of the photograph's side
    strongest: float = 0.25  # chroma of a thing that was recoloured


def draw_hints(luma: Tensor, chroma: Tensor, config: HintConfig) -> tuple[Tensor, Tensor]:
    """Draw hints for photographs, all at once: torch's random numbers decide.

    Args:
        luma: float N×1×H×W in [0, 1].
        chroma: float N×2×H×W (Cb, Cr), the true one.
        config: see there.

    Returns:
        Hints N×3×H×W (see `Generator.forward`), and the chroma that is true with them.
    """
    (photographs, _, height, width), device = chroma.shape, chroma.device
    hinted = torch.rand(photographs, device=device) < config.share
    count = torch.exp(torch.rand(photographs, device=device) * math.log(config.most)).round()
    asked = hinted[:, None] & (torch.arange(config.most, device=device) < count[:, None])
    places = photographs, config.most
    side = torch.randint(1, config.largest + 1, places, device=device).clamp(max=min(height, width))
    top = (torch.rand(places, device=device) * (height - side + 1)).long()
    left = (torch.rand(places, device=device) * (width - side + 1)).long()

    chroma = chroma.clone()
    recoloured = hinted & (torch.rand(photographs, device=device) < config.recoloured)
    things = torch.randint(1, MOST_THINGS + 1, (photographs,), device=device)
    for thing in range(min(MOST_THINGS, config.most)):
        own = (recoloured & asked[:, thing] & (thing < things)).nonzero()[:, 0]
        if len(own):
            chroma[own] = _recolour(
                luma[own], chroma[own], top[own, thing], left[own, thing], config
            )

    # Pixels of all patches, N×P×side×side, of which a smaller patch has some only.
    step = torch.arange(config.largest, device=device)
    of_patch = step < side[..., None]
    inside = of_patch[..., :, None] & of_patch[..., None, :] & asked[..., None, None]
    rows = (top[..., None] + step).clamp(max=height - 1)
    columns = (left[..., None] + step).clamp(max=width - 1)
    pixels = rows[..., :, None] * width + columns[..., None, :]
    values = chroma.flatten(2).gather(2, pixels.flatten(1)[:, None].expand(-1, 2, -1))
    values = values.view(photographs, 2, *pixels.shape[1:]) * inside[:, None]
    means = values.sum((3, 4)) / side[:, None] ** 2  # N×2×P
    # Where patches overlap, the last one counts.
    patch = torch.arange(config.most, device=device).view(1, -1, 1, 1)
    patch = torch.where(inside, patch, -1)
    last = torch.full((photographs, height * width), -1, device=device)
    last.scatter_reduce_(1, pixels.flatten(1), patch.flatten(1), "amax")
    there = last >= 0
    shown = means.gather(2, last.clamp(min=0)[:, None].expand(-1, 2, -1)) * there[:, None]
    hints = torch.cat([shown, there[:, None].to(shown.dtype)], 1)
    return hints.view(photographs, 3, height, width), chroma


def _recolour(
    luma: Tensor, chroma: Tensor, row: Tensor, column: Tensor, config: HintConfig
) -> Tensor:
    """Chroma N×2×H×W with the thing at a place of each (N rows, N columns) in another colour, where
    RGB has it."""
    (photographs, _, height, width), device = chroma.shape, chroma.device

    def draw(low: float, high: float) -> Tensor:
        return torch.rand(photographs, device=device) * (high - low) + low

    angle, strength = draw(0, 2 * math.pi), draw(0, config.strongest)
    other = torch.stack([angle.cos(), angle.sin()], 1) * strength[:, None]
    here = chroma[torch.arange(photographs, device=device), :, row, column]
    unlike = (chroma - here[..., None, None]).square().sum(1) / config.likeness**2
    shade = luma[torch.arange(photographs, device=device), 0, row, column]
    unlike = unlike + (luma[:, 0] - shade[:, None, None]).square() / config.shading**2
    y = (torch.arange(height, device=device) - row[:, None]).square()
    x = (torch.arange(width, device=device) - column[:, None]).square()
    reach = draw(*config.reach).view(-1, 1, 1) * max(height, width)
    share = torch.exp(-(unlike + (y[:, :, None] + x[:, None]) / reach**2) / 2)
    moved = chroma + (other - here)[..., None, None] * share[:, None]
    return colour.split(colour.to_rgb(luma, moved))[1]
