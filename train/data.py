"""fastai DataLoaders over a run's pairs, and what lets a pair differ in colour alone."""

import random
from collections.abc import Callable
from pathlib import Path

from fastai.callback.core import Callback
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import ColReader, IndexSplitter
from fastai.vision.augment import FlipItem, RandomResizedCrop, RandTransform
from fastai.vision.core import PILImageBW
from fastai.vision.data import ImageBlock
from pandas import DataFrame, concat
from torch import Tensor

from colouriser import colour

from .aging import age
from .prepare import pairs
from .recipes import Recipe

GENERATED, REAL = "generated", "real"


def pair_loaders(recipe: Recipe, run: Path, size: int) -> DataLoaders:
    """Batches of (grey, colour) photographs: crops of the same place, size × size, in [0, 1].

    Of the training split, a share of the grey ones is worn like old photographs.
    """
    block = (ImageBlock(PILImageBW), ImageBlock)
    frame = _frame(run, lambda name: (run / "grey" / f"{name}.png", run / "colour" / f"{name}.jpg"))
    return _loaders(recipe, block, frame, size, recipe.batch, [Age(recipe.aged)])


def critic_loaders(recipe: Recipe, run: Path, fakes: Path, size: int) -> DataLoaders:
    """Batches of (photograph, "generated" or "real"), half of each."""
    block = (ImageBlock, CategoryBlock(vocab=[GENERATED, REAL]))
    real = _frame(run, lambda n: (run / "colour" / f"{n}.jpg", REAL), recipe.fakes)
    fake = _frame(run, lambda n: (fakes / f"{n}.png", GENERATED), recipe.fakes)
    frame = concat([real, fake], ignore_index=True)
    return _loaders(recipe, block, frame, size, 2 * recipe.batch, [])


def _frame(run: Path, item: Callable[[str], tuple], most: int | None = None) -> DataFrame:
    splits = ("train", "valid")
    rows = [(*item(name), split) for split in splits for name in pairs(run, split, most)]
    return DataFrame(rows, columns=["x", "y", "split"])


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
    return block.dataloaders(frame, bs=batch, num_workers=recipe.workers, drop_last=True)


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
