"""Stage 1: the generator learns chroma, its palette and hints, from ImageNet weights or a model.

A recipe without epochs of it goes on from a model that was a GAN's: stage 1 would make it pale.
One with its own labels goes on nearer to its start: what that paints of a clean crop is the
truth of the same crop degraded or set into a print (as in FixMatch, Sohn et al. 2020,
arXiv:2001.07685), and paper, ink and even tones are neutral.

Leaves RUN/generator with the best epoch's `model.safetensors` and `config.json`, and RUN/fakes with
its coloured versions of training and validation photographs, for the critic.
"""

import copy
import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from fastai.callback.schedule import ParamScheduler, SchedCos, SchedNo, combine_scheds
from fastai.learner import Learner
from fastai.torch_core import default_device, set_seed
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from colouriser import Colouriser, Generator, colour
from colouriser.generator import Painting, has_bfloat16
from colouriser.hub import load, resolve, store

from ..data.photographs import Photograph, write_photographs
from ..errors import TrainingError
from ..recipes import Recipe
from ..run import Run
from .imagenet import start_from_imagenet
from .loop import (
    Autocast,
    Averaged,
    EpochRecord,
    MoveAverage,
    SteadyStatistics,
    adam,
    new_loaders,
    paint,
    parameter_groups,
    train,
)
from .losses import ChromaLoss, PaintingLoss, PaletteLoss
from .validator import Validator

log = logging.getLogger(__name__)

WARM_UP = 0.02  # share of the steps in which rates rise: an optimiser has to get to know its slopes
COUNTED = 500  # photographs whose colours are counted: which are rare hardly depends on more


def train_generator(
    recipe: Recipe,
    run: Run,
    encoder_weights: Path | None = None,
    start: str | None = None,
    track: str | None = None,
) -> None:
    """Train the generator alone and save its outputs for the critic.

    Args:
        recipe: decides the model and the schedule.
        run: a prepared run.
        encoder_weights: a safetensors file with ImageNet weights; downloaded unless given.
        start: a model to go on from, a folder or "owner/name@revision", in place of ImageNet. It
            may be an older one, without hints, palette or attention.
        track: see `track_epoch`.

    Raises:
        TrainingError: `start` is not of the recipe's architecture, or is missing where it gives the
            labels; see also `imagenet`.
    """
    set_seed(recipe.seed)
    generator = Generator(recipe.model)
    if not begun(run, recipe):
        shutil.rmtree(run.fakes, ignore_errors=True)  # of another generator
        if start:
            take_over(generator, load(resolve(start)), start)
        elif recipe.imagenet:
            start_from_imagenet(generator, encoder_weights)
        if not recipe.generator_epochs:
            store(generator, run.stage("generator"))
    if not recipe.generator_epochs:
        save_fakes(recipe, run)
        return
    relabel = None
    if recipe.own_labels:
        if start is None:
            raise TrainingError(f"the recipe {recipe.name} needs its start; give it as --start")
        relabel = painter(recipe, load(resolve(start)))
    loaders = new_loaders(recipe, run, relabel)
    model = Averaged(generator.to(memory_format=torch.channels_last))
    learner = Learner(
        loaders,
        model,
        loss_func=painting_loss(recipe, run, generator),
        splitter=lambda model: parameter_groups(model.network),
        opt_func=adam(),
        wd=0.01,
        cbs=[
            MoveAverage(recipe.generator_average),
            *([Autocast()] if recipe.bfloat16 else []),
            *([SteadyStatistics()] if recipe.own_labels else []),
        ],
    )
    rates = np.array([recipe.generator_rate * recipe.encoder_share, recipe.generator_rate])
    schedule = combine_scheds(
        [WARM_UP, 1 - WARM_UP - recipe.cool_down, recipe.cool_down],
        [SchedCos(rates / 10, rates), SchedNo(rates, rates), SchedCos(rates, rates / 100)],
    )
    train(
        learner,
        EpochRecord(
            run,
            "generator",
            recipe,
            lambda e: recipe.small_size if e < recipe.small_epochs else recipe.generator_size,
            Validator(recipe, run, model.average, "generator"),
            track=track,
        ),
        recipe.generator_epochs,
        lambda first: learner.fit(
            recipe.generator_epochs, cbs=ParamScheduler({"lr": schedule}), start_epoch=first
        ),
    )
    if recipe.own_labels and start and recipe.start_share:
        store(
            between(model.average, load(resolve(start)), recipe.start_share), run.stage("generator")
        )
    if recipe.gan_epochs:
        save_fakes(recipe, run)


