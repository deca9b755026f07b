"""Batches for all recipes: crops, flips, degradation and hints, made on the device.

Random boxes are cut out of the mapped photographs as bytes; everything else is done for a whole
batch at once, where the network is.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from colouriser import colour

from ..recipes import Recipe
from .degrade import degrade
from .hints import draw_hints
from .photographs import Photograph, Photographs
from .prints import compose

RATIO = 4 / 3  # of a crop's sides, at most: as fastai's RandomResizedCrop


@dataclass(frozen=True)
class Box:
    """A part of a photograph, in pixels."""

    top: int
    left: int
    height: int
    width: int
    flipped: bool


class Loader:
    """Batches of (luma N×1×S×S, hints N×3×S×S, truth N×3×S×S) for fastai's Learner.

    Of the training split: random crops, flipped half of the time; some degraded, some set into a
    print or one even tone, some with hints. Of another: each photograph's central square, as it is.
    The truth is RGB of that luma in true colours, so that neither a loss nor the critic sees any
    other difference than colour. Without hints in the recipe's model, batches are (luma, truth).

    `relabel` gives crops, RGB N×3×S×S in [0, 1], other colours, which are the truth from then on.

    What an epoch shows depends on the recipe's seed and the epoch alone.
    """

    def __init__(
        self,
        recipe: Recipe,
        photographs: Photographs,
        split: str,
        batch: int,
        device: torch.device,
        most: int | None = None,  # photographs; all unless given
        relabel: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.recipe, self.photographs, self.device = recipe, photographs, device
        self.training = split == "train"
        self.rows = photographs.of(split, most)
        self.batch, self.relabel = min(batch, len(self.rows)), relabel
        self.size, self.epoch = recipe.generator_size, 0

    def __len__(self) -> int:
        if self.training:
            return max(1, (self.recipe.epoch_crops or len(self.rows)) // self.batch)
        return math.ceil(len(self.rows) / self.batch)

    def begin(self, epoch: int, size: int) -> None:
        """Set the epoch, from 0, and the side of its crops in pixels."""
        self.epoch, self.size = epoch, size

    def to(self, device: torch.device) -> "Loader":
        """Asked for by fastai; everything is on its device already."""
        return self

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        draw = random.Random(f"{self.recipe.seed} {self.epoch} {self.training}")
        chosen = self._chosen()
        batches = [chosen[i : i + self.batch] for i in range(0, len(chosen), self.batch)]
        boxes = [[self._box(row, draw) for row in rows] for rows in batches]
        seeds = [draw.getrandbits(63) for _ in batches]
        with ThreadPoolExecutor(1) as ahead:  # bytes of the next batch, while this one is learnt
            waiting = ahead.submit(self._cut, batches[0], boxes[0])
            for index in range(len(batches)):
                parts = waiting.result()
                if index + 1 < len(batches):
                    waiting = ahead.submit(self._cut, batches[index + 1], boxes[index + 1])
                yield self._finish(parts, boxes[index], seeds[index])

    def _chosen(self) -> list[Photograph]:
        """An epoch's photographs: of the training split the next ones of an endless row of rounds,
        each of which shows every photograph by its weight, in another order."""
        if not self.training:
            return self.rows
        weights = np.array([row.weight for row in self.rows])
        count = len(self) * self.batch
        start, found, round_number = self.epoch * count, list[Photograph](), 0
        while len(found) < count:
            rng = np.random.default_rng([self.recipe.seed, round_number])
            times = np.floor(weights + rng.random(len(weights))).astype(int)
            order = rng.permutation(np.repeat(np.arange(len(weights)), times))
            found += [self.rows[i] for i in order[start : start + count - len(found)]]
            start, round_number = max(0, start - len(order)), round_number + 1
        return found

    def _box(self, row: Photograph, draw: random.Random) -> Box:
        if not self.training:
            side = min(row.height, row.width)
            return Box((row.height - side) // 2, (row.width - side) // 2, side, side, False)
        shorter, longer = sorted((row.height, row.width))
        area = shorter * min(longer, 2 * shorter) * draw.uniform(self.recipe.smallest_crop, 1)
        ratio = RATIO ** draw.uniform(-1, 1)
        height = min(row.height, round(math.sqrt(area / ratio)))
        width = min(row.width, round(math.sqrt(area * ratio)))
        top, left = draw.randint(0, row.height - height), draw.randint(0, row.width - width)
        return Box(top, left, height, width, draw.random() < 0.5)

    def _cut(self, rows: Sequence[Photograph], boxes: Sequence[Box]) -> Tensor:
        """The boxes as bytes N×H×W×3, each in the upper left corner of the largest."""
        height, width = max(box.height for box in boxes), max(box.width for box in boxes)
        parts = torch.zeros(len(rows), height, width, 3, dtype=torch.uint8)
        for part, row, box in zip(parts, rows, boxes, strict=True):
            pixels = self.photographs.pixels(row)
            cut = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
            part[: box.height, : box.width] = torch.from_numpy(cut.copy())
        return parts

    def _finish(self, parts: Tensor, boxes: Sequence[Box], seed: int) -> tuple[Tensor, ...]:
        """Parts and their boxes to a batch."""
        recipe = self.recipe
        rgb = self._scale(parts.to(self.device).permute(0, 3, 1, 2), boxes)
        draw = random.Random(seed)
        if self.training:
            torch.manual_seed(seed)
            if self.relabel:
                rgb = self.relabel(rgb)
            originals = rgb.clone()
            for index in range(len(rgb)):
                chance = draw.random()
                if chance < recipe.printed:
                    rgb[index] = compose(originals, index, draw)
                elif chance < recipe.printed + recipe.even:
                    rgb[index] = draw.random()
        luma, chroma = colour.split(rgb)
        if self.training:
            degraded = torch.rand(len(rgb), device=self.device) < recipe.degraded
            if degraded.any():
                luma[degraded] = degrade(luma[degraded])
        hints: tuple[Tensor, ...] = ()
        if recipe.model.hints:
            if self.training:
                drawn, chroma = draw_hints(luma, chroma, recipe.hints)
            else:
                drawn = luma.new_zeros(len(luma), 3, *luma.shape[2:])
            hints = (drawn,)
        return luma, *hints, colour.to_rgb(luma, chroma)

    def _scale(self, parts: Tensor, boxes: Sequence[Box]) -> Tensor:
        """Parts, uint8 N×3×H×W, at the size of crops, float in [0, 1].

        Sampled at twice the size, so that parts of up to four times it do not alias.
        """
        fine = 2 * self.size
        height, width = parts.shape[2:]
        step = (torch.arange(fine, device=self.device) + 0.5) / fine
        axes = []
        for sides, length in (
            ([box.height for box in boxes], height),
            ([box.width for box in boxes], width),
        ):
            side = torch.tensor(sides, device=self.device)[:, None]
            place = (side * step).minimum(side - 0.5).clamp(min=0.5)
            axes.append(place * 2 / length - 1)  # as grid_sample counts
        rows, columns = axes
        flipped = torch.tensor([box.flipped for box in boxes], device=self.device)
        columns = torch.where(flipped[:, None], columns.flip(1), columns)
        grid = torch.stack(
            [columns[:, None].expand(-1, fine, -1), rows[:, :, None].expand(-1, -1, fine)], 3
        )
        seen = F.grid_sample(parts.float() / 255, grid, align_corners=False)
        return F.avg_pool2d(seen, 2).clamp(0, 1)


class CriticLoader:
    """Batches of (RGB N×3×S×S, whether it is real N), half real and half generated, for fastai's
    Learner. Both are cut as above, but nothing is degraded, printed or hinted."""

    def __init__(
        self,
        recipe: Recipe,
        real: Photographs,
        generated: Photographs,
        split: str,
        device: torch.device,
    ) -> None:
        plain = replace(recipe, degraded=0.0, printed=0.0, epoch_crops=None)
        self.halves = [
            Loader(plain, photographs, split, recipe.batch, device, recipe.fakes)
            for photographs in (real, generated)
        ]

    def __len__(self) -> int:
        return len(self.halves[0])

    def begin(self, epoch: int, size: int) -> None:
        """See `Loader.begin`."""
        for half in self.halves:
            half.begin(epoch, size)

    def to(self, device: torch.device) -> "CriticLoader":
        """See `Loader.to`."""
        return self

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for real, generated in zip(*self.halves, strict=True):
            rgb = torch.cat([real[-1], generated[-1]])
            yield rgb, torch.arange(len(rgb), device=rgb.device) < len(real[-1])
