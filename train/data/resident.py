"""All photographs of a run in the device's memory, and batches of crops that are made there.

A GPU learns from crops faster than processors can decode photographs, wear them and cut them. So
that is done once: each photograph is stored in colour and as luma worn in WORN ways, a byte a
value, and crops are cut where they are needed. 12,000 photographs take 7 GB and, on 16 cores, a
quarter of a minute. What is seen is what `pairs.py` shows, but for the wear, which there is new
each time.
"""

import math
import random
from collections.abc import Iterator
from functools import cache

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import center_crop, pil_to_tensor

from colouriser import colour

from ..recipes import Recipe
from ..run import Run, TrainingError
from .aging import age

WORN = 2  # ways in which each photograph is worn; more cost memory and time at the start
LONGEST = 4 / 3  # sides of a photograph; what is longer loses its ends
RATIO = 4 / 3  # of a crop's sides, at most: as fastai's RandomResizedCrop


class _Decoded(Dataset):
    """Photographs as bytes (3 + WORN)×S×S in their upper left corner, and their heights and
    widths."""

    def __init__(self, run: Run, names: list[str], size: int) -> None:
        self.run, self.names, self.longest = run, names, round(size * LONGEST)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        name = self.names[index]
        with Image.open(self.run.colour(name)) as image:
            sides = [min(side, self.longest) for side in (image.height, image.width)]
            photograph = center_crop(image.convert("RGB"), sides)
        luma = photograph.convert("L")
        worn = [age(luma, random.Random(f"{name} {way}")) for way in range(WORN)]
        planes = torch.cat([pil_to_tensor(plane) for plane in (photograph, *worn)])
        height, width = sides
        square = F.pad(planes, (0, self.longest - width, 0, self.longest - height))
        return square, torch.tensor(sides)


@cache  # the stages of a run have the same photographs
def _stored(
    run: Run, split: str, size: int, workers: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """A split's photographs, uint8 N×(3 + WORN)×S×S, and their heights and widths, N×2.

    Raises:
        TrainingError: the device's memory is too small for them.
    """
    names = run.names(split)
    decoded = DataLoader(_Decoded(run, names, size), batch_size=64, num_workers=workers)
    longest = round(size * LONGEST)
    shape = len(names), 3 + WORN, longest, longest
    try:
        planes = torch.empty(shape, dtype=torch.uint8, device=device)
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"{len(names)} photographs take {math.prod(shape) / 1e9:.1f} GB of the GPU's memory, "
            "which has less; use the recipe cpu, or prepare fewer"
        ) from error
    sides = torch.empty(len(names), 2, device=device)
    at = 0
    for some, their_sides in decoded:
        planes[at : at + len(some)] = some.to(device)
        sides[at : at + len(some)] = their_sides.to(device)
        at += len(some)
    return planes, sides


class ResidentLoader:
    """Batches of (luma N×1×S×S, colour N×3×S×S) in [0, 1], for fastai's Learner.

    Of the training split: random crops, flipped half of the time, some worn, of photographs drawn
    by their weights; so many in an epoch as there are photographs, times the recipe's rounds. Of
    another: each photograph once, its central square.
    """

    def __init__(
        self, recipe: Recipe, run: Run, split: str, size: int, batch: int, device: torch.device
    ) -> None:
        self.recipe, self.size, self.device = recipe, size, device
        self.training = split == "train"
        self.planes, self.sides = _stored(run, split, recipe.stored_size, recipe.workers, device)
        self.batch = min(batch, len(self.planes))
        weights = [pair.weight for pair in run.pairs(split)]
        self.weights = torch.tensor(weights, device=device)

    def __len__(self) -> int:
        if self.training:
            return self.recipe.rounds * len(self.planes) // self.batch
        return -(-len(self.planes) // self.batch)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for step in range(len(self)):
            if self.training:
                yield self._crops(self.weights.multinomial(self.batch, replacement=True))
            else:
                first = step * self.batch
                last = min(first + self.batch, len(self.planes))
                yield self._squares(torch.arange(first, last, device=self.device))

    def to(self, device: torch.device) -> "ResidentLoader":
        """Asked for by fastai; everything is on its device already."""
        return self

    def _crops(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        count, sides = len(chosen), self.sides[chosen]

        def draw(low: float, high: float) -> Tensor:
            return torch.rand(count, device=self.device) * (high - low) + low

        area = sides.prod(1) * draw(self.recipe.smallest_crop, 1)
        ratio = RATIO ** draw(-1, 1)
        crop = torch.stack([(area / ratio).sqrt(), (area * ratio).sqrt()], 1).minimum(sides)
        start = (sides - crop) * torch.stack([draw(0, 1), draw(0, 1)], 1)
        worn = draw(0, 1) < self.recipe.aged
        way = torch.randint(WORN, (count,), device=self.device)
        planes = self.planes[chosen]
        planes = torch.cat(
            [planes[:, :3], planes[torch.arange(count, device=self.device), 3 + way, None]], 1
        )
        seen = self._cut(planes, start, crop, flipped=draw(0, 1) < 0.5)
        luma, _ = colour.split(seen[:, :3])
        return torch.where(worn.view(-1, 1, 1, 1), seen[:, 3:], luma), seen[:, :3]

    def _squares(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        sides = self.sides[chosen]
        crop = sides.amin(1, keepdim=True).expand(-1, 2)
        flipped = torch.zeros(len(chosen), dtype=torch.bool, device=self.device)
        rgb = self._cut(self.planes[chosen, :3], (sides - crop) / 2, crop, flipped)
        return colour.split(rgb)[0], rgb

    def _cut(self, planes: Tensor, start: Tensor, crop: Tensor, flipped: Tensor) -> Tensor:
        """Parts of planes, uint8 N×C×S×S, at the size of crops, float in [0, 1].

        Sampled at twice the size, so that parts of up to four times it do not alias.

        Args:
            planes: see there.
            start, crop: where a part begins and how large it is, pixels, N×2 (row, column).
            flipped: bool N, whether left and right change places.
        """
        fine = 2 * self.size
        step = (torch.arange(fine, device=self.device) + 0.5) / fine
        places = start[:, None] + crop[:, None] * step[:, None]  # N×fine×2
        places = places.minimum(start[:, None] + crop[:, None] - 0.5).clamp(min=0.5)
        places = places * 2 / planes.shape[-1] - 1  # as grid_sample counts
        rows, columns = places.unbind(2)
        columns = torch.where(flipped[:, None], columns.flip(1), columns)
        grid = torch.stack(
            [columns[:, None].expand(-1, fine, -1), rows[:, :, None].expand(-1, -1, fine)], 3
        )
        seen = F.grid_sample(planes.float() / 255, grid, align_corners=False)
        return F.avg_pool2d(seen, 2).clamp(0, 1)