def painter(recipe: Recipe, model: Generator) -> Callable[[Tensor], Tensor]:
    """Gives photographs, RGB N×3×H×W in [0, 1], the colours that a model paints."""
    device = default_device()
    model = model.to(device).to(memory_format=torch.channels_last).requires_grad_(False).eval()
    bfloat16 = recipe.bfloat16 and has_bfloat16(device.type)

    def painted(rgb: Tensor) -> Tensor:
        luma, _ = colour.split(rgb)
        hints = [luma.new_zeros(len(luma), 3, *luma.shape[2:])] if model.config.hints else []
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            painting = model(luma, *hints)
        return paint(Painting(painting.chroma.float(), painting.palette), luma)

    return painted


def painting_loss(recipe: Recipe, run: Run, generator: Generator) -> PaintingLoss:
    """Stage 1's loss, which knows how rare each colour is in a run's photographs."""
    chroma = ChromaLoss(recipe.pixel_loss)
    if not recipe.model.palette:
        return PaintingLoss(chroma, None, 0.0)
    counted = PaletteLoss(generator)
    counts = torch.zeros(len(generator.cells))
    for row in run.photographs.of("train", COUNTED):
        pixels = torch.from_numpy(run.photographs.pixels(row).copy())
        counts += counted.count(pixels.permute(2, 0, 1)[None] / 255)
    palette = PaletteLoss(generator, counts / counts.sum(), recipe.rarity)
    return PaintingLoss(chroma, palette, recipe.palette_weight)


def begun(run: Run, recipe: Recipe) -> bool:
    """Whether the stage needs no start any more."""
    if recipe.generator_epochs:
        return run.checkpoint("generator").exists()
    return run.has_model("generator")


def recipe_of_start(recipe: Recipe, run: Run, start: str | None) -> Recipe:
    """A recipe that goes on from a model, with that model's architecture; the run records it.

    Raises:
        TrainingError: no model is given.
    """
    if begun(run, recipe):
        return recipe  # which knows it
    if start is None:
        raise TrainingError(
            f"the recipe {recipe.name} goes on from a model; give one as --start, "
            "colouriser/weights for example"
        )
    old = load(resolve(start)).config
    palette = old.palette or recipe.model.palette
    mean = old.mean if old.palette else 0.0  # a palette that knows nothing yet has no say
    model = replace(old, hints=recipe.model.hints, palette=palette, mean=mean)
    recipe = replace(recipe, model=model)
    run.write_recipe(recipe)
    return recipe


def take_over(generator: Generator, old: Generator, name: str) -> None:
    """Start from another generator. What an older one lacks begins without effect: hints with zeros
    in the first convolution, attention as it is; a palette begins anew.

    Raises:
        TrainingError: it is of another architecture.
    """
    config = generator.config
    if (old.config.encoder, old.config.decoder) != (config.encoder, config.decoder) or (
        old.config.palette not in (0, config.palette)
    ):
        raise TrainingError(
            f"{name} is {old.config}, and the recipe is for {config}; "
            "choose another recipe or model"
        )
    own = generator.state_dict()
    state = {name: value for name, value in old.state_dict().items() if name in own}
    first = f"encoder.{generator.encoder.stem}.weight"
    if own[first].shape != state[first].shape:
        widened = torch.zeros_like(own[first])
        widened[:, :1] = state[first][:, :1]
        state[first] = widened
    generator.load_state_dict(own | state)


def between(network: Generator, start: Generator, share: float) -> Generator:
    """A generator whose weights lie between two of one architecture, which is often better on
    photographs of other sources than either (WiSE-FT; Wortsman et al. 2022, arXiv:2109.01903)."""
    mixed, theirs = copy.deepcopy(network).cpu(), start.state_dict()
    for name, value in mixed.state_dict().items():
        if value.is_floating_point():
            value.lerp_(theirs[name], share)  # the network's own memory
    return mixed


def save_fakes(recipe: Recipe, run: Run) -> None:
    """Colour training and validation photographs with the generator, into RUN/fakes."""
    if (run.fakes / "photographs.csv").exists():
        return
    colouriser = Colouriser.load(run.stage("generator"))
    photographs = run.photographs
    rows = [row for split in ("train", "valid") for row in photographs.of(split, recipe.fakes)]

    def coloured(row: Photograph) -> tuple[Image.Image, dict[str, object]]:
        grey = photographs.image(row).convert("L")
        fake = colouriser.colourise(grey, detail=max(64, min(grey.size)))
        names = ("name", "split", "set", "weight", "people")
        return fake, {name: asdict(row)[name] for name in names}

    progress = tqdm(rows, desc="fakes", unit="photo", disable=None)
    write_photographs(run.fakes, map(coloured, progress))
