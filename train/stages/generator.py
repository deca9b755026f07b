"""Stage 1: the generator learns chroma, its palette and hints, from ImageNet weights or a model.

Leaves RUN/generator with the best epoch's `model.safetensors` and `config.json`, and RUN/fakes with
its coloured versions of training and validation photographs, for the critic.
"""

import logging
import pickle  # for the name of an error only: torch.load reads weights alone
import shutil
from pathlib import Path

import numpy as np
import torch
from fastai.callback.schedule import ParamScheduler, SchedCos, SchedNo, combine_scheds
from fastai.learner import Learner
from fastai.torch_core import set_seed
from PIL import Image
from torchvision import models
from torchvision.transforms.functional import pil_to_tensor
from tqdm import tqdm

from colouriser import Colouriser, Generator
from colouriser.errors import reason
from colouriser.hub import find, load, store
from colouriser.photo import write

from ..data.hints import Hints
from ..data.pairs import Grow, SameLuma, pair_loaders
from ..measure.evaluate import colour_all, photographs
from ..measure.figures import SAMPLES, columns
from ..measure.metrics import Metrics
from ..recipes import Recipe
from ..run import Run, TrainingError, spaced
from .distributed import is_first
from .loop import Autocast, Averaged, EpochRecord, MoveAverage, Scores, adam, train
from .losses import ChromaError, PaintingError, PaletteError

log = logging.getLogger(__name__)

WARM_UP = 0.02  # share of the steps in which rates rise: an optimiser has to get to know its slopes
COUNTED = 500  # photographs whose colours are counted: which are rare hardly depends on more


def train_generator(
    recipe: Recipe, run: Run, encoder_weights: Path | None = None, start: str | None = None
) -> None:
    """Train the generator alone and save its outputs for the critic.

    Args:
        recipe: decides the model and the schedule.
        run: a prepared run.
        encoder_weights: a file with torchvision's ImageNet weights; downloaded unless given.
        start: a model to go on from, a folder or "owner/name@revision", in place of ImageNet. It
            may be one of before, without hints and palette.

    Raises:
        TrainingError: `start` is not of the recipe's architecture; see also `imagenet`.
    """
    set_seed(recipe.seed)
    loaders = pair_loaders(recipe, run, recipe.generator_size, recipe.batch)
    generator = Generator(recipe.model)
    if not run.checkpoint("generator").exists():
        shutil.rmtree(run.fakes, ignore_errors=True)  # of another generator
        if start:
            take_over(generator, load(find(start)), start)
        elif recipe.imagenet:
            load_imagenet(generator, encoder_weights)
    model = Averaged(generator.to(memory_format=torch.channels_last))
    learner = Learner(
        loaders,
        model,
        loss_func=painting_error(recipe, run, generator),
        splitter=lambda model: halves(model.network),
        opt_func=adam(),
        wd=0.01,
        cbs=[
            SameLuma(),
            Grow(recipe.small_size, recipe.small_epochs, recipe.generator_size),
            MoveAverage(model, recipe.generator_average),
            *([Hints(recipe.hints)] if recipe.model.hints else []),
            *([Autocast()] if recipe.bfloat16 else []),
        ],
    )
    watch = Watch(recipe, run, model.average, "generator")
    rates = np.array([recipe.generator_rate * recipe.encoder_share, recipe.generator_rate])
    schedule = combine_scheds(
        [WARM_UP, 1 - WARM_UP - recipe.cool_down, recipe.cool_down],
        [SchedCos(rates / 10, rates), SchedNo(rates, rates), SchedCos(rates, rates / 100)],
    )
    train(
        learner,
        EpochRecord(run, "generator", recipe, watch),
        recipe.generator_epochs,
        lambda first: learner.fit(
            recipe.generator_epochs, cbs=ParamScheduler({"lr": schedule}), start_epoch=first
        ),
    )
    if is_first():
        save_fakes(recipe, run)


def painting_error(recipe: Recipe, run: Run, generator: Generator) -> PaintingError:
    """Stage 1's loss, which knows how rare each colour is in a run's photographs."""
    chroma = ChromaError(recipe.pixel_loss)
    if not recipe.model.palette:
        return PaintingError(chroma, None, 0.0)
    counted = PaletteError(generator)
    counts = torch.zeros(len(generator.cells))
    for name in run.names("train", COUNTED):
        with Image.open(run.colour(name)) as image:
            counts += counted.count(pil_to_tensor(image.convert("RGB"))[None] / 255)
    palette = PaletteError(generator, counts / counts.sum(), recipe.rarity)
    return PaintingError(chroma, palette, recipe.palette_weight)


