"""fastai DataLoaders over a run's pairs, and what lets a pair differ in colour alone."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fastai.callback.core import Callback
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import ColReader, IndexSplitter
from fastai.torch_core import default_device, num_distrib
from fastai.vision.augment import FlipItem, RandomResizedCrop, RandTransform
from fastai.vision.core import PILImageBW
from fastai.vision.data import ImageBlock
from pandas import DataFrame, concat
from torch import Tensor

from colouriser import colour

from ..recipes import Recipe
from ..run import Pair, Run, spaced
from .aging import age
from .resident import ResidentLoader

GENERATED, REAL = "generated", "real"


def pair_loaders(recipe: Recipe, run: Run, size: int, batch: int) -> DataLoaders:
    """Batches of (grey, colour) photographs: crops of the same place, size × size, in [0, 1].

    Of the training split, a share of the grey ones is worn like old photographs.
    """
    if recipe.resident and num_distrib() <= 1:
        device = default_device()
        loaders = [ResidentLoader(recipe, run, s, size, batch, device) for s in ("train", "valid")]
        return DataLoaders(*loaders, device=device)
    rows = [(run.grey(p.name), run.colour(p.name), p.split, p.weight) for p in _pairs(run)]
    blocks = (ImageBlock(PILImageBW), ImageBlock)
    return _loaders(recipe, blocks, _frame(rows), size, batch, [Age(recipe.aged)])


def critic_loaders(recipe: Recipe, run: Run, size: int) -> DataLoaders:
    """Batches of (photograph, "generated" or "real"), half of each."""
    pairs = _pairs(run, recipe.fakes)
    real = _frame([(run.colour(p.name), REAL, p.split, 1.0) for p in pairs])
    fake = _frame([(run.fake(p.name), GENERATED, p.split, 1.0) for p in pairs])
    frame = concat([real, fake], ignore_index=True)
    blocks = (ImageBlock, CategoryBlock(vocab=[GENERATED, REAL]))
    return _loaders(recipe, blocks, frame, size, 2 * recipe.gan_batch, [])


class Grow(Callback):
    """Crops of one size in the first epochs and of another in the rest: a network learns what
    things are from small ones, and where they end from large ones."""

    def __init__(self, small: int, epochs: int, large: int) -> None:
        self.small, self.epochs, self.large = small, epochs, large

    def before_epoch(self) -> None:
        size = self.small if self.epoch < self.epochs else self.large
        loader = getattr(self.dls.train, "dl", self.dls.train)  # within that of several processes
        if isinstance(loader, ResidentLoader):
            loader.size = size
            return
        for crop in loader.after_item.fs:
            if isinstance(crop, RandomResizedCrop):
                crop.size = (size, size)


def _pairs(run: Run, most: int | None = None) -> list[Pair]:
    """Photographs of the training and the validation split; at most so many of each."""
    splits = (run.pairs(split) for split in ("train", "valid"))
    return [p for pairs in splits for p in (pairs if most is None else spaced(pairs, most))]


def _frame(rows: Sequence[tuple[Path, Path | str, str, float]]) -> DataFrame:
    return DataFrame(rows, columns=["x", "y", "split", "weight"])


def _loaders(
    recipe: Recipe, blocks: tuple, frame: DataFrame, size: int, batch: int, transforms: list
) -> DataLoaders:
    crop = RandomResizedCrop(size, min_scale=recipe.smallest_crop)
    block = DataBlock(
        blocks=blocks,
        get_x=ColReader("x"),
        get_y=ColReader("y"),
        splitter=IndexSplitter(frame.index[frame["split"] == "valid"]),
        item_tfms=[crop, FlipItem(), *transforms],
    )
    random.seed(recipe.seed)
    batch = min(batch, int((frame["split"] == "train").sum()))
    options = {"bs": batch, "num_workers": recipe.workers, "drop_last": True}
    weights = frame["weight"].to_numpy(np.float64)
    if (weights == weights[0]).all():
        return block.dataloaders(frame, **options)
    return block.weighted_dataloaders(frame, weights, **options)


class Age(RandTransform):
    """Wears grey photographs of the training split, each with probability p."""

    order, split_idx = 2, 0  # after cropping, so that grain keeps its size; training split only

    def __init__(self, p: float) -> None:
        super().__init__(p=p)

    def encodes(self, x: PILImageBW) -> PILImageBW:
        return PILImageBW(age(x, random.Random(random.getrandbits(32))))


class SameLuma(Callback):
    """Gives the true photograph the grey one's luma, and sheds fastai's types.

    Where the grey one was worn, the truth is the worn photograph in its true colours: neither the
    critic nor a loss sees any other difference than colour.
    """

    order = -5  # before GANTrainer swaps inputs and targets

    def before_batch(self) -> None:
        self.learn.xb = (self.x.as_subclass(Tensor),)
        if self.x.shape[1] == 1:
            _, chroma = colour.split(self.y.as_subclass(Tensor))
            self.learn.yb = (colour.merge(self.x, chroma),)
