"""fastai DataLoaders over a run's pairs, and the callback that turns RGB into luma and chroma."""

import random
from collections.abc import Callable
from pathlib import Path

import torch
from fastai.callback.core import Callback
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import ColReader, IndexSplitter
from fastai.vision.augment import FlipItem, RandomResizedCrop
from fastai.vision.core import PILImageBW
from fastai.vision.data import ImageBlock
from pandas import DataFrame
from torch import Tensor
from torch.nn import functional as F

from colouriser import colour

from .prepare import pairs
from .recipes import Recipe

GENERATED, REAL = "generated", "real"


def pair_loaders(recipe: Recipe, run: Path, size: int) -> DataLoaders:
    """Batches of (grey, colour) photographs: crops of the same place, size × size, in [0, 1]."""
    block = (ImageBlock(PILImageBW), ImageBlock)
    frame = _frame(run, lambda name: (run / "grey" / f"{name}.png", run / "colour" / f"{name}.jpg"))
    return _loaders(recipe, block, frame, size, recipe.batch)


def critic_loaders(recipe: Recipe, run: Path, fakes: Path, size: int) -> DataLoaders:
    """Batches of (photograph, "generated" or "real"), half of each."""
    block = (ImageBlock, CategoryBlock(vocab=[GENERATED, REAL]))
    real = _frame(run, lambda name: (run / "colour" / f"{name}.jpg", REAL))
    fake = _frame(run, lambda name: (fakes / f"{name}.png", GENERATED))
    frame = DataFrame({k: [*real[k], *fake[k]] for k in real})
    return _loaders(recipe, block, frame, size, 2 * recipe.batch)


def _frame(run: Path, item: Callable[[str], tuple]) -> DataFrame:
    rows = [(*item(name), split) for split in ("train", "valid") for name in pairs(run, split)]
    return DataFrame(rows, columns=["x", "y", "split"])


def _loaders(recipe: Recipe, blocks: tuple, frame: DataFrame, size: int, batch: int) -> DataLoaders:
    block = DataBlock(
        blocks=blocks,
        get_x=ColReader("x"),
        get_y=ColReader("y"),
        splitter=IndexSplitter(frame.index[frame["split"] == "valid"]),
        item_tfms=[RandomResizedCrop(size, min_scale=0.35), FlipItem()],
    )
    random.seed(recipe.seed)
    batch = min(batch, int((frame["split"] == "train").sum()))
    return block.dataloaders(frame, bs=batch, num_workers=recipe.workers, drop_last=True)


def luma_and_chroma(rgb: Tensor) -> Tensor:
    """What the critic sees: luma and chroma at chroma's size.

    Args:
        rgb: float N×3×H×W in [0, 1].

    Returns:
        float N×3×H/2×W/2: luma in [0, 1], Cb and Cr in [-0.5, 0.5].
    """
    return torch.cat(colour.split(F.avg_pool2d(rgb, 2)), 1)


class ToLumaAndChroma(Callback):
    """Replaces every RGB photograph of a batch by its luma and chroma, and sheds fastai's types."""

    order = -5  # before GANTrainer swaps inputs and targets

    def before_batch(self) -> None:
        self.learn.xb = tuple(_convert(x) for x in self.xb)
        self.learn.yb = tuple(_convert(y) for y in self.yb)


def _convert(x: Tensor) -> Tensor:
    x = x.as_subclass(Tensor)
    return luma_and_chroma(x) if x.ndim == 4 and x.shape[1] == 3 else x
