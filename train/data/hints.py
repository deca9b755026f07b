"""Simulated hints: what a person who corrects colours would have said.

After Zhang et al. 2017 (arXiv:1705.02999): patches of the true chroma at random places. In some
photographs things are recoloured first, so that the hints say something unexpected there: they must
be obeyed, as far as the thing goes and no farther.
"""

import math
import random
from dataclasses import dataclass

import torch
from fastai.callback.core import Callback
from torch import Tensor

from colouriser import colour


@dataclass(frozen=True)
class HintConfig:
    """How many hints are drawn, and what they look like."""

    share: float = 0.5  # of photographs that have any: most people give none
    most: int = 100  # in a photograph; how many is drawn evenly over its logarithm
    largest: int = 9  # side of a patch in pixels, from 1
    recoloured: float = 0.2  # share of photographs with hints in which things change colour
    likeness: float = 0.04  # in chroma: what has a thing's colour is the thing
    reach: tuple[float, float] = (0.1, 0.4)  # of a thing, as a share of the photograph's side
    strongest: float = 0.25  # chroma of a thing that was recoloured


def draw_hints(
    luma: Tensor, chroma: Tensor, config: HintConfig, draw: random.Random
) -> tuple[Tensor, Tensor]:
    """Draw hints for photographs.

    Args:
        luma: float N×1×H×W in [0, 1].
        chroma: float N×2×H×W (Cb, Cr), the true one.
        config: see there.
        draw: decides.

    Returns:
        Hints N×3×H×W (see `Generator.forward`), and the chroma that is true with them.
    """
    chroma, hints = chroma.clone(), chroma.new_zeros(len(chroma), 3, *chroma.shape[2:])
    for index in range(len(chroma)):
        if draw.random() >= config.share:
            continue
        count = round(math.exp(draw.uniform(0, math.log(config.most))))
        places = [_patch(chroma.shape[2:], config, draw) for _ in range(count)]
        if draw.random() < config.recoloured:
            for rows, columns in places[: draw.randint(1, 3)]:
                _recolour(luma[index], chroma[index], rows.start, columns.start, config, draw)
        for rows, columns in places:
            hints[index, :2, rows, columns] = chroma[index, :, rows, columns].mean((1, 2), True)
            hints[index, 2, rows, columns] = 1
    return hints, chroma


def _patch(size: torch.Size, config: HintConfig, draw: random.Random) -> tuple[slice, slice]:
    side = draw.randint(1, config.largest)
    top, left = (draw.randint(0, max(0, length - side)) for length in size)
    return slice(top, top + side), slice(left, left + side)


def _recolour(
    luma: Tensor, chroma: Tensor, row: int, column: int, config: HintConfig, draw: random.Random
) -> None:
    """Move the chroma 2×H×W of the thing at a place to another, where RGB has it; in place."""
    _, height, width = chroma.shape
    angle, strength = draw.uniform(0, 2 * math.pi), draw.uniform(0, config.strongest)
    other = chroma.new_tensor([math.cos(angle), math.sin(angle)]) * strength
    shift = (other - chroma[:, row, column]).view(2, 1, 1)
    unlike = (chroma - chroma[:, row, column, None, None]).square().sum(0) / config.likeness**2
    y = torch.arange(height, device=chroma.device).sub(row).square().view(-1, 1)
    x = torch.arange(width, device=chroma.device).sub(column).square()
    reach = draw.uniform(*config.reach) * max(height, width)
    chroma += shift * torch.exp(-(unlike + (y + x) / reach**2) / 2)
    rgb = colour.merge(luma[None], chroma[None])
    chroma.copy_(colour.split(rgb)[1][0])


class Hints(Callback):
    """Gives the photographs of the training split hints; runs after `SameLuma`."""

    order = -4

    def __init__(self, config: HintConfig) -> None:
        self.config = config

    def before_batch(self) -> None:
        if not self.training:
            return
        luma = self.x
        _, chroma = colour.split(self.y)
        draw = random.Random(random.getrandbits(32))
        hints, chroma = draw_hints(luma, chroma, self.config, draw)
        self.learn.xb = (luma, hints)
        self.learn.yb = (colour.merge(luma, chroma),)