def take_over(generator: Generator, old: Generator, name: str) -> None:
    """Start from another generator. If it is one of before, the first convolution gets zeros for
    the hints, so that it begins by passing over them, and the palette begins anew.

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
    # Its evenness is of the head that it had, and passed over.
    state = {name: value for name, value in old.state_dict().items() if name in own}
    first = "encoder.conv1.weight"
    if own[first].shape != state[first].shape:
        widened = torch.zeros_like(own[first])
        widened[:, :1] = state[first][:, :1]
        state[first] = widened
    generator.load_state_dict(own | state)


def halves(generator: Generator) -> list[list[torch.nn.Parameter]]:
    """The generator's parameters in two groups: the encoder's and all others."""
    encoder = list(generator.encoder.parameters())
    own = set(encoder)
    return [encoder, [p for p in generator.parameters() if p not in own]]


def load_imagenet(generator: Generator, path: Path | None = None) -> None:
    """Start the encoder from ImageNet. The first convolution's weights are summed over R, G and B,
    which gives for grey what the original gives for R = G = B; for hints they begin at zero.

    Raises:
        TrainingError: see `imagenet`.
    """
    state = imagenet(generator.config.encoder, path).state_dict()
    first = torch.zeros_like(generator.encoder.conv1.weight)
    first[:, :1] = state["conv1.weight"].sum(1, keepdim=True)
    state["conv1.weight"] = first
    generator.encoder.load_state_dict({k: v for k, v in state.items() if k[:3] != "fc."})


def imagenet(encoder: str, path: Path | None = None) -> models.ResNet:
    """A torchvision network with ImageNet weights, from a file or torchvision's servers.

    Raises:
        TrainingError: the download failed, or `path` does not hold weights of this network.
    """
    try:
        if path is None:
            return models.get_model(encoder, weights="IMAGENET1K_V1")
        network = models.get_model(encoder, weights=None)
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return network
    except (OSError, TypeError, AttributeError, RuntimeError, pickle.UnpicklingError) as error:
        raise TrainingError(
            f"no ImageNet weights of {encoder} from {path or 'torchvision'} ({reason(error)}); "
            "give the file with --encoder-weights"
        ) from error


class Watch:
    """After an epoch: colours validation photographs, measures them, keeps the best epoch."""

    def __init__(
        self,
        recipe: Recipe,
        run: Run,
        generator: Generator,
        stage: str,
        kept: Path | None = None,  # where the best epoch is kept; RUN/STAGE unless given
    ) -> None:
        self.generator, self.run, self.stage = generator, run, stage
        self.kept = kept or run.stage(stage)
        self.truths = photographs(run, run.names("valid", recipe.watched), recipe.stored_size)
        sets = [name for name in ("fid", "kid") if stage == "gan" and name in recipe.metrics]
        names = ("psnr", "colourfulness", *sets)
        # Also fetches the networks of the metrics, before and not after the first epoch.
        self.metrics = Metrics(self.truths, names)
        self.grey = self.metrics([t.convert("L").convert("RGB") for t in self.truths])
        values = ", ".join(f"{name} {value:.4g}" for name, value in self.grey.items())
        log.info("%s: the validation photographs in grey, to compare with: %s", stage, values)

    def __call__(self, epoch: int, row: Scores, best: float | None) -> float:
        device = next(self.generator.parameters()).device
        outputs = colour_all(Colouriser(self.generator, device), self.truths)
        scores = self.metrics(outputs)
        row.update({f"valid_{name}": value for name, value in scores.items()})
        sheet = [(t.convert("L"), o, t) for o, t in zip(outputs, self.truths, strict=True)]
        columns(spaced(sheet, SAMPLES), self.run.sample(self.stage, epoch))
        score = self._score(scores)
        if best is not None and score <= best:
            return best
        store(self.generator, self.kept)
        return score

    def _score(self, scores: Scores) -> float:
        """PSNR; but in the GAN, where it would choose the palest epoch, how much of grey's KID and
        of its lack of colour is gone. KID is the same on average for any number of photographs, so
        few will do."""
        if "kid" not in scores:
            return scores["psnr"]
        return -sum(scores[name] / self.grey[name] for name in ("kid", "colourfulness_gap"))


def save_fakes(recipe: Recipe, run: Run) -> None:
    """Colour training and validation photographs with the generator, as RUN/fakes/NAME.png."""
    part = run.fakes.with_suffix(".part")
    if run.fakes.exists():
        return
    shutil.rmtree(part, ignore_errors=True)
    colouriser = Colouriser.load(run.stage("generator"))
    names = [name for split in ("train", "valid") for name in run.names(split, recipe.fakes)]
    for name in tqdm(names, desc="fakes", unit="photo", disable=None):
        with Image.open(run.grey(name)) as grey:
            colour = colouriser.colourise(grey, detail=min(grey.size))
        write(colour, part / run.fake(name).name)
    part.rename(run.fakes)  # complete, or not there
